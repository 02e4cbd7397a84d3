package limits

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// terms are a subject's limits as they were when a check last brought them, with what
// is counted of each. They are not changed: other numbers make other terms, which
// keep the counters of the limits that keep their names.
type terms struct {
	subject Kind
	// rates and quotas are the lists that these were made from.
	rates  []storage.RateLimit
	quotas []storage.Quota
	list   []term
}

// term is one limit of a subject.
type term struct {
	name     string
	quota    bool
	pace     access.Pace
	burst    int64
	requests int64
	period   time.Duration
	// cell counts a rate limit of a replica that is alone, and lease all others.
	cell  *cell
	lease *lease
}

// cell is a rate limit's state: its theoretical arrival time, or gone.
type cell struct{ tat atomic.Int64 }

// gone is the state of a cell that was removed. Whoever finds it looks for the
// subject again.
const gone = math.MinInt64

// fit is how a call stands to a limit.
type fit uint8

const (
	// refuses: the limit does not let the call through.
	refuses fit = iota
	// fits: it does.
	fits
	// short: what is held is not enough, and it is not known that there is no more.
	short
	// removed: the counter is no longer in use, and there may be another.
	removed
)

// moment is when a check is made.
type moment struct {
	// at is in nanoseconds by a clock that never goes back, wall in microseconds since
	// the Unix epoch.
	at, wall int64
	// turn is the newest turn of a quota then. A call without quotas has neither it nor
	// a wall.
	turn int64
}

// say tells whether these are the terms of some limits.
func (t *terms) say(l *storage.Limits) bool {
	return same(t.rates, l.RateLimits) && same(t.quotas, l.Quotas)
}

// look tells whether a call would fit, and changes nothing.
func (t *term) look(m moment, cost int64) fit {
	if t.lease != nil {
		return t.lease.look(m, cost)
	}
	tat := t.cell.tat.Load()
	if tat == gone {
		return removed
	}
	if _, ok := t.pace.Take(tat, m.at, cost); ok || cost == 0 && t.burst > 0 {
		return fits
	}
	return refuses
}

// take takes a cost from what is in memory, and tells what is left.
func (t *term) take(m moment, cost int64) (got fit, left int64) {
	if t.lease != nil {
		if got = t.lease.take(m, cost); got == fits {
			left = t.lease.left(m)
		}
		return got, left
	}
	for {
		tat := t.cell.tat.Load()
		if tat == gone {
			return removed, 0
		}
		next, ok := t.pace.Take(tat, m.at, cost)
		if !ok {
			return refuses, 0
		}
		if t.cell.tat.CompareAndSwap(tat, next) {
			return fits, t.pace.Left(next, m.at)
		}
	}
}

// giveBack gives back what take took in a turn.
func (t *term) giveBack(turn, cost int64) {
	if t.lease != nil {
		t.lease.giveBack(turn, cost)
		return
	}
	for {
		tat := t.cell.tat.Load()
		// A cell that is gone was whole, and is worth no more.
		if tat == gone || t.cell.tat.CompareAndSwap(tat, t.pace.GiveBack(tat, cost)) {
			return
		}
	}
}

// left is how much may be taken from what is known in memory.
func (t *term) left(m moment) int64 {
	if t.lease != nil {
		return t.lease.left(m)
	}
	return t.pace.Left(t.tat(), m.at)
}

// tat is the state of a cell; that of one which is gone is whole.
func (t *term) tat() int64 { return max(0, t.cell.tat.Load()) }

// describe tells how the limit stands, with so much left.
func (t *term) describe(s *State, subject Kind, m moment, left int64) {
	s.Subject, s.Name, s.Quota = subject, t.name, t.quota
	s.Limit, s.Remaining, s.Requests, s.Period = t.burst, left, t.requests, t.period
	if t.lease != nil {
		t.lease.describe(m, s)
		return
	}
	s.Reset = t.pace.Reset(t.tat(), m.at)
}

// state tells how the limit stands, by what is in memory.
func (t *term) state(subject Kind, m moment) (s State) {
	t.describe(&s, subject, m, t.left(m))
	return s
}

// refusal tells how the limit stands to a cost that it has refused.
func (t *term) refusal(subject Kind, m moment, cost int64) State {
	s := t.state(subject, m)
	s.Remaining = max(0, min(s.Remaining, cost-1))
	if t.lease != nil {
		s.Retry = t.lease.retry(m, cost, &s)
	} else {
		s.Retry = t.pace.Retry(t.tat(), m.at, cost)
	}
	return s
}
