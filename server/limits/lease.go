package limits

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// lease is what a replica holds of a limit that replicas share: tokens of a rate
// limit, or units of a quota. Checks take from what is held by one atomic word. What
// comes and goes beside that is done under the lock, and by one flight at a time.
type lease struct {
	// What a check looks at comes first, and fills one line of the processor's cache.

	// held is what is there to be spent.
	held atomic.Int64
	// low is what held must not fall below without more being asked for; -1 while that
	// is done.
	low atomic.Int64
	// est is what the last answer told of what is left where replicas share: of a rate
	// limit the theoretical arrival time, of a quota the units.
	est atomic.Int64
	// Until trust a call that does not fit in est is refused without asking, and until
	// pause every call that does not fit in held.
	trust, pause atomic.Int64
	// end is when what is held lapses, in microseconds since the Unix epoch.
	end atomic.Int64
	// split is nil for a quota.
	split atomic.Pointer[split]
	side  *side

	key Key
	// allowance is what a quota's period has.
	allowance atomic.Int64

	mu      sync.Mutex
	retired bool
	// asking is true while a flight is under way, and waiting are the calls that wait
	// for one.
	asking  bool
	waiting []*waiter
	// target is how much to hold; it grows while more is asked for again and again,
	// and shrinks to what is used in the time that is to be held ahead.
	target int64
	// answered is when the last answer came; 0 is never.
	answered int64
	// came is all that ever was held. With held it tells what was used.
	came int64
	use  use
	// listed is true while the engine visits this lease.
	listed bool

	// away is true since the pool could not be asked. tat is what is left of this
	// replica's share since, and owes what it let through.
	away bool
	tat  int64
	owes int64

	// owner is whose tenant's a quota is.
	owner string
	quota storage.Quota
	zone  *time.Location
	span  access.QuotaSpan
	// patience is how long a quota is trusted to be spent.
	patience time.Duration
	// turn numbers the period and edition of a quota among all that the side has begun:
	// what comes of another one is not kept.
	turn int64

	_ [40]byte // so that leases begin with a line
}

// use is what was used of a lease when it was last visited.
type use struct {
	at    int64
	total int64
	// last is of the last whole second, before of the one before, and seen how many
	// seconds there were.
	last, before int64
	seen         int
}

// look tells whether a call would fit, and changes nothing.
func (l *lease) look(m moment, cost int64) fit {
	if m.wall >= l.end.Load() {
		return short
	}
	held := l.held.Load()
	switch {
	case held >= cost:
		return fits
	case m.at < l.pause.Load():
		return refuses
	case m.at < l.trust.Load() && l.lacks(m, cost-held):
		return refuses
	}
	return short
}

// lacks tells whether, by the last answer, there is less than a cost to be had.
func (l *lease) lacks(m moment, cost int64) bool {
	if s := l.split.Load(); s != nil {
		return s.pace.Retry(l.est.Load(), m.at, cost) > 0
	}
	return l.est.Load() < cost
}

// take takes a cost from what is held.
func (l *lease) take(m moment, cost int64) fit {
	// The end is looked at first: when it is a new one, what was held of the old period
	// is gone already.
	if m.wall >= l.end.Load() {
		return short
	}
	for {
		held := l.held.Load()
		if held < cost {
			// Something may have come since: then it is yet to be taken.
			if got := l.look(m, cost); got != fits {
				return got
			}
			continue
		}
		if l.held.CompareAndSwap(held, held-cost) {
			if low := l.low.Load(); held-cost < low && m.at >= l.pause.Load() && l.low.CompareAndSwap(low, -1) {
				l.side.want(l)
			}
			return fits
		}
	}
}

// giveBack gives back a cost that was taken or granted in a turn, and not needed after
// all. Of a quota whose period has ended meanwhile, or whose numbers have changed, it
// stays spent: it must not come back to another period.
func (l *lease) giveBack(turn, cost int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.split.Load() == nil && l.turn > turn {
		return
	}
	l.came -= cost
	l.keep(cost)
}

// keep adds to what is held, as far as that may grow; the rest is returned. The lease
// is locked.
func (l *lease) keep(n int64) {
	if n <= 0 {
		return
	}
	kept := n
	if s := l.split.Load(); s != nil {
		kept = max(0, min(n, s.hold-l.held.Load()))
	}
	if l.retired {
		kept = 0
	}
	if kept > 0 {
		l.held.Add(kept)
		l.came += kept
		l.side.visit(l)
	}
	if kept < n {
		l.side.surplus(l, n-kept)
	}
}

// empty takes away all that is held, to return it. The lease is locked.
func (l *lease) empty() {
	if n := l.held.Swap(0); n > 0 {
		l.came -= n
		l.side.surplus(l, n)
	}
}

// left is what may be taken, by what is known: less, if other replicas took some
// since.
func (l *lease) left(m moment) int64 {
	held := l.held.Load()
	if s := l.split.Load(); s != nil {
		return min(s.rate.Burst, held+s.pace.Left(l.est.Load(), m.at))
	}
	if m.wall >= l.end.Load() {
		return 0
	}
	return held + l.est.Load()
}

// soon is what a caller is told to wait who was refused by a hair.
const soon = time.Millisecond

// describe adds to a state what a lease knows of it.
func (l *lease) describe(m moment, s *State) {
	if split := l.split.Load(); split != nil {
		s.Reset = split.pace.Reset(l.est.Load(), m.at)
		return
	}
	s.Limit = max(s.Limit, l.allowance.Load())
	if end := l.end.Load(); end != 0 && end != math.MaxInt64 {
		s.Reset = max(0, time.Duration(end-m.wall)*time.Microsecond)
	}
}

// retry is the time until a cost that was refused may fit. A quota that never begins
// anew, or never has so much, is told so.
func (l *lease) retry(m moment, cost int64, s *State) time.Duration {
	if split := l.split.Load(); split != nil {
		lacking := split.pace.Retry(l.est.Load(), m.at, max(1, cost-l.held.Load()))
		return max(soon, lacking, time.Duration(l.pause.Load()-m.at))
	}
	if s.Reset == 0 || cost > s.Limit {
		return access.Never
	}
	return s.Reset
}
