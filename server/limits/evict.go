package limits

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// A shard that is full gives up an eighth of what it may hold at a time, so that not
// every newcomer looks through all of it.
const evicted = 8

// How long a full shard is not looked through again, and how long a counter is idle
// before it is removed though there is room.
const (
	barrenFor = 100 * time.Millisecond
	idleFor   = 30 * time.Second
)

// evict makes room for a number of cells in a locked shard, by removing what is idle,
// longest first. It spares the subject that room is made for. When nothing is idle it
// remembers until when that is certain.
func (t *table) evict(of *shard, m moment, need int, spared fingerprint) bool {
	if m.at < of.barren {
		return false
	}
	type candidate struct {
		spot  spot
		since int64
	}
	var idle []candidate
	next := int64(math.MaxInt64)
	t.each(of, func(s *spot) {
		if s.id() == spared {
			return
		}
		if since := t.idleFrom(s); since <= m.at {
			idle = append(idle, candidate{*s, since})
		} else {
			next = min(next, since)
		}
	})
	slices.SortFunc(idle, func(a, b candidate) int { return cmp.Compare(a.since, b.since) })
	goal := of.most - max(need, of.most/evicted)
	for i := range idle {
		if of.cells <= goal {
			break
		}
		t.removeIdle(of, &idle[i].spot, m)
	}
	if of.cells+need <= of.most {
		return true
	}
	of.barren = min(next, m.at+int64(barrenFor))
	return false
}

// removeIdle removes a subject of a locked shard if all its counters are idle.
func (t *table) removeIdle(of *shard, s *spot, m moment) {
	for i := range s.shape.terms {
		if !t.kill(s, i, m) {
			for j := range i {
				t.revive(s, j, m)
			}
			return
		}
	}
	t.dismiss(s)
	t.remove(of, s)
}

// idleFrom is the time from which nothing would be lost with the counters of a locked
// shard's spot, if nothing more were taken.
func (t *table) idleFrom(s *spot) int64 {
	from := int64(math.MinInt64)
	for i := range s.shape.terms {
		if l := t.lease(s, i); l != nil {
			from = max(from, l.trust.Load(), l.pause.Load())
		} else {
			from = max(from, s.word(i).Load())
		}
	}
	return from
}

// lease gives the lease of a limit of a locked shard's spot; nil when it has none.
func (t *table) lease(s *spot, i int) *lease {
	if !s.shape.terms[i].leased {
		return nil
	}
	return t.leaseOf(s.word(i).Load())
}

// leaseOf gives the lease that a word is the number of.
func (t *table) leaseOf(word int64) *lease { return t.leases.at(uint32(word)) } //nolint:gosec // numbers have 32 bits

// kill takes a counter out of use, if it is idle.
func (t *table) kill(s *spot, i int, m moment) bool {
	if l := t.lease(s, i); l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.retired = l.idle(m)
		return l.retired
	}
	word := s.word(i)
	tat := word.Load()
	return tat <= m.at && word.CompareAndSwap(tat, gone)
}

// revive undoes a kill. What was killed was whole.
func (t *table) revive(s *spot, i int, m moment) {
	l := t.lease(s, i)
	if l == nil {
		s.word(i).Store(m.at)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = false
}

// sweepShard removes what is idle from the next shard.
func (e *Engine) sweepShard(m moment) {
	t := e.table
	of := &t.shards[e.sweep%len(t.shards)]
	e.sweep++
	of.mu.Lock()
	defer of.mu.Unlock()
	t.each(of, func(s *spot) {
		if t.idleFrom(s)+int64(idleFor) <= m.at {
			t.removeIdle(of, s, m)
		}
	})
	// Slots that a flood has left behind are given back.
	if slots := of.slots.Load(); slots != nil && len(*slots) > firstSlots && of.live*16 < len(*slots) {
		t.rebuild(of, sparse*of.live)
	}
}
