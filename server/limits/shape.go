package limits

import (
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// shape is what is known of a set of limits beside what is counted: all subjects that
// have the same limits share it. It is not changed.
type shape struct {
	// rates and quotas are the lists that it was made from.
	rates  []storage.RateLimit
	quotas []storage.Quota
	terms  []term
	// leased is true when one of the terms is.
	leased bool
	// width is how many slots the counters take.
	width int

	number uint32
	hash   uint64
	// users is how many slots have this shape; the lock of the shapes is over it.
	users int
}

// term is one limit of a shape.
type term struct {
	name  string
	quota bool
	// leased is true when a lease counts it, and false when a word of the slot does:
	// a rate limit of a replica that is alone, and what can't be read as a limit.
	leased   bool
	pace     access.Pace
	burst    int64
	requests int64
	period   time.Duration
	// zone is a quota's.
	zone *time.Location
}

// say tells whether this is the shape of some limits.
func (s *shape) say(l *storage.Limits) bool {
	return same(s.rates, l.RateLimits) && same(s.quotas, l.Quotas)
}

// named gives the place of a limit; -1 when there is none of that name.
func (s *shape) named(name string, quota bool) int {
	for i := range s.terms {
		if s.terms[i].name == name && s.terms[i].quota == quota {
			return i
		}
	}
	return -1
}

// rateTerm reads a rate limit. What can't be read as a rate lets nothing through.
func rateTerm(l *storage.RateLimit, alone bool) term {
	rate := rateOf(l)
	t := term{name: l.Name, pace: rate.Pace(), burst: rate.Burst, requests: l.Requests, period: l.Period, leased: !alone}
	if t.pace == (access.Pace{}) {
		t.burst, t.leased = 0, false
	}
	return t
}

func quotaTerm(q *storage.Quota, at time.Time) term {
	t := term{name: q.Name, quota: true, burst: q.Limit, leased: true}
	zone, err := time.LoadLocation(q.TimeZone)
	_, known := access.QuotaSpanAt(q.Period, zone, at)
	if err != nil || !known || q.Limit <= 0 {
		t.burst, t.leased = 0, false
		return t
	}
	t.zone = zone
	return t
}
