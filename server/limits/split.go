package limits

import (
	"sync"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// split says how replicas share a rate limit.
//
// In any window the pool gives no more than its burst and what the rate brings.
// Beyond that replicas spend in it what they held when it began. So the pool's burst
// is the limit's without a reserve, and what all replicas hold together is the
// reserve and an allowance: then no window sees more than the limit and the
// allowance. The allowance is 2 % of the burst of a limit of a thousand requests or
// more a period, and nothing for one of less.
//
// What can't be had at once is the reserve, and what replicas hold that have no use
// for it: together at most 5 % and, of a small limit, one for each replica. So a call
// that costs more than the pool's burst never fits, and is told so. Were it let through
// when the pool is whole, what others hold would come on top of the whole limit: they
// spend it without asking, a replica that was suspended long after the pool is whole
// again. Nothing but an exact limit, of which nobody holds any, has room for it.
type split struct {
	rate     access.Rate
	exact    bool
	replicas int64
	// pooled is the rate that the pool is asked with, pace the same to count with.
	pooled access.Rate
	pace   access.Pace
	// hold is the most that one replica holds. 0 takes single tokens: each call asks.
	hold int64
	// local is this replica's fair share while the pool is away.
	local access.Pace
}

// largeLimit is how many requests a period a limit has of which more may be let
// through than it says.
const largeLimit = 1000

// mostReplicas bounds what a share is counted by, and keeps its arithmetic within an
// int64.
const mostReplicas = 1000

// rateOf gives a limit as it is counted.
func rateOf(l *storage.RateLimit) access.Rate {
	r := access.Rate{Period: l.Period, Requests: l.Requests, Burst: l.Burst}
	if r.Burst == 0 {
		r.Burst = r.Requests
	}
	return r
}

func newSplit(rate access.Rate, exact bool, replicas int64) *split {
	s := &split{rate: rate, exact: exact, replicas: replicas, pooled: rate}
	// One more replica may have started than is known of.
	among := replicas + 1
	if !exact && rate.Burst >= 20*among {
		reserve, allowance := rate.Burst/40, int64(0)
		if rate.Requests >= largeLimit {
			reserve, allowance = rate.Burst/64, rate.Burst/50
		}
		reserve = max(reserve, among)
		s.hold = (reserve + allowance) / among
		s.pooled.Burst -= reserve
	}
	s.pace = s.pooled.Pace()
	// n times the period is the n-th part of the rate, without rounding.
	share := rate
	share.Period *= time.Duration(replicas)
	if share.Burst > 0 {
		share.Burst = max(1, share.Burst/replicas)
	}
	s.local = share.Pace()
	return s
}

// is tells whether the split is still the one of a rate among a number of replicas.
func (s *split) is(rate access.Rate, exact bool, replicas int64) bool {
	return s.rate == rate && s.exact == exact && s.replicas == replicas
}

// splits keep the newest splits, so that leases of the same numbers share theirs. The
// zero splits keep none.
type splits struct {
	mu sync.Mutex
	by map[splitKey]*split
}

type splitKey struct {
	rate     access.Rate
	exact    bool
	replicas int64
}

// mostSplits bounds how many are kept. What is beyond it is not shared.
const mostSplits = 1 << 10

func (s *splits) get(rate access.Rate, exact bool, replicas int64) *split {
	key := splitKey{rate, exact, replicas}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.by[key]; known != nil {
		return known
	}
	if s.by == nil || len(s.by) >= mostSplits {
		s.by = make(map[splitKey]*split)
	}
	made := newSplit(rate, exact, replicas)
	s.by[key] = made
	return made
}
