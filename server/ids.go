package server

import (
	"crypto/rand"
	"fmt"
	"io"
)

// Ids are 26 characters of Crockford's base 32 in lower case: 130 random bits,
// so that they can't be guessed and need no counter.
const (
	idAlphabet       = "0123456789abcdefghjkmnpqrstvwxyz"
	idLen            = 26
	keyIDPrefix      = "key_"
	decisionIDPrefix = "dec_"
	requestIDPrefix  = "req_"
)

// newID draws an id from random, which must be a cryptographic source.
func newID(random io.Reader, prefix string) (string, error) {
	var buf [idLen]byte
	if _, err := io.ReadFull(random, buf[:]); err != nil {
		return "", fmt.Errorf("drawing an id: %w", err)
	}
	for i, b := range buf {
		buf[i] = idAlphabet[b%32]
	}
	return prefix + string(buf[:]), nil
}

// NewRequestID names a call whose client did not.
func NewRequestID() string {
	id, err := newID(rand.Reader, requestIDPrefix)
	if err != nil {
		return requestIDPrefix + "unknown"
	}
	return id
}
