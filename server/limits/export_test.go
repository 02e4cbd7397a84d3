package limits

import (
	"reflect"
	"time"
)

// Slot is what counters lie in.
var Slot = reflect.TypeFor[slot]()

// SlotWords is how many counters a slot has.
const SlotWords = slotWords

// Prints makes fingerprints of subjects, of which it gives both halves.
func Prints() func(*Subject) [2]uint64 {
	seeds := newSeeds()
	return func(s *Subject) [2]uint64 {
		f := seeds.fingerprint(s)
		return [2]uint64{f.a, f.b}
	}
}

// Shapes is how many shapes are kept, and how many numbers of theirs are given.
func (e *Engine) Shapes() (known, numbers int) {
	s := &e.table.shapes
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, same := range s.by {
		known += len(same)
	}
	return known, int(s.numbers.last) - len(s.numbers.free)
}

// Slots is how many slots are kept, and how many of them are somebody's.
func (e *Engine) Slots() (all, live int) {
	for i := range e.table.shards {
		of := &e.table.shards[i]
		of.mu.Lock()
		if list := of.slots.Load(); list != nil {
			all += len(*list)
		}
		live += of.live
		of.mu.Unlock()
	}
	return all, live
}

// Rewrite moves everything that is counted.
func (e *Engine) Rewrite() {
	for i := range e.table.shards {
		of := &e.table.shards[i]
		of.mu.Lock()
		if of.live > 0 {
			e.table.rebuild(of, sparse*of.live)
		}
		of.mu.Unlock()
	}
}

// SweepAll removes what is idle from all shards.
func (e *Engine) SweepAll() {
	for range e.table.shards {
		e.sweepShard(e.bearings.now())
	}
}

// RemoveIdle removes all subjects that are idle.
func (e *Engine) RemoveIdle() {
	m := e.bearings.now()
	for i := range e.table.shards {
		of := &e.table.shards[i]
		of.mu.Lock()
		e.table.each(of, func(s *spot) {
			if e.table.idleFrom(s) <= m.at {
				e.table.removeIdle(of, s, m)
			}
		})
		of.mu.Unlock()
	}
}

// Taken is a limit of a subject, as a call found it that took from it.
type Taken struct {
	call call
	i    int
}

// TakeOne takes a cost from one limit of a subject.
func (e *Engine) TakeOne(now time.Time, a Applied, i int, cost int64) (*Taken, error) {
	t := &Taken{i: i}
	t.call.cost = cost
	if err := e.open(&t.call, now, []Applied{a}); err != nil {
		return nil, err
	}
	n := t.call.counter(&t.call.spots[0], i)
	if got, _, _ := n.take(t.call.m, cost); got != fits {
		return nil, errRaced
	}
	return t, nil
}

// GiveBack gives it back.
func (t *Taken) GiveBack() { t.call.giveBackTo(&t.call.spots[0], t.i) }
