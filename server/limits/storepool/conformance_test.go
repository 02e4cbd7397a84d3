package storepool_test

import (
	"testing"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/pooltest"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/storage/sqlstore"
)

// TestThePoolIsAsEveryPoolMustBe: both engines' clocks count in microseconds, and are
// this machine's.
func TestThePoolIsAsEveryPoolMustBe(t *testing.T) {
	engines(t, func(t *testing.T, s *sqlstore.Store) {
		p := storepool.NewPool(s)
		pooltest.Run(t, func(*testing.T) limits.Pool { return p }, pooltest.Clock{Grain: time.Microsecond})
	})
}
