package storepool

import (
	"context"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// Ledger is a limits.Ledger on a store.
type Ledger struct{ quotas storage.QuotaLedger }

var _ limits.Ledger = (*Ledger)(nil)

// NewLedger makes a Ledger on what keeps quotas.
func NewLedger(quotas storage.QuotaLedger) *Ledger { return &Ledger{quotas: quotas} }

// Take takes units.
func (l *Ledger) Take(ctx context.Context, draws []limits.Draw) ([]limits.Drawn, error) {
	return draw(ctx, l.quotas.TakeQuotas, draws)
}

// Look tells how quotas stand.
func (l *Ledger) Look(ctx context.Context, draws []limits.Draw) ([]limits.Drawn, error) {
	return draw(ctx, l.quotas.LookQuotas, draws)
}

// Return gives units back.
func (l *Ledger) Return(ctx context.Context, back []limits.Unspent) error {
	out := make([]storage.QuotaUnspent, len(back))
	for i, b := range back {
		out[i] = storage.QuotaUnspent{ID: storage.CounterID(b.Key), Period: b.Period, Units: b.Units}
	}
	_, err := within(ctx, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.quotas.ReturnQuotas(ctx, out) })
	return err
}

func draw(
	ctx context.Context, quotas func(context.Context, []storage.QuotaDraw) ([]storage.QuotaDrawn, error), draws []limits.Draw,
) ([]limits.Drawn, error) {
	out := make([]storage.QuotaDraw, len(draws))
	for i := range draws {
		out[i] = QuotaDraw(&draws[i])
	}
	answers, err := within(ctx, func(ctx context.Context) ([]storage.QuotaDrawn, error) { return quotas(ctx, out) })
	if err != nil {
		return nil, err //nolint:wrapcheck // it is the store's own
	}
	drawn := make([]limits.Drawn, len(answers))
	for i, d := range answers {
		drawn[i] = limits.Drawn{Taken: d.Taken, Left: d.Left, Allowance: d.Allowance, Untimely: d.Untimely}
	}
	return drawn, nil
}

// QuotaDraw gives a draw in the store's words, as its transactions want it too.
func QuotaDraw(d *limits.Draw) storage.QuotaDraw {
	return storage.QuotaDraw{
		ID: storage.CounterID(d.Key), Owner: d.Owner, Limit: d.Limit, Carry: d.Carry,
		Period: d.Period, Next: d.Next, Previous: d.Previous, Least: d.Least, Want: d.Want, Share: d.Share,
	}
}
