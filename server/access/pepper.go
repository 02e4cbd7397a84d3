package access

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/keystile/keystile/storage"
)

// Pepper is a secret kept outside the database. Its id stands in the row of
// each digest made with it.
type Pepper struct {
	ID  string
	Key []byte
}

// Apply turns SHA-256 of a secret into the digest under this pepper:
// HMAC-SHA256(pepper, SHA-256(secret)).
func (p Pepper) Apply(sum storage.Digest) storage.Digest {
	mac := hmac.New(sha256.New, p.Key)
	mac.Write(sum[:])
	var out storage.Digest
	mac.Sum(out[:0])
	return out
}

// Peppers are the peppers in use. The zero value uses none: digests are plain
// SHA-256. As soon as there is one, plain digests open no door any more, so that
// a row planted in the database is worth nothing.
type Peppers struct {
	// List holds the one new digests are made with first, then retired ones
	// that still verify.
	List []Pepper
}

// Digest makes the digest to store of a new secret, and names its pepper.
func (p Peppers) Digest(s Secret) (storage.Digest, string) {
	return p.DigestOf(s.Sum())
}

// DigestOf makes the digest to store of SHA-256 of a secret.
func (p Peppers) DigestOf(sum storage.Digest) (storage.Digest, string) {
	if len(p.List) == 0 {
		return sum, ""
	}
	return p.List[0].Apply(sum), p.List[0].ID
}

// Find looks a presented secret up under each pepper in turn, by a function that
// puts the evidence about a digest into g, and does not keep the digest. When nothing
// is found, g is zero.
func (p Peppers) Find(d *Digester, s Secret, g *Grant, lookup func(digest *storage.Digest) bool) bool {
	sum := d.sumOf(s)
	if len(p.List) == 0 {
		if lookup(sum) && g.Secret().PepperID == "" {
			return true
		}
	}
	for i := range p.List {
		if lookup(d.under(p.List, i)) && g.Secret().PepperID == p.List[i].ID {
			return true
		}
	}
	*g = Grant{}
	return false
}

// Knows tells whether rows that name pepper id can be verified.
func (p Peppers) Knows(id string) bool {
	if id == "" {
		return len(p.List) == 0
	}
	for i := range p.List {
		if p.List[i].ID == id {
			return true
		}
	}
	return false
}
