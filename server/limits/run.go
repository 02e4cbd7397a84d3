package limits

import (
	"context"
	"sync"
	"time"
)

// How often the engine looks after what it holds, and how often it sweeps a shard.
const visitEvery = 250 * time.Millisecond

// gatherFor is how long what runs low is gathered after a round trip, so that the next
// one is worth it. Whoever finds nothing left meanwhile asks by itself.
const gatherFor = 5 * time.Millisecond

// Run asks ahead for what runs low, returns what is not used, sweeps, and finds out
// when what was away is back. It ends with ctx, and gives its error. It starts one
// goroutine for each place where replicas share, and none for a counter.
func (e *Engine) Run(ctx context.Context) error {
	var sides sync.WaitGroup
	defer sides.Wait()
	for _, s := range e.sides() {
		sides.Go(func() { e.replenish(ctx, s) })
	}
	ticker := time.NewTicker(visitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // it is the caller's own
		case <-ticker.C:
			if e.enter() {
				e.tend(ctx)
				e.flights.Done()
			}
		}
	}
}

// enter tells whether something may be begun that Close has to wait for: what comes
// after it would be held for nobody.
func (e *Engine) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.flights.Add(1)
	return true
}

// replenish asks ahead on one side, a batch at a time.
func (e *Engine) replenish(ctx context.Context, s *side) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
			if !e.enter() {
				return
			}
			// Calls that came to wait meanwhile must not wait for this batch's rest.
			for thirsty := s.takeThirsty(); len(thirsty) > 0; {
				n := min(len(thirsty), mostAsked)
				if again := e.ask(ctx, s, thirsty[:n]); len(again) > 0 {
					e.launch(ctx, s, again)
				}
				thirsty = thirsty[n:]
			}
			e.flights.Done()
			select {
			case <-ctx.Done():
				return
			case <-time.After(gatherFor):
			}
		}
	}
}

// tend does what is due.
func (e *Engine) tend(ctx context.Context) {
	m, replicas := e.bearings.now(), e.replicas()
	for _, s := range e.sides() {
		s.visitAll(m, replicas)
		if s.breaker.due(m) {
			s.probe(ctx, &e.bearings)
		}
		_ = s.flush(ctx, &e.bearings) // what can't be returned is lost, and counted
	}
	e.sweepShard(m)
}

// visitAll visits every lease that holds something.
func (s *side) visitAll(m moment, replicas int64) {
	s.mu.Lock()
	holders := s.holders
	s.holders = nil
	s.mu.Unlock()
	var still []*lease
	for _, l := range holders {
		if l.visited(m, replicas) {
			still = append(still, l)
		}
	}
	s.mu.Lock()
	s.holders = append(s.holders, still...)
	s.mu.Unlock()
}

// probe finds out whether a store that was away is back. It spends nothing. The breaker
// is told by the call itself.
func (s *side) probe(ctx context.Context, b *bearings) {
	s.mu.Lock()
	q := s.last
	s.mu.Unlock()
	_, _ = s.look(ctx, b, []question{q})
}

// Close waits for what is under way and returns all that is held, as far as ctx
// allows. After it nothing can be asked for.
func (e *Engine) Close(ctx context.Context) error {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.flights.Wait()
	var failed error
	for _, s := range e.sides() {
		s.mu.Lock()
		holders := s.holders
		s.mu.Unlock()
		for _, l := range holders {
			l.mu.Lock()
			l.retire()
			l.mu.Unlock()
		}
		if err := ctx.Err(); err != nil {
			return err //nolint:wrapcheck // it is the caller's own
		}
		if err := s.flush(ctx, &e.bearings); err != nil {
			failed = err
		}
	}
	return failed
}
