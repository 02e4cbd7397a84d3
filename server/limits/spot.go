package limits

import "sync/atomic"

// spot is where a subject's counters are, as of when they were found.
type spot struct {
	kind Kind
	// leases is where the call's list of leases goes on with those of this spot.
	leases int
	shape  *shape
	run    []slot
}

func (s *spot) id() fingerprint { return fingerprint{s.run[0].a.Load(), s.run[0].b.Load()} }

func (s *spot) birth() uint32 { return uint32(s.run[0].head.Load() >> birthShift) }

func (s *spot) word(i int) *atomic.Int64 {
	return &s.run[uint(i)/slotWords].words[uint(i)%slotWords]
}

// end tells that the slots are their subject's no more.
func (s *spot) end() { s.run[0].head.Store(uint64(s.birth()) << birthShift) }

// change changes a word of a spot, wherever it is by now. One that is gone was whole, and
// is worth no more.
func (t *table) change(s *spot, i int, to func(tat int64) int64) {
	word := s.word(i)
	for {
		tat := word.Load()
		switch {
		case tat == gone:
			return
		case tat == moved:
			t.changeMoved(s, i, to)
			return
		case word.CompareAndSwap(tat, to(tat)):
			return
		}
	}
}

func (t *table) changeMoved(s *spot, i int, to func(tat int64) int64) {
	word, of := t.follow(s, i)
	defer of.mu.Unlock()
	if word == nil {
		return
	}
	for tat := word.Load(); !word.CompareAndSwap(tat, to(tat)); tat = word.Load() {
	}
}

// tat is how a word of a spot stands, wherever it is by now. One that is gone is whole.
// It says nothing of a limit that a lease counts.
func (t *table) tat(s *spot, i int) int64 {
	if s.shape.terms[i].leased {
		return 0
	}
	tat := s.word(i).Load()
	if tat == moved {
		word, of := t.follow(s, i)
		defer of.mu.Unlock()
		if word != nil {
			tat = word.Load()
		}
	}
	return max(0, tat)
}

// follow gives the word in which one that was moved is counted now; nil when that limit
// is counted no more. The shard is locked: the caller unlocks it.
func (t *table) follow(s *spot, i int) (*atomic.Int64, *shard) {
	id := s.id()
	of := t.shard(id)
	of.mu.Lock()
	var now spot
	if !t.find(of, id, &now) || now.birth() != s.birth() {
		return nil, of
	}
	if now.shape != s.shape {
		term := &s.shape.terms[i]
		if i = now.shape.named(term.name, term.quota); i < 0 || now.shape.terms[i].leased {
			return nil, of
		}
	}
	return now.word(i), of
}
