package limits_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/keystile/keystile/server/limits"
)

var errLost = errors.New("lost")

// line is the way to a store: slow, and lossy when that is wanted.
type line struct {
	mu     sync.Mutex
	random *rand.Rand
	delay  time.Duration // each way
	down   bool
	// loss is how many of a thousand calls get lost on the way, and as many on the way
	// back.
	loss  int
	calls int
}

func (l *line) dice() (delay time.Duration, down, there, back bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	if l.random == nil {
		l.random = rand.New(rand.NewPCG(1, 2))
	}
	return time.Duration(float64(l.delay) * (0.5 + l.random.Float64())), l.down, l.random.IntN(1000) < l.loss, l.random.IntN(1000) < l.loss
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls
}

func (l *line) set(change func(*line)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l)
}

// cross does something at the far end of a line.
func (l *line) cross(ctx context.Context, what func()) error {
	delay, down, lostThere, lostBack := l.dice()
	pause := func() error {
		if delay == 0 {
			return ctx.Err()
		}
		select {
		case <-time.After(delay):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if down || lostThere {
		<-ctx.Done()
		return errLost
	}
	if err := pause(); err != nil {
		return err
	}
	what()
	if lostBack {
		<-ctx.Done()
		return errLost
	}
	return pause()
}

// memoryPool is a Pool as it is meant.
type memoryPool struct {
	line
	states sync.Map // Key to *poolState
}

type poolState struct {
	mu  sync.Mutex
	tat int64
	// net is what was taken and not returned.
	net int64
}

func (p *memoryPool) state(k limits.Key) *poolState {
	s, _ := p.states.LoadOrStore(k, &poolState{})
	return s.(*poolState)
}

func (p *memoryPool) net(k limits.Key) int64 {
	s := p.state(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.net
}

func (p *memoryPool) Take(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	out := make([]limits.Given, len(asks))
	err := p.cross(ctx, func() {
		for i, a := range asks {
			out[i] = p.give(a, true)
		}
	})
	return out, err
}

func (p *memoryPool) Look(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	out := make([]limits.Given, len(asks))
	err := p.cross(ctx, func() {
		for i, a := range asks {
			out[i] = p.give(a, false)
		}
	})
	return out, err
}

func (p *memoryPool) give(a limits.Ask, take bool) limits.Given {
	if a.Least < 1 || a.Want < a.Least {
		panic("an ask for nothing")
	}
	s := p.state(a.Key)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixNano()
	pace := a.Rate.Pace()
	// It is worth no more than its rate allows, and owes no more either.
	g := limits.Given{Retry: pace.Retry(s.tat, now, a.Least)}
	if n := min(a.Want, pace.Left(s.tat, now)); take && n >= a.Least {
		s.tat, _ = pace.Take(s.tat, now, n)
		g.Tokens, g.Retry = n, 0
		s.net += n
	}
	g.Left, g.Reset = pace.Left(s.tat, now), pace.Reset(s.tat, now)
	return g
}

func (p *memoryPool) Return(ctx context.Context, back []limits.Back) error {
	return p.cross(ctx, func() {
		for _, b := range back {
			s := p.state(b.Key)
			s.mu.Lock()
			pace := b.Rate.Pace()
			s.tat = pace.GiveBack(s.tat, b.Tokens)
			s.net -= b.Tokens
			s.mu.Unlock()
		}
	})
}

func (p *memoryPool) Reset(ctx context.Context, keys []limits.Key) error {
	return p.cross(ctx, func() {
		for _, k := range keys {
			p.states.Delete(k)
		}
	})
}

// memoryLedger is a Ledger as it is meant.
type memoryLedger struct {
	line
	mu   sync.Mutex
	rows map[limits.Key]*ledgerRow
}

type ledgerRow struct {
	period, allowance, spent int64
	// carried is what the period began with beyond the limit.
	carried, granted int64
}

func (r *ledgerRow) left(d limits.Draw) int64 {
	r.allowance = d.Limit + r.carried + r.granted
	return max(0, r.allowance-r.spent)
}

func (l *memoryLedger) Take(ctx context.Context, draws []limits.Draw) ([]limits.Drawn, error) {
	out := make([]limits.Drawn, len(draws))
	err := l.cross(ctx, func() {
		for i, d := range draws {
			out[i] = l.draw(d, true)
		}
	})
	return out, err
}

func (l *memoryLedger) Look(ctx context.Context, draws []limits.Draw) ([]limits.Drawn, error) {
	out := make([]limits.Drawn, len(draws))
	err := l.cross(ctx, func() {
		for i, d := range draws {
			out[i] = l.draw(d, false)
		}
	})
	return out, err
}

func (l *memoryLedger) draw(d limits.Draw, take bool) limits.Drawn {
	if d.Least < 1 || d.Want < d.Least || d.Share < 1 || d.Owner == "" {
		panic("a draw for nothing")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows = map[limits.Key]*ledgerRow{}
	}
	now := time.Now().UnixMicro()
	if d.Next != 1<<63-1 && (now >= d.Next+60e6 || now < d.Period-60e6) {
		return limits.Drawn{Untimely: true}
	}
	row := l.rows[d.Key]
	switch {
	case row == nil:
		row = &ledgerRow{period: d.Period}
	case row.period > d.Period:
		return limits.Drawn{Untimely: true}
	case row.period < d.Period:
		carried := d.Carry
		if row.period == d.Previous {
			carried = min(d.Carry, row.left(d))
		}
		row = &ledgerRow{period: d.Period, carried: carried}
	}
	left := row.left(d)
	out := limits.Drawn{Left: left, Allowance: row.allowance}
	if !take {
		return out
	}
	l.rows[d.Key] = row
	if left >= d.Least {
		out.Taken = d.Least + min(d.Want-d.Least, (left-d.Least)/d.Share)
		row.spent += out.Taken
		out.Left = left - out.Taken
	}
	return out
}

func (l *memoryLedger) Return(ctx context.Context, back []limits.Unspent) error {
	return l.cross(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, b := range back {
			if row := l.rows[b.Key]; row != nil && row.period == b.Period {
				if row.spent -= b.Units; row.spent < 0 {
					panic("more came back than was taken")
				}
			}
		}
	})
}

// spent is what a period of a quota has spent, by the ledger.
func (l *memoryLedger) spent(k limits.Key) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if row := l.rows[k]; row != nil {
		return row.spent
	}
	return 0
}
