package limits

import (
	"context"
	"slices"
	"time"
)

// How long an answer is believed that there is no more, so that what others return or
// reset is noticed; how long a spent quota is; and how long a pool that has run dry is
// left alone, so that what is then asked for is worth a round trip.
const (
	trusted         = time.Second
	longestPatience = 5 * time.Second
	longestPause    = 250 * time.Millisecond
)

// mostUnits is the most that is held of a quota, if the ledger gives that much.
const mostUnits = 1 << 20

// shares is how many shares for each replica a ledger parts what is left in.
const shares = 20

// waiter is a call that waits for what it can't take from memory. What came of it may
// be read when done is closed.
type waiter struct {
	cost int64
	done chan struct{}
	got  fit // fits, refuses, or removed
	err  error
	// turn is the lease's when the cost was granted.
	turn int64
}

func (w *waiter) settle(got fit, err error) {
	w.got, w.err = got, err
	close(w.done)
}

// join has a call wait for what it costs, and tells whether the caller has to send the
// flight; nil when the lease is no longer in use.
func (l *lease) join(cost int64) (w *waiter, lead bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.retired {
		return nil, false
	}
	w = &waiter{cost: cost, done: make(chan struct{})}
	l.waiting = append(l.waiting, w)
	lead = !l.asking
	l.asking = true
	return w, lead
}

// leave gives up waiting. What was granted meanwhile is given back.
func (l *lease) leave(w *waiter) {
	l.mu.Lock()
	if i := slices.Index(l.waiting, w); i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	l.mu.Unlock()
	select {
	case <-w.done:
		if w.err == nil && w.got == fits {
			l.giveBack(w.turn, w.cost)
		}
	default:
	}
}

// question says what is to be asked for a lease that is being asked for; false when
// that is nothing.
func (l *lease) question(m moment, replicas int64) (question, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := int64(mostUnits)
	if s := l.split.Load(); s != nil {
		l.divide(s.rate, s.exact, replicas)
		most = l.split.Load().hold
	} else {
		l.turnTo(m)
	}
	var sum int64
	for _, w := range l.waiting {
		sum += w.cost
	}
	if l.split.Load() == nil {
		// What is asked for ahead again and again stays within one share all the same: it is
		// what is lost in a crash.
		most = min(most, l.est.Load()/(shares*replicas))
	}
	_, soon := l.ahead()
	switch {
	case l.answered != 0 && m.at-l.answered < int64(soon):
		l.target = min(max(2*l.target, 1), most)
	case l.split.Load() == nil || !l.listed:
		l.target = 0
	default:
		// It is large enough, and visits see to it that it is no larger.
		l.target = min(l.target, most)
	}
	held := l.held.Load()
	q := question{lease: l, key: l.key, least: 1, want: sum + l.target - held, callers: len(l.waiting), turn: l.turn}
	if q.callers > 0 {
		q.least = max(1, l.waiting[0].cost-held)
		if l.split.Load() == nil && l.est.Load() >= sum-held {
			// A ledger gives little beyond the least. What calls wait for is not ahead of its use.
			q.least = max(1, sum-held)
		}
	}
	if q.want <= 0 && q.callers == 0 || l.retired {
		l.rest()
		return question{}, false
	}
	q.want = max(q.want, q.least)
	if s := l.split.Load(); s != nil {
		q.rate = s.pooled
		if l.away {
			// What the rate has brought since is nobody's debt.
			q.settles = l.owes
			q.owed = max(0, min(l.owes, s.local.Left(0, m.at)-s.local.Left(l.tat, m.at)))
			q.want += q.owed
		}
		return q, true
	}
	q.draw = l.draw(replicas)
	return q, true
}

// draw says what is asked of a ledger.
func (l *lease) draw(replicas int64) Draw {
	d := drawOn(&l.quota, l.zone, l.span)
	d.Owner, d.Share = l.owner, shares*replicas
	return d
}

// ahead tells for how many seconds what is held is to last, and that it was too little
// when more is asked for again so soon. Of a quota, what is held is lost in a crash. Of
// a rate limit it comes back, and the split bounds it: so it lasts for longer, and
// round trips are fewer.
func (l *lease) ahead() (seconds int64, soon time.Duration) {
	if l.split.Load() == nil {
		return 1, time.Second
	}
	return 8, 4 * time.Second
}

// rest ends a flight. The lease is locked.
func (l *lease) rest() {
	l.asking = false
	l.low.Store((l.target + 1) / 2)
}

