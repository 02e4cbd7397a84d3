package server

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
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

// idBatch is how many ids are drawn at a time where many are needed.
const idBatch = 64

// idRandom is how many random bytes an id takes.
const idRandom = (5*idLen + 7) / 8

// ids gives ids of one kind, drawn many at a time: what a check costs must not be
// the system's call for a few bytes. It is safe for concurrent use. The ids of a
// batch share one piece of memory; clone one that is kept for long.
type ids struct {
	random  io.Reader
	prefix  string
	batches sync.Pool
}

// idsLeft is what is left of a batch.
type idsLeft struct{ text string }

// next gives an id that nobody was given before.
func (i *ids) next() (string, error) {
	left, ok := i.batches.Get().(*idsLeft)
	if !ok {
		left = &idsLeft{}
	}
	defer i.batches.Put(left)
	size := len(i.prefix) + idLen
	if len(left.text) < size {
		text, err := i.draw()
		if err != nil {
			return "", err
		}
		left.text = text
	}
	id := left.text[:size]
	left.text = left.text[size:]
	return id, nil
}

// draw makes a batch.
func (i *ids) draw() (string, error) {
	var drawn [idBatch * idRandom]byte
	if _, err := io.ReadFull(i.random, drawn[:]); err != nil {
		return "", fmt.Errorf("drawing ids: %w", err)
	}
	var text strings.Builder
	text.Grow(idBatch * (len(i.prefix) + idLen))
	for n := range idBatch {
		id := idOf([idRandom]byte(drawn[n*idRandom:]))
		text.WriteString(i.prefix)
		text.Write(id[:])
	}
	return text.String(), nil
}

// idOf spells random bytes: 8 characters to 5 bytes, and the last two by a byte each.
func idOf(random [idRandom]byte) (id [idLen]byte) {
	const group, bytes = 8, 5
	at := 0
	for ; at+group <= idLen; at += group {
		from := random[at/group*bytes:]
		bits := uint64(from[0]) | uint64(from[1])<<8 | uint64(from[2])<<16 | uint64(from[3])<<24 | uint64(from[4])<<32
		for i := range group {
			id[at+i] = idAlphabet[bits%32]
			bits >>= 5
		}
	}
	for i, b := range random[at/group*bytes:] {
		id[at+i] = idAlphabet[b%32]
	}
	return id
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
