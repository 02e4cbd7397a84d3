package limits

import (
	"context"
	"fmt"
	"time"
)

// call is one check under way: the limits that apply to it.
type call struct {
	table *table
	m     moment
	cost  int64
	n     int
	spots [MaxApplied]spot
	// Leases of the spots, as many as each has limits: the first few, and what is
	// beyond.
	leases int
	few    [fewLeases]*lease
	more   []*lease
}

// fewLeases is how many leases a call has room for that allocates nothing.
const fewLeases = 8

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
	if c.n > 1 || len(c.spots[0].shape.terms) > 1 {
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
	c.table, c.n, c.leases, c.more = e.table, 0, 0, nil
	quotas := 0
	for i := range applied {
		a := &applied[i]
		if a.Limits == nil || a.Limits.Empty() {
			continue
		}
		if c.n == MaxApplied {
			return undecided(errTooMany)
		}
		if err := e.lookup(c, a, &c.spots[c.n]); err != nil {
			return undecided(err)
		}
		quotas += len(c.spots[c.n].shape.quotas)
		c.n++
	}
	if c.n == 0 {
		return nil
	}
	c.m.at = e.at(now)
	if quotas > 0 {
		c.m.wall, c.m.turn = now.UnixMicro(), e.ledger.turns.Load()
	}
	return nil
}

// hold finds the leases of a spot, if it has any. It is false when the spot is not in
// use any more.
func (c *call) hold(t *table, s *spot) bool {
	s.leases = c.leases
	if !s.shape.leased {
		return true
	}
	for i := range s.shape.terms {
		var l *lease
		if s.shape.terms[i].leased {
			word := s.word(i)
			number := word.Load()
			if !used(number) {
				c.leases = s.leases
				return false
			}
			l = t.leaseOf(number)
			// The number is another lease's only if the word has ended before.
			if word.Load() != number {
				c.leases = s.leases
				return false
			}
		}
		c.keep(l)
	}
	return true
}

func (c *call) keep(l *lease) {
	if c.leases < fewLeases {
		c.few[c.leases] = l
	} else {
		c.more = append(c.more[:c.leases-fewLeases], l)
	}
	c.leases++
}

func (c *call) lease(i int) *lease {
	if i < fewLeases {
		return c.few[i]
	}
	return c.more[i-fewLeases]
}

// look tells whether all limits let the call through, before any is taken from: a
// call that one refuses spends none. Of several answers the one that decides most is
// given: a refusal, and then that something must be asked.
func (c *call) look() fit {
	worst := fits
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			n := c.counter(s, i)
			switch got := n.look(c.m, c.cost); got {
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
		tightest   counter
		least, tat int64
	)
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			n := c.counter(s, i)
			got, left, now := n.take(c.m, c.cost)
			if got != fits {
				c.giveBack(k, i)
				return got
			}
			if tightest.term == nil || left < least {
				tightest, least, tat = n, left, now
			}
		}
	}
	o.Allowed = true
	tightest.describe(&o.Limit, c.m, least, tat)
	return fits
}

// giveBack gives back what was taken from the limits before one.
func (c *call) giveBack(spots, limits int) {
	for k := range c.spots[:spots+1] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			if k == spots && i == limits {
				return
			}
			c.giveBackTo(s, i)
		}
	}
}

// giveBackTo gives back to one limit.
func (c *call) giveBackTo(s *spot, i int) {
	n := c.counter(s, i)
	if n.lease != nil {
		n.lease.giveBack(c.m.turn, c.cost)
		return
	}
	c.table.change(s, i, func(tat int64) int64 { return max(0, n.term.pace.GiveBack(tat, c.cost)) })
}

// refused tells which limit refuses, by what is in memory: of several the one that
// will the longest. It is false when by now none does.
func (c *call) refused(o *Outcome) bool {
	found := false
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			n := c.counter(s, i)
			if n.look(c.m, c.cost) != refuses {
				continue
			}
			told := n.refusal(c.m, c.cost, c.table.tat(s, i))
			if !found || told.Retry > o.Limit.Retry {
				o.Limit, found = told, true
			}
		}
	}
	return found
}

func undecided(why error) error { return fmt.Errorf("%w: %w", ErrUndecided, why) }
