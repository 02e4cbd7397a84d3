package limits

import (
	"context"
	"time"
)

// attempts is how often a call starts over when others were faster or a counter was
// removed meanwhile.
const attempts = 16

// part is one limit of a call that is not decided by memory alone.
type part struct {
	spot    *spot
	i       int
	counter counter
	waiter  *waiter
	// got is what came of it, and owned is true while the cost is this call's.
	got   fit
	owned bool
	// degraded is true when that was decided without the pool.
	degraded bool
	retry    time.Duration
}

// takeAsking takes what memory alone can't decide.
func (e *Engine) takeAsking(ctx context.Context, now time.Time, applied []Applied, cost int64) (Outcome, error) {
	c := call{cost: cost}
	for range attempts {
		if err := ctx.Err(); err != nil {
			return Outcome{}, err //nolint:wrapcheck // it is the caller's own
		}
		if err := e.settle(applied); err != nil {
			return Outcome{}, err
		}
		if err := e.open(&c, now, applied); err != nil {
			return Outcome{}, err
		}
		switch c.look() {
		case refuses:
			if o := (Outcome{}); c.refused(&o) {
				return o, nil
			}
		case removed:
			continue
		case fits, short:
		}
		o, done, err := e.tryAsking(ctx, &c)
		if done || err != nil {
			return o, err
		}
		now = e.later(now)
	}
	return Outcome{}, undecided(errRaced)
}

// later is the time of another attempt: it may come a round trip after the first.
func (e *Engine) later(now time.Time) time.Time {
	if passed := e.bearings.now().at - e.moment(now).at; passed > 0 {
		return now.Add(time.Duration(passed))
	}
	return now
}

// tryAsking asks for all that is short in one flight a side, and then takes the rest
// from memory. It is not done when it has to start over; then nothing is spent.
func (e *Engine) tryAsking(ctx context.Context, c *call) (o Outcome, done bool, err error) {
	parts := e.request(ctx, c)
	if err := e.await(ctx, c, parts); err != nil {
		return Outcome{}, false, err
	}
	if o, done, err = c.weigh(parts); done || err != nil {
		c.release(parts)
		return o, done, err
	}
	for i := range parts {
		p := &parts[i]
		if p.owned {
			continue
		}
		if p.got == fits {
			p.got, _, _ = p.counter.take(c.m, c.cost)
		}
		if p.owned = p.got == fits; !p.owned {
			c.release(parts)
			return Outcome{}, false, nil
		}
	}
	return c.granted(parts), true, nil
}

// request has the call wait for every limit that is short, and sends what flights that
// takes.
func (e *Engine) request(ctx context.Context, c *call) []part {
	var (
		parts []part
		leads [2][]*lease
	)
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			p := part{spot: s, i: i, counter: c.counter(s, i), got: fits}
			if l := p.counter.lease; l != nil && l.look(c.m, c.cost) == short {
				if l.split.Load() != nil && l.side.breaker.open() {
					e.goOn(&p, c)
				} else if w, lead := l.join(c.cost); w == nil {
					p.got = removed
				} else if p.waiter = w; lead {
					side := index(p.counter.term.quota)
					leads[side] = append(leads[side], l)
				}
			}
			parts = append(parts, p)
		}
	}
	for _, leases := range leads {
		if len(leases) > 0 {
			e.launch(ctx, leases[0].side, leases)
		}
	}
	return parts
}

func index(quota bool) int {
	if quota {
		return 1
	}
	return 0
}

// launch sends a flight. Nobody's leaving ends it.
func (e *Engine) launch(ctx context.Context, s *side, leases []*lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		for _, l := range leases {
			l.fail(errClosed)
		}
		return
	}
	e.flights.Go(func() { e.fly(ctx, s, leases) })
}

// await waits until all that was asked for is answered. When the caller leaves it
// gives back what was granted.
func (e *Engine) await(ctx context.Context, c *call, parts []part) error {
	for i := range parts {
		p := &parts[i]
		if p.waiter == nil {
			continue
		}
		select {
		case <-p.waiter.done:
			p.got = p.waiter.got
			p.owned = p.waiter.err == nil && p.got == fits
		case <-ctx.Done():
			// In this order: what was released is not the call's to abandon.
			c.abandon(parts)
			c.release(parts)
			return ctx.Err() //nolint:wrapcheck // it is the caller's own
		}
		if p.waiter.err != nil && !p.counter.term.quota {
			e.goOn(p, c)
		}
	}
	return nil
}

// abandon gives up waiting.
func (c *call) abandon(parts []part) {
	for i := range parts {
		p := &parts[i]
		if p.waiter != nil && !p.owned {
			p.counter.lease.leave(p.waiter)
		}
	}
}

// weigh looks at what came of what was asked: done is a refusal, and neither that
// nor an error means to go on.
func (c *call) weigh(parts []part) (o Outcome, done bool, err error) {
	for i := range parts {
		p := &parts[i]
		if p.waiter != nil && p.waiter.err != nil {
			return Outcome{}, false, undecided(p.waiter.err)
		}
		if p.got != refuses {
			continue
		}
		s := p.state(c, c.cost)
		if !done || s.Retry > o.Limit.Retry {
			o.Limit, done = s, true
		}
	}
	return o, done, nil
}

// release gives back all that is the call's.
func (c *call) release(parts []part) {
	for i := range parts {
		p := &parts[i]
		switch {
		case !p.owned:
			continue
		case p.degraded:
			p.counter.lease.giveBackAway(c.cost)
		case p.waiter != nil:
			p.counter.lease.giveBack(p.waiter.turn, c.cost)
		default:
			c.giveBackTo(p.spot, p.i)
		}
		p.owned = false
	}
}

// granted tells which limit is the tightest of a call that all let through.
func (c *call) granted(parts []part) Outcome {
	o := Outcome{Allowed: true}
	for i := range parts {
		s := parts[i].state(c, 0)
		degraded := o.Limit.Degraded || s.Degraded
		if i == 0 || s.Remaining < o.Limit.Remaining {
			o.Limit = s
		}
		o.Limit.Degraded = degraded
	}
	return o
}

// state tells how the limit of a part stands: to a cost that it refused, or when none
// is given to one that was taken.
func (p *part) state(c *call, refused int64) State {
	tat := c.table.tat(p.spot, p.i)
	s := p.counter.state(c.m, tat)
	if refused > 0 {
		s = p.counter.refusal(c.m, refused, tat)
	}
	if p.degraded {
		s.Degraded = true
		s.Remaining, s.Reset, s.Retry = p.counter.lease.leftAway(c.m), 0, p.retry
	}
	return s
}
