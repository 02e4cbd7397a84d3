package limits

import (
	"context"
	"time"
)

// glance answers a call that takes nothing: from memory, if what is known is of use,
// and else by asking.
func (e *Engine) glance(ctx context.Context, c *call, now time.Time, applied []Applied) (Outcome, error) {
	if c.unknown() {
		return e.glanceAsking(ctx, now, applied)
	}
	o := Outcome{Allowed: true}
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			n := c.counter(s, i)
			o.see(n.term, n.state(c.m, c.table.tat(s, i)))
		}
	}
	return o, nil
}

// unknown tells whether there is a lease of which nothing was heard yet.
func (c *call) unknown() bool {
	for i := range c.leases {
		if l := c.lease(i); l != nil && (l.trust.Load() == 0 || c.m.wall >= l.end.Load()) {
			return true
		}
	}
	return false
}

func (e *Engine) glanceAsking(ctx context.Context, now time.Time, applied []Applied) (Outcome, error) {
	states, err := e.Look(ctx, now, applied)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{Allowed: true}
	for i := range states {
		if s := &states[i]; s.Degraded && (s.Quota || e.onLoss == LossDeny) {
			return Outcome{}, undecided(errAway)
		}
		o.see(nil, states[i])
	}
	return o, nil
}

// see has a look's outcome take a limit into account. One that can't be read refuses
// even who takes nothing.
func (o *Outcome) see(l *term, s State) {
	if l != nil && l.burst == 0 || s.Limit == 0 {
		o.Allowed, o.Limit = false, s
		return
	}
	if o.Allowed && (o.Limit.Subject == NoKind || s.Remaining < o.Limit.Remaining) {
		o.Limit = s
	}
}

// Look tells how every limit that applies stands, in the order of applied, and in each
// rate limits before quotas. It asks where replicas share, and spends nothing. What
// other replicas hold counts as spent. A limit of which no answer could be had is
// Degraded, and stands as this replica last knew.
func (e *Engine) Look(ctx context.Context, now time.Time, applied []Applied) ([]State, error) {
	c := call{}
	if err := e.open(&c, now, applied); err != nil {
		return nil, err
	}
	var (
		states    []State
		questions [2][]question
		places    [2][]int
	)
	replicas := e.replicas()
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			n := c.counter(s, i)
			if n.lease != nil {
				side := index(n.term.quota)
				questions[side] = append(questions[side], n.lease.inquiry(c.m, replicas))
				places[side] = append(places[side], len(states))
			}
			states = append(states, n.state(c.m, c.table.tat(s, i)))
		}
	}
	for i, asked := range questions {
		if len(asked) == 0 {
			continue
		}
		side := asked[0].lease.side
		var answers []answer
		err := errAway
		if !side.breaker.open() {
			answers, err = side.look(ctx, &e.bearings, asked)
		}
		for j, place := range places[i] {
			if err != nil || answers[j].untimely {
				states[place].Degraded = true
				continue
			}
			asked[j].lease.heard(&states[place], answers[j])
		}
	}
	return states, nil
}

// inquiry asks how a lease's limit stands.
func (l *lease) inquiry(m moment, replicas int64) question {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := question{lease: l, key: l.key, want: 1, least: 1}
	if s := l.split.Load(); s != nil {
		l.divide(s.rate, s.exact, replicas)
		q.rate = l.split.Load().pooled
		return q
	}
	l.turnTo(m)
	q.draw = l.draw(replicas)
	return q
}

// heard puts an answer into a state.
func (l *lease) heard(s *State, a answer) {
	s.Remaining = l.held.Load() + a.left
	if s.Quota {
		s.Limit = max(s.Limit, a.allowance)
		return
	}
	s.Remaining = min(s.Remaining, s.Limit)
	s.Reset = a.reset
}

// Reset makes every rate limit whole again, here and where replicas share. Other
// replicas notice within a second. What is held here of quotas is dropped: the ledger
// has forgotten that it was taken, so that it would come on top. What other replicas
// hold does come on top.
func (e *Engine) Reset(ctx context.Context, now time.Time, applied []Applied) error {
	c := call{}
	if err := e.open(&c, now, applied); err != nil {
		return err
	}
	var keys []Key
	for k := range c.spots[:c.n] {
		s := &c.spots[k]
		for i := range s.shape.terms {
			switch n := c.counter(s, i); {
			case n.lease != nil && !n.term.quota:
				keys = append(keys, n.lease.key)
			case n.lease == nil && n.term.burst > 0:
				c.table.change(s, i, func(int64) int64 { return 0 })
			}
		}
	}
	if len(keys) > 0 {
		err := e.pool.call(ctx, &e.bearings, func(ctx context.Context) error { return e.pool.store.reset(ctx, keys) })
		if err != nil {
			return undecided(err)
		}
	}
	c.forget(true)
	return nil
}

// Forget forgets what is remembered of refusals by the limits that apply, so that the
// next call asks. It is for whoever has granted credits.
func (e *Engine) Forget(now time.Time, applied []Applied) error {
	c := call{}
	if err := e.open(&c, now, applied); err != nil {
		return err
	}
	c.forget(false)
	return nil
}

// forget forgets refusals and, after a reset, what is held: where replicas share it
// is whole again, so that it would come on top.
func (c *call) forget(reset bool) {
	for i := range c.leases {
		l := c.lease(i)
		if l == nil {
			continue
		}
		l.mu.Lock()
		if reset {
			l.came -= l.held.Swap(0)
			l.away = false
			l.turn = l.side.turns.Add(1)
			l.est.Store(0)
		}
		l.trust.Store(0)
		l.pause.Store(0)
		l.patience = 0
		l.mu.Unlock()
	}
}
