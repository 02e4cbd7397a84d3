package limits

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
)

// table leads from subjects to entries. To find one takes no lock: slots are read one
// after the other from where the hash points, and subjects are compared in full, so
// that a hash decides nothing. Changes are made under the lock of a shard.
type table struct {
	seed   maphash.Seed
	shards []shard
	// grave stands in the slot of an entry that was removed, so that what lies behind
	// it is still found.
	grave *entry
}

type shard struct {
	slots atomic.Pointer[[]atomic.Pointer[entry]]

	mu      sync.Mutex
	most    int // cells
	cells   int
	entries int
	graves  int
	// barren is the time before which no entry of a full shard becomes idle.
	barren int64

	_ [64]byte // so that shards share no cache line
}

// entry is a subject with what is counted of it.
type entry struct {
	hash    uint64
	subject Subject
	terms   atomic.Pointer[terms]
}

// Shards are many enough that writers seldom meet, and large enough that their bounds
// add up to the table's.
const (
	mostShards = 64
	leastShard = 1 << 10
	firstSlots = 16
)

func newTable(most int) *table {
	n := min(mostShards, max(1, 1<<max(0, bits.Len(uint(most/leastShard))-1)))
	t := &table{seed: maphash.MakeSeed(), shards: make([]shard, n), grave: &entry{}}
	for i := range t.shards {
		t.shards[i].most = (most + n - 1) / n
	}
	return t
}

// hash mixes what a subject is known by. Ids of keys and subscriptions are unique by
// themselves.
func (t *table) hash(s *Subject) uint64 {
	h := maphash.String(t.seed, s.ID)
	if s.Kind != KindKey && s.Kind != KindPlan {
		h ^= bits.RotateLeft64(maphash.String(t.seed, s.Tenant), 17)
	}
	if s.Route != nil {
		h ^= bits.RotateLeft64(maphash.String(t.seed, s.Route.Path), 31)
	}
	return h + uint64(s.Kind)*0x9e3779b97f4a7c15
}

func (t *table) shard(hash uint64) *shard {
	return &t.shards[hash>>32&uint64(len(t.shards)-1)] //nolint:gosec // at most mostShards
}

// find gives a subject's entry, or nil.
func (s *shard) find(hash uint64, subject *Subject) *entry {
	slots := s.slots.Load()
	if slots == nil {
		return nil
	}
	mask := uint64(len(*slots) - 1) //nolint:gosec // there are slots
	for i := hash; ; i++ {
		e := (*slots)[i&mask].Load()
		if e == nil {
			return nil
		}
		if e.hash == hash && e.subject.is(subject) {
			return e
		}
	}
}

// put adds an entry that is not there. The shard is locked.
func (s *shard) put(t *table, e *entry) {
	if slots := s.slots.Load(); slots == nil || (s.entries+s.graves+1)*2 > len(*slots) {
		s.rebuild(t)
	}
	place(*s.slots.Load(), e)
	s.entries++
}

func place(slots []atomic.Pointer[entry], e *entry) {
	mask := uint64(len(slots) - 1) //nolint:gosec // there are slots
	i := e.hash
	for slots[i&mask].Load() != nil {
		i++
	}
	slots[i&mask].Store(e)
}

// rebuild copies what is there to slots of which a third at the most will be used.
// Whoever reads the old ones meanwhile finds the same entries.
func (s *shard) rebuild(t *table) {
	size := firstSlots
	for size < (s.entries+1)*3 {
		size *= 2
	}
	slots := make([]atomic.Pointer[entry], size)
	s.each(t, func(_ int, e *entry) { place(slots, e) })
	s.slots.Store(&slots)
	s.graves = 0
}

// each goes through a locked shard's entries.
func (s *shard) each(t *table, visit func(slot int, e *entry)) {
	slots := s.slots.Load()
	if slots == nil {
		return
	}
	for i := range *slots {
		if e := (*slots)[i].Load(); e != nil && e != t.grave {
			visit(i, e)
		}
	}
}

// bury removes the entry in a slot of a locked shard.
func (s *shard) bury(t *table, slot int) {
	slots := *s.slots.Load()
	s.cells -= len(slots[slot].Load().terms.Load().list)
	slots[slot].Store(t.grave)
	s.entries--
	s.graves++
}
