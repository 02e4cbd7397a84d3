package slab

import (
	"encoding/binary"
	"math"
	"time"
)

// cursor reads a record from the front.
type cursor struct{ rest []byte }

func (c *cursor) u8() byte {
	v := c.rest[0]
	c.rest = c.rest[1:]
	return v
}

func (c *cursor) u32() uint32 {
	v := binary.LittleEndian.Uint32(c.rest)
	c.rest = c.rest[4:]
	return v
}

func (c *cursor) u64() uint64 {
	v := binary.LittleEndian.Uint64(c.rest)
	c.rest = c.rest[8:]
	return v
}

func (c *cursor) take(n int) []byte {
	v := c.rest[:n:n]
	c.rest = c.rest[n:]
	return v
}

func (c *cursor) text() []byte {
	n, width := binary.Uvarint(c.rest)
	c.rest = c.rest[width:]
	return c.take(int(n)) //nolint:gosec // what appendText wrote
}

func appendText[T string | []byte](out []byte, text T) []byte {
	out = binary.AppendUvarint(out, uint64(len(text)))
	return append(out, text...)
}

// noTime is how a zero time is kept where there is no other sign of it.
const noTime = uint64(1 << 63)

// micros is how a time is kept: as the store keeps it, in microseconds.
func micros(t time.Time) uint64 {
	if t.IsZero() {
		return noTime
	}
	return uint64(t.UnixMicro())
}

func moment(kept uint64) time.Time {
	if kept == noTime {
		return time.Time{}
	}
	return time.UnixMicro(int64(kept)).UTC() //nolint:gosec // the same bits that micros took
}

// version is kept in 32 bits, or in 64 at the end of the record when it needs
// them.
func wide(version int64) bool { return version < 0 || version > math.MaxUint32 }
