package limits

import "sync/atomic"

// fit is how a call stands to a limit.
type fit uint8

const (
	// refuses: the limit does not let the call through.
	refuses fit = iota
	// fits: it does.
	fits
	// short: what is held is not enough, and it is not known that there is no more.
	short
	// removed: the counter is no longer in use, and there may be another.
	removed
)

// moment is when a check is made.
type moment struct {
	// at is in nanoseconds by a clock that never goes back, wall in microseconds since
	// the Unix epoch.
	at, wall int64
	// turn is the newest turn of a quota then. A call without quotas has neither it nor
	// a wall.
	turn int64
}

// counter is one limit of a call: its term, and the word or the lease that counts it.
type counter struct {
	kind  Kind
	term  *term
	word  *atomic.Int64
	lease *lease
}

// counter gives a limit of a spot of the call.
func (c *call) counter(s *spot, i int) counter {
	n := counter{kind: s.kind, term: &s.shape.terms[i], word: s.word(i)}
	if n.term.leased {
		n.lease = c.lease(s.leases + i)
	}
	return n
}

// look tells whether a call would fit, and changes nothing.
func (n *counter) look(m moment, cost int64) fit {
	if n.lease != nil {
		return n.lease.look(m, cost)
	}
	tat := n.word.Load()
	if !used(tat) {
		return removed
	}
	if _, ok := n.term.pace.Take(tat, m.at, cost); ok || cost == 0 && n.term.burst > 0 {
		return fits
	}
	return refuses
}

// take takes a cost from what is in memory, and tells what is left and how the word
// stands.
func (n *counter) take(m moment, cost int64) (got fit, left, tat int64) {
	if n.lease != nil {
		if got = n.lease.take(m, cost); got == fits {
			left = n.lease.left(m)
		}
		return got, left, 0
	}
	pace, word := &n.term.pace, n.word
	for {
		tat = word.Load()
		if !used(tat) {
			return removed, 0, 0
		}
		next, ok := pace.Take(tat, m.at, cost)
		if !ok {
			return refuses, 0, 0
		}
		if word.CompareAndSwap(tat, next) {
			return fits, pace.Left(next, m.at), next
		}
	}
}

// left is how much may be taken by what is known in memory.
func (n *counter) left(m moment, tat int64) int64 {
	if n.lease != nil {
		return n.lease.left(m)
	}
	return n.term.pace.Left(tat, m.at)
}

// describe tells how the limit stands, with so much left.
func (n *counter) describe(s *State, m moment, left, tat int64) {
	t := n.term
	s.Subject, s.Name, s.Quota = n.kind, t.name, t.quota
	s.Limit, s.Remaining, s.Requests, s.Period = t.burst, left, t.requests, t.period
	if n.lease != nil {
		n.lease.describe(m, s)
		return
	}
	s.Reset = t.pace.Reset(tat, m.at)
}

// state tells how the limit stands, by what is in memory.
func (n *counter) state(m moment, tat int64) (s State) {
	n.describe(&s, m, n.left(m, tat), tat)
	return s
}

// refusal tells how the limit stands to a cost that it has refused.
func (n *counter) refusal(m moment, cost, tat int64) State {
	s := n.state(m, tat)
	s.Remaining = max(0, min(s.Remaining, cost-1))
	if n.lease != nil {
		s.Retry = n.lease.retry(m, cost, &s)
	} else {
		s.Retry = n.term.pace.Retry(tat, m.at, cost)
	}
	return s
}
