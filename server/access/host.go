package access

import (
	"net/netip"
	"strings"
)

const (
	// maxHostLen is how long a name may be (RFC 1035 section 2.3.4, less what the
	// wire format adds), maxLabelLen how long a part of it.
	maxHostLen  = 253
	maxLabelLen = 63
	// anyHost is the pattern that covers every host.
	anyHost = "*"
)

// ReadHost gives what a request's Host or :authority is compared as: lower case,
// without its port and without one trailing dot; an IPv6 address in brackets,
// in the form of RFC 5952. What is no name or address is not ok. An empty text
// is: no host is known then.
//
// A name that ends in a number but is no IPv4 address is refused too: some
// readers take "127.1" or "0x7f.1" for an address, others for a name.
func ReadHost(text string) (string, bool) {
	if text == "" {
		return "", true
	}
	name, port, hasPort := cutPort(text)
	if hasPort && !validPort(port) {
		return "", false
	}
	return readHostName(name)
}

// cutPort cuts at the last colon, unless that lies inside brackets. Colons that
// are left over make the name invalid.
func cutPort(text string) (name, port string, hasPort bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || strings.IndexByte(text[i:], ']') >= 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

func validPort(text string) bool {
	if text == "" || len(text) > 5 {
		return false
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
		n = 10*n + int(text[i]-'0')
	}
	return n <= 65535
}

func readHostName(name string) (string, bool) {
	if strings.HasPrefix(name, "[") {
		return readIPv6(name)
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" || len(name) > maxHostLen {
		return "", false
	}
	last := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if !labelFits(i - last) {
				return "", false
			}
			last = i + 1
		case !labelByte(c):
			return "", false
		}
	}
	if !labelFits(len(name) - last) {
		return "", false
	}
	if looksNumeric(name[last:]) {
		if _, err := netip.ParseAddr(name); err != nil {
			return "", false
		}
	}
	return strings.ToLower(name), true
}

func readIPv6(name string) (string, bool) {
	inside, ok := strings.CutSuffix(name[1:], "]")
	if !ok {
		return "", false
	}
	a, err := netip.ParseAddr(inside)
	if err != nil || !a.Is6() || a.Zone() != "" {
		return "", false
	}
	return "[" + a.String() + "]", true
}

func labelFits(length int) bool { return length > 0 && length <= maxLabelLen }

// labelByte allows the underscore, which names in use do have.
func labelByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// looksNumeric tells whether a name with this last part would be taken for an
// IPv4 address by readers that follow the URL standard.
func looksNumeric(label string) bool {
	if len(label) >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X') {
		return strings.Trim(label[2:], "0123456789abcdefABCDEF") == ""
	}
	for i := range len(label) {
		if label[i] < '0' || label[i] > '9' {
			return false
		}
	}
	return true
}

// NormalHostPattern writes a host pattern as patterns are compared: in lower
// case, without a trailing dot. What is no pattern is not ok.
func NormalHostPattern(text string) (string, bool) {
	if text == anyHost {
		return anyHost, true
	}
	suffix, wild := strings.CutPrefix(text, "*.")
	if !wild {
		return readHostName(text)
	}
	name, ok := readHostName(suffix)
	if !ok || len(name)+2 > maxHostLen || name[0] == '[' || looksNumeric(name[strings.LastIndexByte(name, '.')+1:]) {
		return "", false
	}
	return "*." + name, true
}

// ValidHostPattern tells whether text is a host pattern as it is to be written:
// an exact name or address, "*.suffix", or "*".
func ValidHostPattern(text string) bool {
	normal, ok := NormalHostPattern(text)
	return ok && normal == text
}

// HostCovers tells whether a pattern covers a host, or everything that another
// pattern covers. "*.x" covers any depth below x, not x itself. Nothing covers
// the empty text, which stands for a host that is not known.
func HostCovers(pattern, other string) bool {
	switch {
	case pattern == "" || other == "":
		return false
	case pattern == anyHost || pattern == other:
		return true
	case strings.HasPrefix(pattern, "*."):
		// The star of the one cut off, its suffix begins with a dot: so the names
		// and patterns below it end.
		suffix := pattern[1:]
		return len(other) > len(suffix) && strings.HasSuffix(other, suffix)
	}
	return false
}

// HostsOverlap tells whether some host is covered by both patterns. Of two
// patterns either one lies inside the other, or they are apart.
func HostsOverlap(a, b string) bool { return HostCovers(a, b) || HostCovers(b, a) }

// hostKey is what a pattern is indexed under: a name under itself, "*.suffix"
// under ".suffix", and "*" under the empty text.
func hostKey(pattern string) string { return strings.TrimPrefix(pattern, "*") }

// widerHostKey leads from a host, or the key of a pattern that covers it, to
// the key of the next wider one; the last is the empty text.
func widerHostKey(key string) string {
	if i := strings.IndexByte(key[1:], '.'); i >= 0 {
		return key[1+i:]
	}
	return ""
}

// hostNearness orders the patterns that cover the same host: the larger, the
// more specific.
func hostNearness(pattern string) int {
	if suffix, wild := strings.CutPrefix(pattern, "*"); wild {
		return len(suffix)
	}
	return maxHostLen + 1
}
