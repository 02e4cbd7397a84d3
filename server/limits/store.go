package limits

import (
	"context"
	"time"

	"github.com/keystile/keystile/server/access"
)

// mostAsked is how many questions go into one call.
const mostAsked = 512

// question is what is asked for a lease, of whichever store it comes from.
type question struct {
	lease *lease
	key   Key
	rate  access.Rate
	draw  Draw
	// want and least are as in Ask and Draw.
	want, least int64
	// callers is how many of those who wait this is for, and turn the lease's when it was
	// asked.
	callers int
	turn    int64
	// settles is all that had been let through by then while the pool was away, and owed
	// what of it is still to be paid.
	settles, owed int64
}

// answer is what a store says to it.
type answer struct {
	tokens       int64
	left         int64
	reset, retry time.Duration
	allowance    int64
	untimely     bool
}

// back is what is to be returned.
type back struct {
	key    Key
	rate   access.Rate
	period int64
	n      int64
}

// store is a Pool or a Ledger, in the words of leases.
type store interface {
	ask(ctx context.Context, questions []question) ([]answer, error)
	look(ctx context.Context, questions []question) ([]answer, error)
	giveBack(ctx context.Context, backs []back) error
	reset(ctx context.Context, keys []Key) error
}

type poolStore struct{ pool Pool }

func asks(questions []question) []Ask {
	out := make([]Ask, len(questions))
	for i := range questions {
		q := &questions[i]
		out[i] = Ask{Key: q.key, Rate: q.rate, Want: q.want, Least: q.least}
	}
	return out
}

func fromGiven(given []Given, err error) ([]answer, error) {
	out := make([]answer, len(given))
	for i, g := range given {
		out[i] = answer{tokens: g.Tokens, left: g.Left, reset: g.Reset, retry: g.Retry}
	}
	return out, err
}

func (s poolStore) ask(ctx context.Context, questions []question) ([]answer, error) {
	return fromGiven(s.pool.Take(ctx, asks(questions)))
}

func (s poolStore) look(ctx context.Context, questions []question) ([]answer, error) {
	return fromGiven(s.pool.Look(ctx, asks(questions)))
}

func (s poolStore) giveBack(ctx context.Context, backs []back) error {
	out := make([]Back, len(backs))
	for i, b := range backs {
		out[i] = Back{Key: b.key, Rate: b.rate, Tokens: b.n}
	}
	return s.pool.Return(ctx, out)
}

func (s poolStore) reset(ctx context.Context, keys []Key) error { return s.pool.Reset(ctx, keys) }

type ledgerStore struct{ ledger Ledger }

func draws(questions []question) []Draw {
	out := make([]Draw, len(questions))
	for i := range questions {
		q := &questions[i]
		out[i] = q.draw
		out[i].Key, out[i].Want, out[i].Least = q.key, q.want, q.least
	}
	return out
}

func fromDrawn(drawn []Drawn, err error) ([]answer, error) {
	out := make([]answer, len(drawn))
	for i, d := range drawn {
		out[i] = answer{tokens: d.Taken, left: d.Left, allowance: d.Allowance, untimely: d.Untimely}
	}
	return out, err
}

func (s ledgerStore) ask(ctx context.Context, questions []question) ([]answer, error) {
	return fromDrawn(s.ledger.Take(ctx, draws(questions)))
}

func (s ledgerStore) look(ctx context.Context, questions []question) ([]answer, error) {
	return fromDrawn(s.ledger.Look(ctx, draws(questions)))
}

func (s ledgerStore) giveBack(ctx context.Context, backs []back) error {
	out := make([]Unspent, len(backs))
	for i, b := range backs {
		out[i] = Unspent{Key: b.key, Period: b.period, Units: b.n}
	}
	return s.ledger.Return(ctx, out)
}

// reset does nothing: what was spent of a quota is spent.
func (ledgerStore) reset(context.Context, []Key) error { return nil }

// noLedger decides no quota.
type noLedger struct{}

func (noLedger) Take(context.Context, []Draw) ([]Drawn, error) { return nil, errAway }
func (noLedger) Look(context.Context, []Draw) ([]Drawn, error) { return nil, errAway }
func (noLedger) Return(context.Context, []Unspent) error       { return errAway }
