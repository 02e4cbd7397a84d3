package limits

import (
	"context"
	"fmt"
	"time"
)

// call is one check under way: the limits that apply to it.
type call struct {
	m     moment
	cost  int64
	terms [MaxApplied]*terms
	n     int
}

// Take takes a cost from every limit that applies, or from none. What can be decided
// in memory is, and asks nobody; else it makes one round trip for each place where
// replicas share, or waits for one that is under way for the same limit. A cost of 0
// takes nothing, and fits.
//
// An error, which is ErrUndecided or ctx's own, means that nothing was decided and
// nothing spent.
func (e *Engine) Take(ctx context.Context, now time.Time, applied []Applied, cost int64) (Outcome, error) {
	c := call{cost: cost}
	if err := e.open(&c, now, applied); err != nil {
		return Outcome{}, err
	}
	if c.n == 0 {
		return Outcome{Allowed: true}, nil
	}
	if cost == 0 {
		return e.glance(ctx, &c, now, applied)
	}
	switch c.look() {
	case refuses:
		return c.refused(), nil
	case fits:
		if o, got := c.take(); got == fits {
			return o, nil
		}
	case short, removed:
	}
	return e.takeAsking(ctx, now, applied, cost)
}

// open finds the limits that apply to a call.
func (e *Engine) open(c *call, now time.Time, applied []Applied) error {
	if c.cost < 0 {
		return undecided(errCost)
	}
	c.m, c.n = e.moment(now), 0
	for i := range applied {
		a := &applied[i]
		if a.Limits == nil || a.Limits.Empty() {
			continue
		}
		if c.n == MaxApplied {
			return undecided(errTooMany)
		}
		t, err := e.lookup(a)
		if err != nil {
			return undecided(err)
		}
		c.terms[c.n] = t
		c.n++
	}
	return nil
}

// look tells whether all limits let the call through, before any is taken from: a
// call that one refuses spends none. Of several answers the one that decides most is
// given: a refusal, and then that something must be asked.
func (c *call) look() fit {
	worst := fits
	for _, t := range c.terms[:c.n] {
		for i := range t.list {
			switch got := t.list[i].look(c.m, c.cost); got {
			case refuses:
				return refuses
			case short, removed:
				worst = got
			case fits:
			}
		}
	}
	return worst
}

// take takes from all limits. When one has too little after all, because another call
// was faster, what was taken is given back.
func (c *call) take() (Outcome, fit) {
	var (
		tightest *term
		subject  Kind
		least    int64
	)
	for ti, t := range c.terms[:c.n] {
		for i := range t.list {
			l := &t.list[i]
			if got := l.take(c.m, c.cost); got != fits {
				c.giveBack(ti, i)
				return Outcome{}, got
			}
			if left := l.left(c.m); tightest == nil || left < least {
				tightest, subject, least = l, t.subject, left
			}
		}
	}
	return Outcome{Allowed: true, Limit: tightest.state(subject, c.m, least, 0)}, fits
}

// giveBack gives back what was taken from the limits before one.
func (c *call) giveBack(terms, limit int) {
	for ti, t := range c.terms[:terms+1] {
		list := t.list
		if ti == terms {
			list = list[:limit]
		}
		for i := range list {
			list[i].giveBack(c.m, c.cost)
		}
	}
}

// refused tells which limit refuses, by what is in memory: of several the one that
// will the longest.
func (c *call) refused() Outcome {
	var o Outcome
	for _, t := range c.terms[:c.n] {
		for i := range t.list {
			l := &t.list[i]
			if l.look(c.m, c.cost) != refuses {
				continue
			}
			if s := l.state(t.subject, c.m, l.left(c.m), c.cost); o.Limit.Subject == NoKind || s.Retry > o.Limit.Retry {
				o.Limit = s
			}
		}
	}
	return o
}

func undecided(why error) error { return fmt.Errorf("%w: %w", ErrUndecided, why) }
