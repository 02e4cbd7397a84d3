package limits

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/keystile/keystile/storage"
)

// shapes keep one shape for each set of limits, for as long as a slot has it.
type shapes struct {
	numbers numbered[shape]
	seed    maphash.Seed
	alone   bool
	began   time.Time

	mu sync.Mutex
	by map[uint64][]*shape
}

// acquire gives the shape of some limits to one more slot.
func (s *shapes) acquire(l *storage.Limits) *shape {
	hash := s.hash(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.by[hash] {
		if known.say(l) {
			known.users++
			return known
		}
	}
	made := s.make(l)
	made.hash, made.users = hash, 1
	made.number = s.numbers.add(made)
	s.by[hash] = append(s.by[hash], made)
	return made
}

func (s *shapes) make(l *storage.Limits) *shape {
	made := &shape{rates: l.RateLimits, quotas: l.Quotas, terms: make([]term, 0, len(l.RateLimits)+len(l.Quotas))}
	for i := range made.rates {
		made.terms = append(made.terms, rateTerm(&made.rates[i], s.alone))
	}
	for i := range made.quotas {
		made.terms = append(made.terms, quotaTerm(&made.quotas[i], s.began))
	}
	for i := range made.terms {
		made.leased = made.leased || made.terms[i].leased
	}
	made.width = max(1, (len(made.terms)+slotWords-1)/slotWords)
	return made
}

// release tells that a slot has a shape no more. No slot says so any longer.
func (s *shapes) release(of *shape) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.users--; of.users > 0 {
		return
	}
	kept := s.by[of.hash][:0]
	for _, other := range s.by[of.hash] {
		if other != of {
			kept = append(kept, other)
		}
	}
	clear(s.by[of.hash][len(kept):])
	if s.by[of.hash] = kept; len(kept) == 0 {
		delete(s.by, of.hash)
	}
	s.numbers.drop(of.number)
}

func (s *shapes) hash(l *storage.Limits) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	for i := range l.RateLimits {
		maphash.WriteComparable(&h, l.RateLimits[i])
	}
	for i := range l.Quotas {
		maphash.WriteComparable(&h, l.Quotas[i])
	}
	return h.Sum64()
}
