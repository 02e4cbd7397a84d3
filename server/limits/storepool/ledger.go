package storepool

import (
	"context"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// Ledger gives the ledger of quotas that a store keeps.
func Ledger(quotas storage.QuotaLedger) limits.Ledger { return ledger{quotas} }

type ledger struct{ quotas storage.QuotaLedger }

// Take takes units.
func (l ledger) Take(ctx context.Context, draws []limits.Draw) ([]limits.Drawn, error) {
	drawn, err := l.quotas.TakeQuotas(ctx, quotaDraws(draws))
	return drawnOf(drawn), err //nolint:wrapcheck // it says what it was doing
}

// Look tells how quotas stand.
func (l ledger) Look(ctx context.Context, draws []limits.Draw) ([]limits.Drawn, error) {
	drawn, err := l.quotas.LookQuotas(ctx, quotaDraws(draws))
	return drawnOf(drawn), err //nolint:wrapcheck // it says what it was doing
}

// Return gives units back.
func (l ledger) Return(ctx context.Context, back []limits.Unspent) error {
	out := make([]storage.QuotaUnspent, len(back))
	for i, b := range back {
		out[i] = storage.QuotaUnspent{ID: storage.CounterID(b.Key), Period: b.Period, Units: b.Units}
	}
	return l.quotas.ReturnQuotas(ctx, out) //nolint:wrapcheck // it says what it was doing
}

func quotaDraws(draws []limits.Draw) []storage.QuotaDraw {
	out := make([]storage.QuotaDraw, len(draws))
	for i := range draws {
		d := &draws[i]
		out[i] = storage.QuotaDraw{
			ID: storage.CounterID(d.Key), Owner: d.Owner, Limit: d.Limit, Carry: d.Carry,
			Period: d.Period, Next: d.Next, Previous: d.Previous, Least: d.Least, Want: d.Want, Share: d.Share,
		}
	}
	return out
}

func drawnOf(drawn []storage.QuotaDrawn) []limits.Drawn {
	out := make([]limits.Drawn, len(drawn))
	for i, d := range drawn {
		out[i] = limits.Drawn{Taken: d.Taken, Left: d.Left, Allowance: d.Allowance, Untimely: d.Untimely}
	}
	return out
}
