package storepool

import (
	"context"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// Pool is a limits.Pool on a store. Its clock is the store's.
type Pool struct{ states storage.RateStates }

var _ limits.Pool = (*Pool)(nil)

// NewPool makes a Pool on what keeps states.
func NewPool(states storage.RateStates) *Pool { return &Pool{states: states} }

// Take gives tokens.
func (p *Pool) Take(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	return ask(ctx, p.states.TakeRates, asks)
}

// Look tells how states stand.
func (p *Pool) Look(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	return ask(ctx, p.states.LookRates, asks)
}

// Return gives tokens back.
func (p *Pool) Return(ctx context.Context, back []limits.Back) error {
	out := make([]storage.RateBack, len(back))
	for i, b := range back {
		pace := b.Rate.Pace()
		out[i] = storage.RateBack{ID: storage.CounterID(b.Key), Interval: interval(&pace), Tokens: b.Tokens}
	}
	_, err := within(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.states.ReturnRates(ctx, out) })
	return err
}

// Reset makes states whole.
func (p *Pool) Reset(ctx context.Context, keys []limits.Key) error {
	ids := make([]storage.CounterID, len(keys))
	for i, k := range keys {
		ids[i] = storage.CounterID(k)
	}
	_, err := within(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, p.states.ResetRates(ctx, ids) })
	return err
}

// interval is what one token costs in time; 0 when there are none.
func interval(pace *access.Pace) int64 {
	cost, _ := pace.Take(0, 0, 1)
	return cost
}

func ask(
	ctx context.Context, states func(context.Context, []storage.RateAsk) ([]storage.RateGiven, error), asks []limits.Ask,
) ([]limits.Given, error) {
	paces, out := make([]access.Pace, len(asks)), make([]storage.RateAsk, len(asks))
	for i, a := range asks {
		paces[i] = a.Rate.Pace()
		out[i] = storage.RateAsk{
			ID: storage.CounterID(a.Key), Interval: interval(&paces[i]), Burst: paces[i].Left(0, 0), Want: a.Want, Least: a.Least,
		}
	}
	answers, err := within(ctx, func(ctx context.Context) ([]storage.RateGiven, error) { return states(ctx, out) })
	if err != nil {
		return nil, err //nolint:wrapcheck // it is the store's own
	}
	given := make([]limits.Given, len(asks))
	for i, g := range answers {
		pace := &paces[i]
		given[i] = limits.Given{Tokens: g.Tokens, Left: pace.Left(g.State, g.Now), Reset: pace.Reset(g.State, g.Now)}
		if g.Tokens == 0 {
			given[i].Retry = pace.Retry(g.State, g.Now, asks[i].Least)
		}
	}
	return given, nil
}
