package slab

import (
	"encoding/binary"
	"strings"
)

// Generated key ids are 26 characters of Crockford's base 32 after a prefix,
// which are 130 bits: 16 bytes and two bits. Any other id is kept as it is.
const (
	idPrefix   = "key_"
	idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	idChars    = 26
	packedID   = 16
)

// packID gives the 128 lower bits of a generated id and the two above them.
func packID(id string) (low [packedID]byte, high uint32, ok bool) {
	chars, ok := strings.CutPrefix(id, idPrefix)
	if !ok || len(chars) != idChars {
		return low, 0, false
	}
	var a, b uint64
	for i := range idChars {
		v := strings.IndexByte(idAlphabet, chars[i])
		if v < 0 {
			return low, 0, false
		}
		if i == 0 {
			high = uint32(v) >> 3 //nolint:gosec // a place in the alphabet
			v &= 7
		}
		a = a<<5 | b>>59
		b = b<<5 | uint64(v)
	}
	binary.BigEndian.PutUint64(low[:8], a)
	binary.BigEndian.PutUint64(low[8:], b)
	return low, high, true
}

// unpackID writes the id that packID was given.
func unpackID(low []byte, high uint32) (id [len(idPrefix) + idChars]byte) {
	a, b := binary.BigEndian.Uint64(low), binary.BigEndian.Uint64(low[8:])
	for i := len(id) - 1; i > len(idPrefix); i-- {
		id[i] = idAlphabet[b&31]
		b = b>>5 | a<<59
		a >>= 5
	}
	id[len(idPrefix)] = idAlphabet[b&7|uint64(high)<<3&31]
	copy(id[:], idPrefix)
	return id
}
