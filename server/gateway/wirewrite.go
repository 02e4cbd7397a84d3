package gateway

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// draft is an encoded protocol buffers message that is being written. Fields have
// numbers below 16, so that a tag is one byte.
type draft struct {
	out []byte
	// broken is true once a text was no UTF-8, which no decoder takes.
	broken bool
}

func (d *draft) tag(field protowire.Number, kind protowire.Type) {
	d.out = append(d.out, byte(protowire.EncodeTag(field, kind))) //nolint:gosec // fields are below 16
}

// number writes a field that is a number or a truth.
func (d *draft) number(field protowire.Number, value uint64) {
	d.tag(field, protowire.VarintType)
	d.out = protowire.AppendVarint(d.out, value)
}

// text writes a field that is a text.
func (d *draft) text(field protowire.Number, text string) {
	d.broken = d.broken || !utf8.ValidString(text)
	d.tag(field, protowire.BytesType)
	d.length(len(text))
	d.out = append(d.out, text...)
}

func (d *draft) length(n int) {
	if n < 0x80 {
		d.out = append(d.out, byte(n)) //nolint:gosec // it is below 128
		return
	}
	d.out = protowire.AppendVarint(d.out, uint64(n))
}

// begin begins a field that is a message; end ends it, given what begin gave.
func (d *draft) begin(field protowire.Number) (content int) {
	d.tag(field, protowire.BytesType)
	d.length(0)
	return len(d.out)
}

// end writes how long the message has become, for which there is one byte. Few are
// longer than that, and those are moved.
func (d *draft) end(content int) {
	length := len(d.out) - content
	if length < 0x80 {
		d.out[content-1] = byte(length) //nolint:gosec // it is below 128
		return
	}
	var room [maxVarint]byte
	size := len(protowire.AppendVarint(room[:0], uint64(length)))
	d.out = append(d.out, room[:size-1]...)
	copy(d.out[content+size-1:], d.out[content:content+length])
	copy(d.out[content-1:], room[:size])
}
