package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"

	"github.com/keystile/keystile/storage"
)

// Digester makes the digests of presented secrets in memory of its own, one after
// the other. The zero value is ready to use; it is not for concurrent use.
type Digester struct {
	text  [MaxSecretLen]byte
	plain hash.Hash
	sum   storage.Digest
	// peppered are the MACs under a list of peppers, of which the first is at made.
	peppered []hash.Hash
	made     *Pepper
	digest   storage.Digest
}

// sumOf gives SHA-256 of a secret's text. It holds until the next one.
func (d *Digester) sumOf(s Secret) *storage.Digest {
	if d.plain == nil {
		d.plain = sha256.New()
	}
	d.plain.Reset()
	text := d.text[:copy(d.text[:], s.text)]
	d.plain.Write(text)
	d.plain.Sum(d.sum[:0])
	clear(text) // a secret stays nowhere longer than it is needed
	return &d.sum
}

// under gives the digest of the last sum under one of the peppers. It holds until
// the next one.
func (d *Digester) under(list []Pepper, i int) *storage.Digest {
	if d.made != &list[0] || len(d.peppered) != len(list) {
		d.made, d.peppered = &list[0], make([]hash.Hash, len(list))
		for j := range list {
			d.peppered[j] = hmac.New(sha256.New, list[j].Key)
		}
	}
	mac := d.peppered[i]
	mac.Reset()
	mac.Write(d.sum[:])
	mac.Sum(d.digest[:0])
	return &d.digest
}
