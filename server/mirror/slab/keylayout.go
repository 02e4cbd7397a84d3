package slab

import (
	"encoding/binary"

	"github.com/keystile/keystile/storage"
)

// The head of a key's record. Digests follow it, one after the other, and then in
// the order of keyParts what the flags say is there.
const (
	keySizeAt    = 0  // size in 24 bits, number of secrets in 8
	keyFlagsAt   = 4  // which fields follow, and what fits between
	keyUserAt    = 8  // the block of the user
	keyRoundAt   = 12 // the round that wrote it
	keyVersionAt = 16
	keyCreateAt  = 20
	keyIDAt      = 28
	keyHead      = keyIDAt + packedID
	digestSize   = len(storage.Digest{})
	maxSecrets   = 1<<8 - 1
)

// The flags of a key's record. The lowest seven bits are the highest two of its
// id, its state and the reason of its revocation.
const (
	keyStateBit  = 2
	keyReasonBit = 4

	keyHasTextID = 1 << (iota + 5)
	keyHasWideVersion
	keyHasUpdateTime // else it is the create time
	keyHasStartTime
	keyHasExpireTime
	keyHasRevokeTime
	keyHasDeleteTime
	keyHasScopes
	keyHasLabels
	keyHasAPIs
	keyHasNetworks
	keyHasSecretPrefix
	keyHasCreatedBy
	keyHasName
	keyHasNote
	keyHasLimits
)

// The flags of a secret, which stand before what they announce.
const (
	secretHasFour   = 1 << iota // LastFour is four bytes; else it is a text
	secretHasPrefix             // Prefix is not empty
	secretHasPepper             // PepperID is not empty
	secretHasCreateTime
	secretHasEndTime
)

// keyRecord is a key's block, cut to its size.
type keyRecord []byte

func (s *Store) keyAt(r ref) keyRecord {
	block := s.arena.at(r)
	return block[:binary.LittleEndian.Uint32(block)&(1<<24-1)]
}

func (r keyRecord) secrets() int   { return int(r[keySizeAt+3]) }
func (r keyRecord) flags() uint32  { return binary.LittleEndian.Uint32(r[keyFlagsAt:]) }
func (r keyRecord) user() ref      { return ref(binary.LittleEndian.Uint32(r[keyUserAt:])) }
func (r keyRecord) round() uint32  { return binary.LittleEndian.Uint32(r[keyRoundAt:]) }
func (r keyRecord) create() uint64 { return binary.LittleEndian.Uint64(r[keyCreateAt:]) }

func (r keyRecord) digest(i int) *storage.Digest {
	return (*storage.Digest)(r[keyHead+i*digestSize:])
}

// indexOf gives the last secret that has the digest. Digests are compared whole.
func (r keyRecord) indexOf(digest *storage.Digest) int {
	for i := r.secrets() - 1; i >= 0; i-- {
		if *r.digest(i) == *digest {
			return i
		}
	}
	return -1
}

// hasID compares the whole id, which is given packed too, if it can be.
func (r keyRecord) hasID(id *wantedID) bool {
	flags := r.flags()
	if flags&keyHasTextID != 0 {
		c := cursor{r[keyHead+r.secrets()*digestSize:]}
		return !id.packed && string(c.text()) == id.text
	}
	return id.packed && flags&3 == id.high && [packedID]byte(r[keyIDAt:]) == id.low
}

// wantedID is an id that is looked for.
type wantedID struct {
	text   string
	packed bool
	low    [packedID]byte
	high   uint32
}

func wanted(id string) (w wantedID) {
	w.text = id
	w.low, w.high, w.packed = packID(id)
	return w
}

// keyParts is what follows a record's digests, taken apart; its fields stand in
// the record in this order. The secrets are what is left.
type keyParts struct {
	textID       []byte
	wideVersion  uint64
	update       uint64
	start        uint64
	expire       uint64
	revoke       uint64
	deleted      uint64
	scopes       shared
	labels       shared
	apis         shared
	networks     shared
	secretPrefix shared
	createdBy    shared
	limits       shared
	name         []byte
	note         []byte
	secrets      cursor
}

func (r keyRecord) parts(p *keyParts) {
	flags := r.flags()
	c := cursor{r[keyHead+r.secrets()*digestSize:]}
	if flags&keyHasTextID != 0 {
		p.textID = c.text()
	}
	if flags&keyHasWideVersion != 0 {
		p.wideVersion = c.u64()
	}
	p.update = r.create()
	p.start, p.expire, p.revoke, p.deleted = noTime, noTime, noTime, noTime
	if flags&keyHasUpdateTime != 0 {
		p.update = c.u64()
	}
	if flags&keyHasStartTime != 0 {
		p.start = c.u64()
	}
	if flags&keyHasExpireTime != 0 {
		p.expire = c.u64()
	}
	if flags&keyHasRevokeTime != 0 {
		p.revoke = c.u64()
	}
	if flags&keyHasDeleteTime != 0 {
		p.deleted = c.u64()
	}
	if flags&keyHasScopes != 0 {
		p.scopes = c.shared()
	}
	if flags&keyHasLabels != 0 {
		p.labels = c.shared()
	}
	if flags&keyHasAPIs != 0 {
		p.apis = c.shared()
	}
	if flags&keyHasNetworks != 0 {
		p.networks = c.shared()
	}
	if flags&keyHasSecretPrefix != 0 {
		p.secretPrefix = c.shared()
	}
	if flags&keyHasCreatedBy != 0 {
		p.createdBy = c.shared()
	}
	if flags&keyHasLimits != 0 {
		p.limits = c.shared()
	}
	if flags&keyHasName != 0 {
		p.name = c.text()
	}
	if flags&keyHasNote != 0 {
		p.note = c.text()
	}
	p.secrets = c
}

// secretParts is what a record says of a secret beside its digest.
type secretParts struct {
	prefix   shared
	pepper   shared
	lastFour []byte
	create   uint64
	end      uint64
}

// secret takes the next secret off; create is the key's create time.
func (c *cursor) secret(create uint64) (p secretParts) {
	flags := c.u8()
	if flags&secretHasPrefix != 0 {
		p.prefix = c.shared()
	}
	if flags&secretHasPepper != 0 {
		p.pepper = c.shared()
	}
	if flags&secretHasFour != 0 {
		p.lastFour = c.take(4)
	} else {
		p.lastFour = c.text()
	}
	p.create, p.end = create, noTime
	if flags&secretHasCreateTime != 0 {
		p.create = c.u64()
	}
	if flags&secretHasEndTime != 0 {
		p.end = c.u64()
	}
	return p
}
