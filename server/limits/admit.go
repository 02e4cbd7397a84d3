package limits

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// lookup gives a subject's terms as of its limits, and makes them when they are new.
func (e *Engine) lookup(a *Applied) (*terms, error) {
	if a.Subject.Kind == NoKind {
		return nil, errNobody
	}
	hash := e.table.hash(&a.Subject)
	if found := e.table.shard(hash).find(hash, &a.Subject); found != nil {
		if t := found.terms.Load(); t.say(a.Limits) {
			return t, nil
		}
	}
	return e.admit(hash, a)
}

// admit makes room for a subject's counters.
func (e *Engine) admit(hash uint64, a *Applied) (*terms, error) {
	s := e.table.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.find(hash, &a.Subject)
	var old *terms
	have := 0
	if found != nil {
		if old = found.terms.Load(); old.say(a.Limits) {
			return old, nil
		}
		have = len(old.list)
	}
	more := len(a.Limits.RateLimits) + len(a.Limits.Quotas) - have
	if more > 0 && s.cells+more > s.most && !s.evict(e.table, e.bearings.now(), more, found) {
		e.full.Add(1)
		return nil, errFull
	}
	t := e.newTerms(a, old)
	s.cells += more
	if found != nil {
		found.terms.Store(t)
		return t, nil
	}
	entry := &entry{hash: hash, subject: a.Subject.clone()}
	entry.terms.Store(t)
	s.put(e.table, entry)
	return t, nil
}

// newTerms makes terms of limits. Those that keep their names keep their counters.
func (e *Engine) newTerms(a *Applied, old *terms) *terms {
	t := &terms{subject: a.Subject.Kind, rates: a.Limits.RateLimits, quotas: a.Limits.Quotas}
	for i := range t.rates {
		t.list = append(t.list, e.rateTerm(a, &t.rates[i], old.named(t.rates[i].Name, false)))
	}
	for i := range t.quotas {
		t.list = append(t.list, e.quotaTerm(a, &t.quotas[i], old.named(t.quotas[i].Name, true)))
	}
	if old == nil {
		return t
	}
	for i := range old.list {
		l := old.list[i].lease
		if l != nil && !slices.ContainsFunc(t.list, func(now term) bool { return now.lease == l }) {
			l.mu.Lock()
			l.retire()
			l.mu.Unlock()
		}
	}
	return t
}

func (t *terms) named(name string, quota bool) *term {
	if t == nil {
		return nil
	}
	for i := range t.list {
		if t.list[i].name == name && t.list[i].quota == quota {
			return &t.list[i]
		}
	}
	return nil
}

func (e *Engine) rateTerm(a *Applied, l *storage.RateLimit, old *term) term {
	rate := rateOf(l)
	t := term{name: l.Name, pace: rate.Pace(), burst: rate.Burst, requests: l.Requests, period: l.Period}
	if t.pace == (access.Pace{}) {
		// What can't be read as a rate lets nothing through.
		t.burst, t.cell = 0, &cell{}
		return t
	}
	if e.alone {
		if t.cell = (&cell{}); old != nil && old.cell != nil {
			t.cell = old.cell
		}
		return t
	}
	if t.lease = e.newLease(a, a.Subject.Key(l.Name), e.pool); old != nil && old.lease != nil {
		t.lease = old.lease
	}
	t.lease.mu.Lock()
	defer t.lease.mu.Unlock()
	t.lease.end.Store(math.MaxInt64)
	t.lease.divide(rate, l.Exact, e.replicas())
	return t
}

func (e *Engine) quotaTerm(a *Applied, q *storage.Quota, old *term) term {
	t := term{name: q.Name, quota: true, burst: q.Limit}
	zone, err := time.LoadLocation(q.TimeZone)
	_, known := access.QuotaSpanAt(q.Period, zone, e.began)
	if err != nil || !known || q.Limit <= 0 {
		t.burst, t.cell = 0, &cell{}
		return t
	}
	t.lease = e.newLease(a, a.Subject.QuotaKey(q), e.ledger)
	if old != nil && old.lease != nil && old.lease.key == t.lease.key {
		t.lease = old.lease
	}
	t.lease.mu.Lock()
	defer t.lease.mu.Unlock()
	t.lease.govern(q, zone)
	return t
}

func (e *Engine) newLease(a *Applied, key Key, from *side) *lease {
	l := &lease{key: key, side: from}
	if from == e.ledger {
		l.owner = strings.Clone(a.Subject.Tenant)
	}
	return l
}

// settle finds the counters that apply under the lock of whoever removes some: those
// that are found are in use, and the others are made anew.
func (e *Engine) settle(applied []Applied) error {
	for i := range applied {
		a := &applied[i]
		if a.Limits == nil || a.Limits.Empty() {
			continue
		}
		if _, err := e.admit(e.table.hash(&a.Subject), a); err != nil {
			return undecided(err)
		}
	}
	return nil
}
