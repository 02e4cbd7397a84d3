package limits

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// side is one of the two places that leases come from: the pool, or the ledger.
type side struct {
	store  store
	budget time.Duration
	// breaker keeps checks from waiting for what does not answer.
	breaker breaker
	// kick wakes whoever asks ahead for the thirsty.
	kick chan struct{}
	// trips counts calls to the store, and failed those that failed.
	trips, failed atomic.Int64
	splits        splits
	// turns counts the turns of all leases.
	turns atomic.Int64

	mu      sync.Mutex
	thirsty []*lease
	holders []*lease
	backs   []back
	// last is a question that got no answer, to probe with.
	last question
}

// mostBacks is how much may wait to be returned; what is more is lost.
const mostBacks = 100_000

// errAnswers is a store that gave not as many answers as it was asked.
var errAnswers = errors.New("the number of answers is not the number of questions")

func newSide(s store, budget time.Duration) *side {
	return &side{store: s, budget: budget, kick: make(chan struct{}, 1)}
}

// want notes that a lease has run low.
func (s *side) want(l *lease) {
	s.mu.Lock()
	s.thirsty = append(s.thirsty, l)
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// takeThirsty gives the leases that have run low, and for which nothing is under way
// yet.
func (s *side) takeThirsty() []*lease {
	s.mu.Lock()
	thirsty := s.thirsty
	s.thirsty = nil
	s.mu.Unlock()
	var out []*lease
	for _, l := range thirsty {
		l.mu.Lock()
		if !l.asking && !l.retired {
			l.asking = true
			out = append(out, l)
		}
		l.mu.Unlock()
	}
	return out
}

// visit has a lease visited from now on. The lease is locked.
func (s *side) visit(l *lease) {
	if l.listed {
		return
	}
	l.listed = true
	s.mu.Lock()
	s.holders = append(s.holders, l)
	s.mu.Unlock()
}

// surplus notes what is to be returned. The lease is locked.
func (s *side) surplus(l *lease, n int64) {
	b := back{key: l.key, n: n, period: l.span.Start}
	if split := l.split.Load(); split != nil {
		b.rate = split.pooled
	}
	s.returns(b)
}

// returns notes what is to be returned.
func (s *side) returns(b back) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.backs) < mostBacks {
		s.backs = append(s.backs, b)
	}
}

// call makes one call to the store in its time, and tells the breaker how it went.
func (s *side) call(ctx context.Context, b *bearings, what func(context.Context) error) error {
	// What is asked for one call is kept for the next: a caller who leaves ends nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.budget)
	defer cancel()
	s.trips.Add(1)
	err := what(ctx)
	if err != nil {
		s.failed.Add(1)
		s.breaker.fail(b)
		return err
	}
	s.breaker.mend()
	return nil
}

// ask asks the store, and gives as many answers as there are questions.
func (s *side) ask(ctx context.Context, b *bearings, questions []question) (answers []answer, err error) {
	err = s.call(ctx, b, func(ctx context.Context) (err error) {
		if answers, err = s.store.ask(ctx, questions); err == nil && len(answers) != len(questions) {
			err = errAnswers
		}
		return err
	})
	if err != nil {
		s.mu.Lock()
		s.last = questions[0]
		s.mu.Unlock()
	}
	return answers, err
}

// look asks the store how limits stand.
func (s *side) look(ctx context.Context, b *bearings, questions []question) (answers []answer, err error) {
	err = s.call(ctx, b, func(ctx context.Context) (err error) {
		if answers, err = s.store.look(ctx, questions); err == nil && len(answers) != len(questions) {
			err = errAnswers
		}
		return err
	})
	return answers, err
}

// flush returns what is to be returned. It is tried once: whether what failed has
// been returned nobody knows, and twice would be too often.
func (s *side) flush(ctx context.Context, b *bearings) error {
	if s.breaker.open() {
		return nil
	}
	s.mu.Lock()
	backs := s.backs
	s.backs = nil
	s.mu.Unlock()
	for len(backs) > 0 {
		n := min(len(backs), mostAsked)
		if err := s.call(ctx, b, func(ctx context.Context) error { return s.store.giveBack(ctx, backs[:n]) }); err != nil {
			return err
		}
		backs = backs[n:]
	}
	return nil
}
