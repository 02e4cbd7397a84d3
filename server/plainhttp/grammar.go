package plainhttp

// bytes256 tells which bytes belong to a set.
type bytes256 [256]bool

// The bytes of RFC 9110 section 5.6.2 (token), of a host without what only
// percent-encoding and sub-delims would add, and of a request target.
var (
	tokenBytes  = setOf("!#$%&'*+-.^_`|~", "09", "AZ", "az")
	hostBytes   = setOf("-._:[]", "09", "AZ", "az")
	targetBytes = setOf("", "!~")
	// Values may hold any byte but control characters, the tab excepted. Those
	// beyond ASCII are opaque (RFC 9110 section 5.5).
	valueBytes = setOf("\t", " ~", "\x80\xff")
)

// setOf makes a set of single bytes and of ranges.
func setOf(single string, ranges ...string) (set bytes256) {
	for i := range len(single) {
		set[single[i]] = true
	}
	for _, r := range ranges {
		for c := int(r[0]); c <= int(r[1]); c++ {
			set[c] = true
		}
	}
	return set
}

// holds tells whether text is made of the set's bytes alone.
func (set *bytes256) holds(text string) bool {
	for i := range len(text) {
		if !set[text[i]] {
			return false
		}
	}
	return true
}

func isToken(text string) bool { return text != "" && tokenBytes.holds(text) }

func isHost(text string) bool { return text != "" && hostBytes.holds(text) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}

// isTarget takes a path with or without a query. Every escape in the path has to be
// whole, as net/http refuses others before anybody sees them.
func isTarget(text string) bool {
	if text == "" || text[0] != '/' || !targetBytes.holds(text) {
		return false
	}
	for i := 0; i < len(text) && text[i] != '?'; i++ {
		if text[i] == '%' && (i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2])) {
			return false
		}
	}
	return true
}
