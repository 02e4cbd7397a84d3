package limits

import (
	"time"

	"github.com/keystile/keystile/server/access"
)

// deniedFor is what a caller is told to wait whom only the pool can let through, while
// it is away.
const deniedFor = time.Second

// goOn decides a part of a call without the pool.
func (e *Engine) goOn(p *part, c *call) {
	e.degraded.Add(1)
	p.degraded, p.got, p.waiter = true, refuses, nil
	switch e.onLoss {
	case LossAllow:
		p.got = fits
	case LossLocal:
		p.got, p.retry = p.counter.lease.takeAway(c.m, c.cost, e.replicas())
	default:
		p.retry = deniedFor
	}
	p.owned = p.got == fits
}

// takeAway takes a cost from this replica's fair share of a limit. At first that is
// its share of what was left when the pool was last heard of.
func (l *lease) takeAway(m moment, cost, replicas int64) (fit, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.split.Load()
	l.divide(s.rate, s.exact, replicas)
	s = l.split.Load()
	if !l.away {
		l.away, l.owes = true, 0
		whole := s.local.Left(0, m.at)
		left := min(whole, max(s.pace.Left(l.est.Load(), m.at)/s.replicas, 0))
		if l.est.Load() == 0 {
			left = whole
		}
		l.tat, _ = s.local.Take(m.at, m.at, whole-left)
	}
	next, ok := s.local.Take(l.tat, m.at, cost)
	if !ok {
		retry := s.local.Retry(l.tat, m.at, cost)
		if retry == access.Never && cost <= s.pooled.Burst {
			// More than a share has room for, and not more than the pool has.
			retry = deniedFor
		}
		return refuses, retry
	}
	l.tat = next
	l.owes += cost
	return fits, 0
}

// giveBackAway gives back what takeAway took.
func (l *lease) giveBackAway(cost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.away {
		l.tat = l.split.Load().local.GiveBack(l.tat, cost)
		l.owes -= cost
	}
}

// leftAway is what is left of this replica's share.
func (l *lease) leftAway(m moment) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.split.Load()
	if !l.away {
		return s.local.Left(0, m.at)
	}
	return s.local.Left(l.tat, m.at)
}
