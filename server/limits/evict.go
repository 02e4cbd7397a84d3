package limits

import (
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
// longest first. It spares the entry that room is made for. When nothing is idle it
// remembers until when that is certain.
func (s *shard) evict(t *table, m moment, need int, spared *entry) bool {
	if m.at < s.barren {
		return false
	}
	type candidate struct {
		slot  int
		since int64
	}
	var idle []candidate
	next := int64(math.MaxInt64)
	s.each(t, func(slot int, e *entry) {
		if since := e.terms.Load().idleFrom(); e != spared && since <= m.at {
			idle = append(idle, candidate{slot, since})
		} else if e != spared {
			next = min(next, since)
		}
	})
	slices.SortFunc(idle, func(a, b candidate) int {
		switch {
		case a.since < b.since:
			return -1
		case a.since > b.since:
			return 1
		}
		return 0
	})
	goal := s.most - max(need, s.most/evicted)
	for _, c := range idle {
		if s.cells <= goal {
			break
		}
		s.remove(t, c.slot, m)
	}
	if s.cells+need <= s.most {
		return true
	}
	s.barren = min(next, m.at+int64(barrenFor))
	return false
}

// remove removes an entry of a locked shard if it is idle.
func (s *shard) remove(t *table, slot int, m moment) {
	if (*s.slots.Load())[slot].Load().terms.Load().kill(m) {
		s.bury(t, slot)
	}
}

// idleFrom is the time from which nothing would be lost with the counters, if nothing
// more were taken.
func (t *terms) idleFrom() int64 {
	from := int64(math.MinInt64)
	for i := range t.list {
		from = max(from, t.list[i].idleFrom())
	}
	return from
}

func (t *term) idleFrom() int64 {
	if t.lease == nil {
		return t.tat()
	}
	return max(t.lease.trust.Load(), t.lease.pause.Load())
}

// kill takes all counters out of use, or none when one is not idle.
func (t *terms) kill(m moment) bool {
	for i := range t.list {
		if !t.list[i].kill(m) {
			for j := range i {
				t.list[j].revive(m)
			}
			return false
		}
	}
	return true
}

func (t *term) kill(m moment) bool {
	if t.lease != nil {
		t.lease.mu.Lock()
		defer t.lease.mu.Unlock()
		t.lease.retired = t.lease.idle(m)
		return t.lease.retired
	}
	tat := t.cell.tat.Load()
	return tat <= m.at && t.cell.tat.CompareAndSwap(tat, gone)
}

// revive undoes a kill. What was killed was whole.
func (t *term) revive(m moment) {
	if t.lease == nil {
		t.cell.tat.Store(m.at)
		return
	}
	t.lease.mu.Lock()
	defer t.lease.mu.Unlock()
	t.lease.retired = false
}

// sweepShard removes what is idle from the next shard.
func (e *Engine) sweepShard(m moment) {
	s := &e.table.shards[e.sweep%len(e.table.shards)]
	e.sweep++
	s.mu.Lock()
	defer s.mu.Unlock()
	s.each(e.table, func(slot int, entry *entry) {
		if entry.terms.Load().idleFrom()+int64(idleFor) <= m.at {
			s.remove(e.table, slot, m)
		}
	})
	// Slots that a flood has left behind are given back.
	if slots := s.slots.Load(); slots != nil && len(*slots) > firstSlots && s.entries*16 < len(*slots) {
		s.rebuild(e.table)
	}
}
