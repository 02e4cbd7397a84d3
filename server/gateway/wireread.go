package gateway

import (
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// message reads an encoded protocol buffers message where it lies, field by field.
// Whoever reads goes on while next is true, and then looks at broken. What decoders
// in general take and refuse, it takes and refuses too.
type message struct {
	rest string
	// field is the number of the field that was read last, when it is a text, bytes
	// or a message, whose content is given then. It is 0 for all other kinds: none of
	// those is looked at here, and a known number with another kind is an unknown field.
	field   protowire.Number
	content string
	// broken is true once the bytes are no message.
	broken bool
}

// next reads one field. It is false at the end, and where nothing can be read.
func (m *message) next() bool {
	if m.rest == "" {
		return false
	}
	field, kind, rest, ok := readTag(m.rest)
	if !ok || field > protowire.MaxValidNumber {
		m.broken = true
		return false
	}
	if kind == protowire.BytesType {
		m.field = field
		m.content, m.rest, ok = readContent(rest)
	} else {
		m.field, m.content = 0, ""
		m.rest, ok = skipValue(field, kind, rest, protowire.DefaultRecursionLimit)
	}
	m.broken = !ok
	return ok
}

// wellFormed tells whether text is a message, of whatever type without messages in
// it.
func wellFormed(text string) bool {
	m := message{rest: text}
	for m.next() {
	}
	return !m.broken
}

func readTag(text string) (field protowire.Number, kind protowire.Type, rest string, ok bool) {
	tag, rest, ok := readVarint(text)
	number := tag >> 3
	if !ok || number == 0 || number > math.MaxInt32 {
		return 0, 0, "", false
	}
	return protowire.Number(number), protowire.Type(tag & 7), rest, true
}

func readContent(text string) (content, rest string, ok bool) {
	length, rest, ok := readVarint(text)
	if !ok || length > uint64(len(rest)) {
		return "", "", false
	}
	return rest[:length], rest[length:], true
}

func readVarint(text string) (value uint64, rest string, ok bool) {
	if text != "" && text[0] < 0x80 {
		return uint64(text[0]), text[1:], true
	}
	for i := range min(len(text), maxVarint) {
		b := text[i]
		if i == maxVarint-1 && b > 1 {
			return 0, "", false
		}
		value |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return value, text[i+1:], true
		}
	}
	return 0, "", false
}

// maxVarint is the most bytes that a number of 64 bits takes.
const maxVarint = 10

// skipValue gives what follows the value of a field. Groups may lie in groups to a
// depth.
func skipValue(field protowire.Number, kind protowire.Type, text string, depth int) (rest string, ok bool) {
	switch kind {
	case protowire.VarintType:
		_, rest, ok = readVarint(text)
		return rest, ok
	case protowire.Fixed32Type:
		return skipBytes(text, 4)
	case protowire.Fixed64Type:
		return skipBytes(text, 8)
	case protowire.BytesType:
		_, rest, ok = readContent(text)
		return rest, ok
	case protowire.StartGroupType:
		return skipGroup(field, text, depth)
	case protowire.EndGroupType:
	}
	return "", false
}

func skipBytes(text string, n int) (rest string, ok bool) {
	if len(text) < n {
		return "", false
	}
	return text[n:], true
}

func skipGroup(field protowire.Number, text string, depth int) (rest string, ok bool) {
	for depth >= 0 {
		inner, kind, after, ok := readTag(text)
		if !ok {
			return "", false
		}
		if kind == protowire.EndGroupType {
			return after, inner == field
		}
		if text, ok = skipValue(inner, kind, after, depth-1); !ok {
			return "", false
		}
	}
	return "", false
}

// marked gives a text with a NUL in place of each byte that is no UTF-8. Clients can
// put such bytes into a path or a header, and Envoy passes them on. A decoder ends
// the call with an error then; but that is "nothing was decided", which some gateways
// are told to let through, while a request that can't be read is to be refused: no
// path, no host and no key may hold a NUL.
func marked(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && size == 1 {
			out.WriteByte(0)
		} else {
			out.WriteString(text[i : i+size])
		}
		i += size
	}
	return out.String()
}
