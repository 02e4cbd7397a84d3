package limits

import (
	"math"
	"strings"
	"sync/atomic"
)

// lookup finds what is counted of a subject by its limits as they are, and begins to
// count when they are new.
func (e *Engine) lookup(c *call, a *Applied, s *spot) error {
	if a.Subject.Kind == NoKind {
		return errNobody
	}
	s.kind = a.Subject.Kind
	id := e.table.seeds.fingerprint(&a.Subject)
	if e.table.find(e.table.shard(id), id, s) && s.shape.say(a.Limits) && c.hold(e.table, s) {
		return nil
	}
	return e.admit(c, id, a, s)
}

// admit finds a subject under the lock of whoever removes some, or makes room for its
// counters. Those of limits that keep their names go on.
func (e *Engine) admit(c *call, id fingerprint, a *Applied, s *spot) error {
	t := e.table
	of := t.shard(id)
	of.mu.Lock()
	defer of.mu.Unlock()
	have := 0
	if t.find(of, id, s) {
		if s.shape.say(a.Limits) {
			c.hold(t, s)
			return nil
		}
		have = len(s.shape.terms)
	}
	more := len(a.Limits.RateLimits) + len(a.Limits.Quotas) - have
	if more > 0 && of.cells+more > of.most && !t.evict(of, e.bearings.now(), more, id) {
		e.full.Add(1)
		return errFull
	}
	made := spot{kind: a.Subject.Kind, shape: t.shapes.acquire(a.Limits)}
	made.run = t.claim(of, id, made.shape.width)
	var old *spot
	of.born++
	birth := of.born
	if have > 0 && t.find(of, id, s) { // it may have been moved
		old = s
	}
	kept := 0
	for i := range made.shape.terms {
		word, taken := e.inherit(old, &made, i, a)
		if taken {
			kept++
		}
		made.word(i).Store(word)
	}
	if old != nil {
		if kept == have {
			birth = old.birth()
		}
		t.dismiss(old)
		t.remove(of, old)
	}
	of.show(made.run, id, birth, made.shape)
	*s = made
	c.hold(t, s)
	return nil
}

// inherit gives the word that counts a limit from now on: the one that counted it until
// now, and then it is taken from there, or a new one.
func (e *Engine) inherit(old, now *spot, i int, a *Applied) (word int64, taken bool) {
	term := &now.shape.terms[i]
	var before *atomic.Int64
	if old != nil {
		if j := old.shape.named(term.name, term.quota); j >= 0 && old.shape.terms[j].leased == term.leased {
			before = old.word(j)
		}
	}
	if !term.leased {
		if before == nil {
			return 0, false
		}
		if word = before.Swap(moved); !used(word) {
			return 0, false // there are two of that name
		}
		return word, true
	}
	l := e.newLease(a, i)
	if before != nil {
		if number := before.Load(); used(number) {
			if known := e.table.leaseOf(number); known.key == l.key {
				before.Store(moved)
				e.arrange(known, a, term, i)
				return number, true
			}
		}
	}
	e.arrange(l, a, term, i)
	return int64(e.table.leases.add(l)), false
}

func (e *Engine) newLease(a *Applied, i int) *lease {
	if rates := len(a.Limits.RateLimits); i >= rates {
		q := &a.Limits.Quotas[i-rates]
		return &lease{key: a.Subject.QuotaKey(q), side: e.ledger, owner: strings.Clone(a.Subject.Tenant)}
	}
	return &lease{key: a.Subject.Key(a.Limits.RateLimits[i].Name), side: e.pool}
}

// arrange sees to it that a lease goes by the numbers of its limit.
func (e *Engine) arrange(l *lease, a *Applied, of *term, i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rates := len(a.Limits.RateLimits); i >= rates {
		l.govern(&a.Limits.Quotas[i-rates], of.zone)
		return
	}
	rate := &a.Limits.RateLimits[i]
	l.end.Store(math.MaxInt64)
	l.divide(rateOf(rate), rate.Exact, e.replicas())
}

// dismiss ends the counters of a spot that were not taken from it.
func (t *table) dismiss(s *spot) {
	for i := range s.shape.terms {
		number := s.word(i).Load()
		if s.shape.terms[i].leased && used(number) {
			l := t.leaseOf(number)
			l.mu.Lock()
			l.retire()
			l.mu.Unlock()
			s.word(i).Store(gone)
			t.leases.drop(uint32(number)) //nolint:gosec // a word of a lease
			continue
		}
		if number != moved {
			s.word(i).Store(gone)
		}
	}
}

// settle finds the counters that apply under the lock of whoever removes some: those
// that are found are in use, and the others are made anew.
func (e *Engine) settle(applied []Applied) error {
	for i := range applied {
		a := &applied[i]
		if a.Limits == nil || a.Limits.Empty() {
			continue
		}
		if a.Subject.Kind == NoKind {
			return undecided(errNobody)
		}
		var c call
		var s spot
		if err := e.admit(&c, e.table.seeds.fingerprint(&a.Subject), a, &s); err != nil {
			return undecided(err)
		}
	}
	return nil
}