// fail ends a flight that got no answer. More is not asked for ahead until the lease
// is visited.
func (l *lease) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.waiting {
		w.settle(refuses, err)
	}
	l.waiting = nil
	l.asking = false
	l.low.Store(-1)
	l.side.visit(l)
}

// land hands out what a flight brought: first to the calls that waited, in their
// order, and then to be held. It tells whether others wait for another flight.
func (l *lease) land(m moment, q *question, a answer) (again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := min(max(a.tokens, 0), q.want)
	if a.untimely || q.turn != l.turn {
		return l.misland(q, a, tokens)
	}
	l.note(m, q, a, tokens)
	l.came += tokens
	tokens += l.held.Swap(0)
	// A pool gives all there is up to what is wanted. A ledger may have given less than
	// there is left: then the others wait for another flight.
	pooled := l.split.Load() != nil
	rest := l.waiting[:0]
	for i, w := range l.waiting {
		switch {
		case w.cost <= tokens && len(rest) == 0:
			tokens -= w.cost
			w.turn = l.turn
			w.settle(fits, nil)
		case i < q.callers && pooled || l.lacks(m, w.cost-tokens) || m.at < l.pause.Load():
			w.settle(refuses, nil)
		default:
			rest = append(rest, w)
		}
	}
	clear(l.waiting[len(rest):])
	l.waiting = rest
	if q.owed > 0 {
		tokens -= min(tokens, q.owed)
	}
	// What was let through since it was asked is paid by the next answer.
	l.owes = max(0, l.owes-q.settles)
	l.away = l.away && l.owes > 0
	l.came -= tokens // keep counts them again
	l.keep(tokens)
	if mutantKeepTwice {
		l.keep(tokens)
	}
	if len(rest) > 0 {
		return true
	}
	l.rest()
	return false
}

// misland deals with an answer of another period. What came is returned to where it is
// from.
func (l *lease) misland(q *question, a answer, tokens int64) (again bool) {
	if tokens > 0 {
		l.side.returns(back{key: q.key, rate: q.rate, period: q.draw.Period, n: tokens})
	}
	if !a.untimely {
		if len(l.waiting) > 0 {
			return true
		}
		l.rest()
		return false
	}
	for _, w := range l.waiting {
		w.settle(refuses, errUntimely)
	}
	l.waiting = nil
	l.rest()
	return false
}

// note remembers what an answer tells of what is left. The lease is locked.
func (l *lease) note(m moment, q *question, a answer, tokens int64) {
	l.answered = m.at
	until := m.at + int64(trusted)
	s := l.split.Load()
	if s == nil {
		l.est.Store(max(0, a.left))
		l.allowance.Store(a.allowance)
		l.patience = min(max(2*l.patience, trusted), longestPatience)
		if tokens > 0 {
			l.patience = 0
		}
		l.trust.Store(max(until, m.at+int64(l.patience)))
		return
	}
	l.est.Store(m.at + int64(a.reset))
	l.trust.Store(until)
	dry := s.pace.Retry(m.at+int64(a.reset), m.at, 1)
	if tokens == 0 && q.least == 1 {
		dry = max(dry, a.retry)
	}
	if dry <= 0 || tokens >= q.want {
		l.pause.Store(0)
		return
	}
	// While the pool brings half of what may be held, others leave it alone too.
	worth := time.Duration(float64(s.rate.Period) / float64(s.rate.Requests) * float64(s.hold) / 2)
	l.pause.Store(m.at + int64(min(max(dry, min(worth, longestPause)), trusted)))
}

// fly asks one side for leases that are being asked for, until no call waits for them.
func (e *Engine) fly(ctx context.Context, s *side, leases []*lease) {
	for len(leases) > 0 {
		n := min(len(leases), mostAsked)
		again := e.ask(ctx, s, leases[:n])
		leases = append(leases[n:], again...)
	}
}

// ask makes one round trip. It gives the leases for which calls came to wait
// meanwhile.
func (e *Engine) ask(ctx context.Context, s *side, leases []*lease) (again []*lease) {
	m, replicas := e.bearings.now(), e.replicas()
	questions := make([]question, 0, len(leases))
	for _, l := range leases {
		if q, some := l.question(m, replicas); some {
			questions = append(questions, q)
		}
	}
	if len(questions) == 0 {
		return nil
	}
	var answers []answer
	err := errAway
	if !s.breaker.open() {
		answers, err = s.ask(ctx, &e.bearings, questions)
	}
	m = e.bearings.now()
	for i := range questions {
		switch l := questions[i].lease; {
		case err != nil:
			l.fail(err)
		case l.land(m, &questions[i], answers[i]):
			again = append(again, l)
		}
	}
	return again
}
