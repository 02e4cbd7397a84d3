package limits

import (
	"sync"
	"sync/atomic"
	"time"
)

// bearings tell what a breaker and a flight need to know of the world: the time, and
// chance.
type bearings struct {
	now    func() moment
	chance func() float64
}

// How many calls in a row fail before no more are made, and how long it is until one
// is tried again.
const (
	failuresToOpen = 3
	firstRecess    = 250 * time.Millisecond
	longestRecess  = 5 * time.Second
)

// breaker keeps checks from waiting, one after the other, for a store that does not
// answer. Once it is open no check asks; a probe that the engine sends now and then
// closes it again. The zero breaker is closed.
type breaker struct {
	broken atomic.Bool

	mu       sync.Mutex
	failures int
	recess   time.Duration
	probe    int64
}

func (b *breaker) open() bool { return b.broken.Load() }

// fail notes that a call failed.
func (b *breaker) fail(w *bearings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures++; b.failures < failuresToOpen {
		return
	}
	b.recess = min(max(2*b.recess, firstRecess), longestRecess)
	// Between half of it and all of it, so that replicas don't probe together.
	b.probe = w.now().at + int64(b.recess)/2 + int64(w.chance()*float64(b.recess)/2)
	b.broken.Store(true)
}

// mend notes that a call was answered.
func (b *breaker) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures, b.recess = 0, 0
	b.broken.Store(false)
}

// due tells whether it is time to probe.
func (b *breaker) due(m moment) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.broken.Load() && m.at >= b.probe
}
