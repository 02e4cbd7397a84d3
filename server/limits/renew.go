package limits

import (
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// divide sees to it that a rate limit is shared by its numbers as they are, and among
// as many replicas as there are. The lease is locked.
func (l *lease) divide(rate access.Rate, exact bool, replicas int64) {
	old := l.split.Load()
	if old != nil && old.is(rate, exact, replicas) {
		return
	}
	s := l.side.splits.get(rate, exact, replicas)
	l.split.Store(s)
	if old == nil {
		return
	}
	if old.rate != rate || old.exact != exact {
		// What was told of the old numbers refuses nobody by the new ones.
		l.trust.Store(0)
		l.pause.Store(0)
		l.away = false
	}
	l.shed(s.hold)
}

// shed returns what is held beyond n. The lease is locked.
func (l *lease) shed(n int64) {
	for {
		held := l.held.Load()
		if held <= n {
			return
		}
		if l.held.CompareAndSwap(held, n) {
			l.came -= held - n
			l.side.surplus(l, held-n)
			return
		}
	}
}

// govern sees to it that a quota is the one given. What is held by other numbers is
// returned, and what was told of them forgotten. The lease is locked.
func (l *lease) govern(q *storage.Quota, zone *time.Location) {
	if l.quota == *q {
		return
	}
	l.end.Store(0)
	l.empty()
	l.quota, l.zone, l.span = *q, zone, access.QuotaSpan{}
	l.forget()
}

// forget forgets what was told of what is left. The lease is locked.
func (l *lease) forget() {
	l.turn = l.side.turns.Add(1)
	l.est.Store(0)
	l.trust.Store(0)
	l.pause.Store(0)
	l.allowance.Store(0)
	l.patience, l.answered = 0, 0
}

// turnTo sees to it that the period is the one that holds a moment. What is held of
// the one before is returned to it. A clock that went back does not bring a period
// back. The lease is locked.
func (l *lease) turnTo(m moment) {
	if l.span.Start <= m.wall && m.wall < l.span.End {
		return
	}
	span, ok := access.QuotaSpanAt(l.quota.Period, l.zone, time.UnixMicro(m.wall))
	if !ok || l.span.End != 0 && span.Start < l.span.Start {
		return
	}
	// A check that sees the new end must not find anything of the old period.
	l.empty()
	l.span = span
	l.forget()
	l.end.Store(span.End)
}

// retire ends a lease: what is held is returned, and whoever waits looks for another.
// The lease is locked.
func (l *lease) retire() {
	l.retired = true
	l.empty()
	for _, w := range l.waiting {
		w.settle(removed, nil)
	}
	l.waiting = nil
}

// idle tells whether nothing would be lost with a lease. The lease is locked.
func (l *lease) idle(m moment) bool {
	if l.held.Load() > 0 || l.asking || l.listed || m.at < l.trust.Load() || m.at < l.pause.Load() || l.away && m.at < l.tat {
		return false
	}
	return true
}

// visited does for a lease what time asks for: what was not used for two seconds is
// returned. It tells whether to come again.
func (l *lease) visited(m moment, replicas int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.split.Load(); s != nil {
		l.divide(s.rate, s.exact, replicas)
	} else if m.wall >= l.end.Load() {
		l.empty()
	}
	u := &l.use
	if u.at == 0 {
		u.at, u.total = m.at, l.came-l.held.Load()
	}
	if m.at-u.at >= int64(time.Second) {
		total := l.came - l.held.Load()
		u.before, u.last = u.last, total-u.total
		u.at, u.total, u.seen = m.at, total, u.seen+1
	}
	seconds, _ := l.ahead()
	most := seconds * max(u.last, u.before)
	if u.seen >= 2 {
		l.target = min(l.target, most)
		if !l.asking {
			l.shed(max(most, 0))
		}
	}
	if !l.asking && !l.side.breaker.open() {
		l.low.Store((l.target + 1) / 2)
	}
	if l.held.Load() == 0 && !l.asking && (u.seen >= 2 || l.target == 0) {
		l.listed = false
		l.use = use{}
		return false
	}
	return true
}
