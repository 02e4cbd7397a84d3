package limits

import (
	"hash/maphash"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
)

// table leads from subjects to what is counted of them. To find a subject takes no lock:
// slots are read one after the other from where its fingerprint points. Changes are made
// under the lock of a shard.
type table struct {
	seeds  seeds
	shapes shapes
	leases numbered[lease]
	shards []shard
}

type shard struct {
	slots atomic.Pointer[[]slot]

	mu   sync.Mutex
	most int // cells
	// cells is how many limits are counted, live how many slots are somebody's, and
	// filled how many are not free: slots that were somebody's stay filled until all are
	// written anew.
	cells, live, filled int
	// born counts subjects that began to be counted.
	born uint32
	// barren is the time before which no subject of a full shard becomes idle.
	barren int64

	_ [64]byte // so that shards share no cache line
}

// Shards are many enough that writers seldom meet, and large enough that their bounds
// add up to the table's.
const (
	mostShards = 64
	leastShard = 1 << 10
	firstSlots = 16
)

// When one slot of so many is filled, a shard's slots are written anew, to as many more
// as this for each that is somebody's: so that nearly every subject lies where it is
// looked for first.
const (
	full   = 2
	sparse = 3
)

func newTable(most int, alone bool, began time.Time) *table {
	n := min(mostShards, max(1, 1<<max(0, bits.Len(uint(most/leastShard))-1)))
	t := &table{seeds: newSeeds(), shards: make([]shard, n)}
	t.shapes = shapes{seed: maphash.MakeSeed(), alone: alone, began: began, by: make(map[uint64][]*shape)}
	for i := range t.shards {
		t.shards[i].most = (most + n - 1) / n
	}
	return t
}

func (t *table) shard(id fingerprint) *shard {
	return &t.shards[id.a&uint64(len(t.shards)-1)] //nolint:gosec // at most mostShards
}

// find finds where a subject is counted; false when it is nowhere.
func (t *table) find(of *shard, id fingerprint, found *spot) bool {
	list := of.slots.Load()
	if list == nil {
		return false
	}
	slots := *list
	i := id.home(len(slots))
	for range slots {
		at := &slots[i]
		switch at.a.Load() {
		case freeSlot:
			return false
		case id.a:
			if at.b.Load() == id.b && t.read(slots, i, found) {
				return true
			}
		}
		if i++; i == len(slots) {
			i = 0
		}
	}
	return false
}

// read gives the spot that begins with a slot; false when that is nobody's.
func (t *table) read(slots []slot, at int, found *spot) bool {
	head := slots[at].head.Load()
	number := uint32(head & shapeMask)
	if number == 0 {
		return false
	}
	// The number is another shape's only if the slot has ended before.
	of := t.shapes.numbers.at(number)
	if slots[at].head.Load() != head {
		return false
	}
	found.shape, found.run = of, slots[at:at+of.width]
	return true
}

// each goes through what is counted in a locked shard.
func (t *table) each(of *shard, visit func(*spot)) {
	list := of.slots.Load()
	if list == nil {
		return
	}
	for i := range *list {
		var found spot
		if (*list)[i].a.Load() >= leastPrint && t.read(*list, i, &found) {
			visit(&found)
		}
	}
}

// claim gives a place for a run of slots in a locked shard. It may move all others.
func (t *table) claim(of *shard, id fingerprint, width int) []slot {
	size := sparse * (of.live + width)
	for {
		if list := of.slots.Load(); list != nil && full*(of.filled+width) <= len(*list) {
			if at, ok := seek(*list, id, width); ok {
				of.filled += bridge(*list, id, at)
				return (*list)[at : at+width]
			}
		}
		t.rebuild(of, size)
		size *= 2
	}
}

// rebuild moves what is counted in a locked shard to so many slots, or more if it does
// not fit.
func (t *table) rebuild(of *shard, size int) {
	var slots []slot
	var places []int
	filled := 0
	fits := false
	for size = max(size, firstSlots); !fits; size *= 2 {
		slots, places, filled, fits = make([]slot, size), places[:0], 0, true
		t.each(of, func(s *spot) {
			at, ok := seek(slots, s.id(), len(s.run))
			if fits = fits && ok; fits {
				places = append(places, at)
				filled += bridge(slots, s.id(), at) + len(s.run)
				publish(slots[at:at+len(s.run)], s.id(), s.birth(), s.shape)
			}
		})
	}
	t.each(of, func(s *spot) {
		to := spot{run: slots[places[0]:]}
		places = places[1:]
		for i := range s.shape.terms {
			to.word(i).Store(s.word(i).Swap(moved))
		}
		s.end()
	})
	of.slots.Store(&slots)
	of.filled = filled
}

// show begins to count at a place that was claimed.
func (of *shard) show(run []slot, id fingerprint, birth uint32, as *shape) {
	publish(run, id, birth, as)
	of.live += len(run)
	of.filled += len(run)
	of.cells += len(as.terms)
}

// remove ends what is counted at a spot of a locked shard, whose words are used no
// longer.
func (t *table) remove(of *shard, s *spot) {
	s.end()
	of.live -= len(s.run)
	of.cells -= len(s.shape.terms)
	t.shapes.release(s.shape)
}
