package limits

import (
	"math"
	"math/bits"
	"sync/atomic"
)

// slotWords is how many counters a slot has. It fills a line of the processor's cache,
// so that a subject with that many limits costs no more than that one. A subject that
// has more limits has more slots, one after the other.
const slotWords = 5

// slot is what a subject's counters lie in. It has no pointers, so that the collector
// does not look at it. A slot is written once: while it is a subject's its words change,
// and no other's are ever counted in it. Whoever has found it may take from it later,
// and at the worst finds that its words are gone.
type slot struct {
	// a and b are the fingerprint; a is written last.
	a, b atomic.Uint64
	// head is the number of the shape, or 0 when the slot is its subject's no more, and
	// above it the birth of the counters: those that were moved keep it.
	head atomic.Uint64
	// words are theoretical arrival times, which are never negative, and the numbers of
	// leases.
	words [slotWords]atomic.Int64
}

// Two states of a word that is in use no longer. Whoever finds one of them looks for
// the subject again.
const (
	// gone: the counter was removed, and was whole.
	gone = math.MinInt64
	// moved: it goes on in another slot.
	moved = math.MinInt64 + 1
)

// used tells whether a word counts.
func used(word int64) bool { return word >= 0 }

const (
	birthShift = 32
	shapeMask  = 1<<birthShift - 1
)

// home is where in n slots to look for a fingerprint first.
func (f *fingerprint) home(n int) int {
	at, _ := bits.Mul64(f.b, uint64(n)) //nolint:gosec // not negative
	return int(at)                      //nolint:gosec // below n
}

// seek finds a place for a run of slots: the first that is free from its home on.
func seek(slots []slot, id fingerprint, width int) (at int, ok bool) {
	free := 0
	home := id.home(len(slots))
	for i := range len(slots) + width {
		at := home + i
		if at >= len(slots) {
			at -= len(slots)
		}
		if at == 0 {
			free = 0 // a run does not go on from the last slot to the first
		}
		if at >= len(slots) || slots[at].a.Load() != freeSlot {
			free = 0
			continue
		}
		if free++; free == width {
			return at - width + 1, true
		}
	}
	return 0, false
}

// bridge fills what is free between a fingerprint's home and its place, so that whoever
// looks for it does not stop there. It tells how many slots that were.
func bridge(slots []slot, id fingerprint, place int) (filled int) {
	for i := id.home(len(slots)); i != place; i++ {
		if i == len(slots) {
			i = -1
			continue
		}
		if slots[i].a.Load() == freeSlot {
			slots[i].a.Store(filledSlot)
			filled++
		}
	}
	return filled
}

// publish shows a run whose words are written.
func publish(run []slot, id fingerprint, birth uint32, of *shape) {
	for i := range run[1:] {
		run[1+i].a.Store(filledSlot)
	}
	run[0].b.Store(id.b)
	run[0].head.Store(uint64(birth)<<birthShift | uint64(of.number))
	run[0].a.Store(id.a)
}
