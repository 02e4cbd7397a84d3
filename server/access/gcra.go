package access

import (
	"math"
	"time"
)

// Never is the time until something that can't happen.
const Never = time.Duration(math.MaxInt64)

// horizon is the longest that a state may take to become whole: 73 years. Twice that
// after a time of this century is still within an int64.
const horizon = math.MaxInt64 / 4

// Rate is a rate limit in the words of its arithmetic: Requests come back over each
// Period, and Burst may be spent at once. A Burst of 0 is Requests. The zero Rate
// lets nothing through.
type Rate struct {
	Period   time.Duration
	Requests int64
	Burst    int64
}

// Pace gives the rate ready to be counted with.
func (r Rate) Pace() Pace {
	if r.Requests <= 0 || r.Period <= 0 || r.Burst < 0 {
		return Pace{}
	}
	burst := r.Burst
	if burst == 0 {
		burst = r.Requests
	}
	p := Pace{interval: (int64(r.Period)-1)/r.Requests + 1}
	p.burst = min(burst, horizon/p.interval)
	p.tolerance = p.burst * p.interval
	return p
}

// Pace is a Rate as the generic cell rate algorithm counts (ITU-T I.371, annex A.1,
// "virtual scheduling"). Its state is one number, the theoretical arrival time: the
// moment at which the state is whole again, in nanoseconds since a time that is the
// same for all calls. The zero state is whole.
//
// In any window of length w no more than Burst + w/interval is let through, where
// interval is Period/Requests rounded up to whole nanoseconds: rounding never lets
// more through, and lets less through by one nanosecond in an interval, which is
// under 1 % up to ten million requests a second. A Burst that would take more than 73
// years to come back is cut to what comes back in them.
//
// The zero Pace lets nothing through.
type Pace struct {
	interval, burst, tolerance int64
}

// Take takes cost from a state. It gives the state after it, or, when there is not
// enough, the same one and false. A cost of 0 takes nothing; less than 0 is never
// let through.
func (p *Pace) Take(tat, now, cost int64) (next int64, ok bool) {
	if cost < 0 || cost > p.burst || p.interval == 0 {
		return tat, false
	}
	next = max(tat, now) + cost*p.interval
	if next-now > p.tolerance {
		return tat, false
	}
	return next, true
}

// GiveBack gives the state as it is when a cost that Take took from it was not
// needed after all.
func (p *Pace) GiveBack(tat, cost int64) int64 { return tat - cost*p.interval }

// Left is how much may be taken at once.
func (p *Pace) Left(tat, now int64) int64 {
	if p.interval == 0 {
		return 0
	}
	return max(0, p.tolerance-max(0, tat-now)) / p.interval
}

// Retry is the time until cost could be taken, if nothing else were: 0 when it can
// be now, and Never when it can't be.
func (p *Pace) Retry(tat, now, cost int64) time.Duration {
	if cost < 0 || cost > p.burst || p.interval == 0 {
		return Never
	}
	return time.Duration(max(0, max(tat, now)+cost*p.interval-p.tolerance-now))
}

// Reset is the time until the state is whole.
func (p *Pace) Reset(tat, now int64) time.Duration { return time.Duration(max(0, tat-now)) }
