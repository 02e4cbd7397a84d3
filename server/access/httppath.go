package access

import (
	"iter"
	"strings"
	"unicode/utf8"
)

const (
	// MaxPathLen is how many bytes of path a request may have, its query aside.
	MaxPathLen = 16 << 10
	// MaxPathSegments is how many segments it may have; a trailing slash counts
	// as one.
	MaxPathSegments = 64
)

// Path is a request's path, decoded once, in which every reader finds the same
// segments. The zero Path is none, and matches nothing.
type Path struct {
	// text holds the segments, each with its slash before it. No segment of it
	// holds an encoded slash, so that the decoded text can be cut anew.
	text string
	// slash is whether a trailing slash follows: "/" is that slash alone.
	slash bool
	// parameters is whether there is a ';' in it; see Routes.Match.
	parameters bool
}

// ReadPath reads a request target as a proxy forwards it, query included; the
// query is cut off and never looked at. What two readers could read differently
// is not ok, and never repaired: an absolute form, a fragment, a blank, a
// backslash, raw or encoded; an encoded slash; dot segments, raw, encoded or
// with parameters ("..;x"); an empty segment inside; an escape that is none or
// that decodes to another one; control characters and invalid UTF-8, raw or
// encoded. So is what exceeds MaxPathLen and MaxPathSegments.
//
// A single trailing slash is fine, and makes another path than the one without.
// A ';' is allowed, as paths may hold it (RFC 3986 section 3.3), if something
// stands before it in its segment; Routes.Match sees to the readers that cut a
// segment there.
func ReadPath(raw string) (Path, bool) {
	text, _, _ := strings.Cut(raw, "?")
	if text == "" || text[0] != '/' || len(text) > MaxPathLen ||
		strings.IndexByte(text, '#') >= 0 || strings.IndexByte(text, ' ') >= 0 {
		return Path{}, false
	}
	if first := strings.IndexByte(text, '%'); first >= 0 {
		var ok bool
		if text, ok = decode(text, first); !ok {
			return Path{}, false
		}
	}
	p := Path{text: text}
	if last := len(text) - 1; text[last] == '/' {
		p.text, p.slash = text[:last], true
	}
	return checked(p)
}

// decode replaces the escapes, of which the first is known. It refuses those
// that are none, and the slash, which would change how the text is cut; all
// other characters are judged afterwards, like those that came unescaped.
func decode(text string, first int) (string, bool) {
	var out strings.Builder
	out.Grow(len(text) - 2)
	out.WriteString(text[:first])
	for i := first; i < len(text); i++ {
		c := text[i]
		if c == '%' {
			if !escapeAt(text, i) {
				return "", false
			}
			c = unhex(text[i+1])<<4 | unhex(text[i+2])
			if c == '/' {
				return "", false
			}
			i += 2
		}
		out.WriteByte(c)
	}
	return out.String(), true
}

// checked judges the decoded text, and notes whether there are parameters in it.
func checked(p Path) (Path, bool) {
	segments, start, ascii := 0, 0, true
	for i := 0; i <= len(p.text); i++ {
		if i == len(p.text) || p.text[i] == '/' {
			if i > 0 && !validSegment(p.text[start:i]) {
				return Path{}, false
			}
			if i < len(p.text) {
				segments++
			}
			start = i + 1
			continue
		}
		switch c := p.text[i]; {
		case c < ' ' || c == 0x7f || c == '\\':
			return Path{}, false
		case c == '%' && escapeAt(p.text, i):
			return Path{}, false
		case c == ';':
			p.parameters = true
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if p.slash {
		segments++
	}
	if segments > MaxPathSegments || !ascii && !cleanUnicode(p.text) {
		return Path{}, false
	}
	return p, true
}

// validSegment refuses empty and dot segments, also where a reader that takes
// ';' for the beginning of parameters would see one.
func validSegment(segment string) bool {
	if len(segment) > 2 && segment[0] != '.' && segment[0] != ';' {
		return true
	}
	segment, _, _ = strings.Cut(segment, ";")
	return segment != "" && segment != "." && segment != ".."
}

// cleanUnicode tells whether text is valid UTF-8 without the control characters
// U+0080 to U+009F.
func cleanUnicode(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for i := range len(text) {
		if text[i] == 0xc2 && text[i+1] < 0xa0 {
			return false
		}
	}
	return true
}

// escapeAt tells whether the '%' at i begins an escape.
func escapeAt(text string, i int) bool {
	return i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2])
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// Segments gives the decoded segments. A trailing slash is an empty one at the
// end, and so "/" has a single empty segment.
func (p Path) Segments() iter.Seq[string] {
	return func(yield func(string) bool) {
		for rest := p.text; rest != ""; {
			var segment string
			segment, rest = cutSegment(rest)
			if !yield(segment) {
				return
			}
		}
		if p.slash {
			yield("")
		}
	}
}

// String gives the decoded path, for people to read.
func (p Path) String() string {
	if p.slash {
		return p.text + "/"
	}
	return p.text
}

// cutSegment takes the first segment off a text that begins with a slash.
func cutSegment(text string) (segment, rest string) {
	text = text[1:]
	if i := strings.IndexByte(text, '/'); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// withoutParameters gives the path as readers see it that cut each segment at
// its first ';', as servlet containers do.
func (p Path) withoutParameters() Path {
	out := make([]byte, 0, len(p.text))
	for rest := p.text; rest != ""; {
		var segment string
		segment, rest = cutSegment(rest)
		segment, _, _ = strings.Cut(segment, ";")
		out = append(append(out, '/'), segment...)
	}
	return Path{text: string(out), slash: p.slash}
}
