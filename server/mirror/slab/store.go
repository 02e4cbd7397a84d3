package slab

import (
	"hash/maphash"
	"net/netip"
	"sync"

	"github.com/keystile/keystile/storage"
)

const (
	shardCount   = 256
	userLockBits = 6
)

// Options say where a Store keeps its records. The zero value keeps them off the
// Go heap wherever that is possible.
type Options struct {
	// OnHeap keeps records on the Go heap, where the race detector sees them.
	OnHeap bool
}

// Store keeps keys and users. All its methods may be called at any time from any
// goroutine; those that write wait for each other, and never make a reader wait
// for longer than it takes to write a few words.
//
// Its memory is given back once nothing refers to the Store any more and the
// garbage collector has noticed.
type Store struct {
	seed      maphash.Seed
	arena     arena
	shards    [shardCount]shard
	userLocks [1 << userLockBits]paddedLock

	// words are names of tenants and peppers, and prefixes of secrets.
	words    interned[string]
	scopes   interned[[]string]
	labels   interned[map[string]string]
	apis     interned[[]storage.APIRef]
	networks interned[[]netip.Prefix]
	creators interned[storage.UserRef]
	roles    interned[*RoleSet]
	limits   interned[storage.Limits]

	// write is held by the one writer; what follows is the writer's own.
	write     sync.Mutex
	round     uint32
	keyCount  int
	userCount int
	pageCount int
	scratch   []byte
	part      []byte
}

// paddedLock keeps to a cache line of its own.
type paddedLock struct {
	sync.RWMutex
	_ [128 - 24]byte
}

// shard is what one lock guards: the ways to a part of the digests, of the ids of
// keys, and of the users.
type shard struct {
	paddedLock
	digests index
	ids     index
	users   index
}

// New makes an empty Store.
func New(opts Options) *Store {
	s := &Store{
		seed:     maphash.MakeSeed(),
		words:    newInterned(decodeText),
		scopes:   newInterned(decodeList),
		labels:   newInterned(decodeLabels),
		apis:     newInterned(decodeAPIs),
		networks: newInterned(decodeNetworks),
		creators: newInterned(decodeUserRef),
		roles:    newInterned(decodeRoleSet),
		limits:   newInterned(decodeLimits),
	}
	s.arena.source = offHeap
	if opts.OnHeap {
		s.arena.source = onHeap
	}
	return s
}

// shard picks by the upper bits of a hash; indexes use the lower half.
func (s *Store) shard(hash uint64) *shard { return &s.shards[hash>>56] }

func (s *Store) hashDigest(d *storage.Digest) uint64 { return maphash.Bytes(s.seed, d[:]) }

func (s *Store) hashID(id string) uint64 { return maphash.String(s.seed, id) }

// lower gives the half of a hash that indexes use.
func lower(hash uint64) uint32 { return uint32(hash & (1<<32 - 1)) }

// findDigest gives the key's block that a digest leads to, and its entry; 0 when
// there is none. The lock of the digest's shard is held, or the writer's.
func (s *Store) findDigest(d *storage.Digest, hash uint64) (ref, probe) {
	p := s.shard(hash).digests.probe(&s.arena, lower(hash))
	for r := p.next(); r != 0; r = p.next() {
		if s.keyAt(r).indexOf(d) >= 0 {
			return r, p
		}
	}
	return 0, p
}

func (s *Store) findID(id *wantedID, hash uint64) (ref, probe) {
	p := s.shard(hash).ids.probe(&s.arena, lower(hash))
	for r := p.next(); r != 0; r = p.next() {
		if s.keyAt(r).hasID(id) {
			return r, p
		}
	}
	return 0, p
}

// Stats tell how much a Store holds.
type Stats struct {
	Keys  int
	Users int
	// Bytes is the memory for records and for the ways to them, that which is
	// free for further records included.
	Bytes int
	// Shared is how many values there are that records share.
	Shared int
}

// Stats tells how much there is.
func (s *Store) Stats() Stats {
	s.write.Lock()
	defer s.write.Unlock()
	return Stats{
		Keys:  s.keyCount,
		Users: s.userCount,
		Bytes: s.arena.touched(),
		Shared: len(s.words.numbers) + len(s.scopes.numbers) + len(s.labels.numbers) + len(s.apis.numbers) +
			len(s.networks.numbers) + len(s.creators.numbers) + len(s.roles.numbers) + len(s.limits.numbers),
	}
}
