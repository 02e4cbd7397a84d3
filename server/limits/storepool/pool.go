package storepool

import (
	"context"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// Pool gives the pool of rate limits that a store keeps.
func Pool(states storage.RateStates) limits.Pool { return pool{states} }

type pool struct{ states storage.RateStates }

// Take takes tokens.
func (p pool) Take(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	given, err := p.states.TakeRates(ctx, rateAsks(asks))
	return toldOf(asks, given), err //nolint:wrapcheck // it says what it was doing
}

// Look tells how states stand.
func (p pool) Look(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	given, err := p.states.LookRates(ctx, rateAsks(asks))
	return toldOf(asks, given), err //nolint:wrapcheck // it says what it was doing
}

// Return gives tokens back.
func (p pool) Return(ctx context.Context, back []limits.Back) error {
	out := make([]storage.RateBack, len(back))
	for i := range back {
		pace := back[i].Rate.Pace()
		out[i] = storage.RateBack{ID: storage.CounterID(back[i].Key), Interval: pace.Interval(), Tokens: back[i].Tokens}
	}
	return p.states.ReturnRates(ctx, out) //nolint:wrapcheck // it says what it was doing
}

// Reset makes states whole.
func (p pool) Reset(ctx context.Context, keys []limits.Key) error {
	ids := make([]storage.CounterID, len(keys))
	for i := range keys {
		ids[i] = storage.CounterID(keys[i])
	}
	return p.states.ResetRates(ctx, ids) //nolint:wrapcheck // it says what it was doing
}

func rateAsks(asks []limits.Ask) []storage.RateAsk {
	out := make([]storage.RateAsk, len(asks))
	for i := range asks {
		a := &asks[i]
		pace := a.Rate.Pace()
		out[i] = storage.RateAsk{ID: storage.CounterID(a.Key), Interval: pace.Interval(), Burst: pace.Burst(), Want: a.Want, Least: a.Least}
	}
	return out
}

// toldOf says what a store's answers mean. What it did not answer is given nothing.
func toldOf(asks []limits.Ask, given []storage.RateGiven) []limits.Given {
	out := make([]limits.Given, len(asks))
	for i := range asks {
		pace := asks[i].Rate.Pace()
		var g storage.RateGiven
		if i < len(given) {
			g = given[i]
		}
		out[i] = limits.Given{Tokens: g.Tokens, Left: pace.Left(g.State, g.Now), Reset: pace.Reset(g.State, g.Now)}
		if i >= len(given) {
			out[i] = limits.Given{Retry: access.Never}
		} else if g.Tokens == 0 {
			out[i].Retry = pace.Retry(g.State, g.Now, asks[i].Least)
		}
	}
	return out
}
