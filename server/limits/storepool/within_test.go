package storepool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/storage"
)

// slow is a store that heeds the end of a context late. What is not slow is not there.
type slow struct {
	storage.RateStates
	storage.QuotaLedger
}

func (slow) TakeRates(context.Context, []storage.RateAsk) ([]storage.RateGiven, error) {
	time.Sleep(time.Second)
	return nil, nil
}

func (slow) TakeQuotas(context.Context, []storage.QuotaDraw) ([]storage.QuotaDrawn, error) {
	time.Sleep(time.Second)
	return nil, nil
}

// A check waits no longer than its time for a store that does not let go.
func TestNobodyWaitsForASlowStore(t *testing.T) {
	for name, ask := range map[string]func(context.Context) error{
		"rates": func(ctx context.Context) error {
			_, err := storepool.NewPool(slow{}).Take(ctx, []limits.Ask{{}})
			return err //nolint:wrapcheck // it is looked at as it is
		},
		"quotas": func(ctx context.Context) error {
			_, err := storepool.NewLedger(slow{}).Take(ctx, []limits.Draw{{}})
			return err //nolint:wrapcheck // it is looked at as it is
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				defer cancel()
				began := time.Now()
				err := ask(ctx)
				if took := time.Since(began); took != 50*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v after %s", err, took)
				}
				time.Sleep(time.Second) // the store lets go
			})
		})
	}
}
