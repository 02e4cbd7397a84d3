package load

import (
	"context"
	"sync"
	"time"
)

// Run puts the load on and measures. It ends early when ctx does, and gives what
// was measured until then.
func Run(ctx context.Context, p Plan, calls []Call) *Result {
	start := time.Now()
	r := &run{plan: p, start: start, begin: start.Add(p.Warmup), end: start.Add(p.Warmup + p.Duration)}
	r.tally = newTally(2 * p.Timeout)
	var workers sync.WaitGroup
	if p.Rate > 0 {
		due := make(chan time.Time)
		workers.Go(func() { pace(ctx, due, r.start, r.end, p.Rate) })
		for _, call := range calls {
			workers.Go(func() { r.open(ctx, call, due) })
		}
	} else {
		for _, call := range calls {
			workers.Go(func() { r.closed(ctx, call) })
		}
	}
	workers.Wait()

	measured, interrupted := p.Duration, ctx.Err() != nil
	if interrupted {
		// Whoever was in flight has ended by now, but not long ago.
		measured = min(measured, max(0, time.Since(r.begin)))
	}
	out := r.tally.result(measured)
	out.Interrupted = interrupted
	return out
}

// run is a run that is going on.
type run struct {
	plan              Plan
	start, begin, end time.Time
	tally             *tally
}

// closed makes one call after the other.
func (r *run) closed(ctx context.Context, call Call) {
	for began := time.Now(); began.Before(r.end) && ctx.Err() == nil; {
		began = r.make(ctx, call, began)
	}
}

// open makes the calls that become due, as long as there are any. They begin in
// the order in which they are due, and none is forgotten because everybody was
// busy then.
func (r *run) open(ctx context.Context, call Call, due <-chan time.Time) {
	for due := range due {
		late := time.Since(due)
		if late <= r.plan.Timeout {
			if r.counts(due) {
				r.tally.began(late)
			}
			r.make(ctx, call, due)
		} else if r.counts(due) {
			r.tally.drop()
		}
	}
}

// counts tells whether a call that was due then belongs to what is measured.
func (r *run) counts(due time.Time) bool { return !due.Before(r.begin) }

// make makes a call whose latency runs from a moment that may be past, and gives
// when it ended.
func (r *run) make(ctx context.Context, call Call, since time.Time) time.Time {
	limited, cancel := context.WithTimeout(ctx, r.plan.Timeout)
	answer := call(limited)
	cancel()
	ended := time.Now()
	if answer.Verdict == "" && ctx.Err() != nil {
		// The interruption took the answer away; the server did not.
		return ended
	}
	inTime := !ended.Before(r.begin) && ended.Before(r.end)
	r.tally.ended(answer, ended.Sub(since), r.counts(since), inTime)
	return ended
}
