package server

import (
	"crypto/rand"
	"fmt"
	"io"
	"sync"
)

// Ids are 26 characters of Crockford's base 32 in lower case: 130 random bits,
// so that they can't be guessed and need no counter.
const (
	idAlphabet       = "0123456789abcdefghjkmnpqrstvwxyz"
	idLen            = 26
	keyIDPrefix      = "key_"
	decisionIDPrefix = "dec_"
	requestIDPrefix  = "req_"
	replicaIDPrefix  = "rep_"
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

// drawn is a cryptographic source that is read in large pieces: what a check costs
// must not be the system's call for a few bytes. It is safe for concurrent use.
type drawn struct {
	source io.Reader
	pieces sync.Pool
}

// piece is what is left of one read.
type piece struct {
	left []byte
	room [4096]byte
}

// Read fills p, each byte of which is given out once.
func (d *drawn) Read(p []byte) (int, error) {
	have, ok := d.pieces.Get().(*piece)
	if !ok {
		have = &piece{}
	}
	defer d.pieces.Put(have)
	if len(have.left) < len(p) {
		if len(p) > len(have.room) {
			return io.ReadFull(d.source, p) //nolint:wrapcheck // it is the source's own
		}
		if _, err := io.ReadFull(d.source, have.room[:]); err != nil {
			return 0, err //nolint:wrapcheck // it is the source's own
		}
		have.left = have.room[:]
	}
	n := copy(p, have.left)
	clear(have.left[:n])
	have.left = have.left[n:]
	return n, nil
}

// NewReplicaID names a server process.
func NewReplicaID() (string, error) { return newID(rand.Reader, replicaIDPrefix) }

// NewRequestID names a call whose client did not.
func NewRequestID() string {
	id, err := newID(rand.Reader, requestIDPrefix)
	if err != nil {
		return requestIDPrefix + "unknown"
	}
	return id
}
