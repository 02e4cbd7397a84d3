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
func (e *Engine) Take(ctx context.Context, now time.Time, applied []Applied, cost int64) (o Outcome, err error) {
	var c call
	c.cost = cost
	if err := e.open(&c, now, applied); err != nil {
		return Outcome{}, err
	}
	switch {
	case c.n == 0:
		o.Allowed = true
		return o, nil
	case cost == 0:
		return e.glance(ctx, &c, now, applied)
	}
	got := fits
	if c.n > 1 || len(c.terms[0].list) > 1 {
		got = c.look() // a lone limit tells when it is taken from
	}
	if got == fits {
		got = c.take(&o)
	}
	switch got {
	case fits:
		return o, nil
	case refuses:
		if c.refused(&o) {
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
	c.n = 0
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
	if c.n == 0 {
		return nil
	}
	c.m.at = e.at(now)
	for _, t := range c.terms[:c.n] {
		if len(t.quotas) > 0 {
			c.m.wall, c.m.turn = now.UnixMicro(), e.ledger.turns.Load()
			break
		}
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
func (c *call) take(o *Outcome) fit {
	var (
		tightest *term
		subject  Kind
		least    int64
	)
	for ti, t := range c.terms[:c.n] {
		for i := range t.list {
			l := &t.list[i]
			got, left := l.take(c.m, c.cost)
			if got != fits {
				c.giveBack(ti, i)
				return got
			}
			if tightest == nil || left < least {
				tightest, subject, least = l, t.subject, left
			}
		}
	}
	o.Allowed = true
	tightest.describe(&o.Limit, subject, c.m, least)
	return fits
}

// giveBack gives back what was taken from the limits before one.
func (c *call) giveBack(terms, limit int) {
	for ti, t := range c.terms[:terms+1] {
		list := t.list
		if ti == terms {
			list = list[:limit]
		}
		for i := range list {
			list[i].giveBack(c.m.turn, c.cost)
		}
	}
}

// refused tells which limit refuses, by what is in memory: of several the one that
// will the longest. It is false when by now none does.
func (c *call) refused(o *Outcome) bool {
	found := false
	for _, t := range c.terms[:c.n] {
		for i := range t.list {
			l := &t.list[i]
			if l.look(c.m, c.cost) != refuses {
				continue
			}
			s := l.refusal(t.subject, c.m, c.cost)
			if !found || s.Retry > o.Limit.Retry {
				o.Limit, found = s, true
			}
		}
	}
	return found
}

func undecided(why error) error { return fmt.Errorf("%w: %w", ErrUndecided, why) }
