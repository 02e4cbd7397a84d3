package limits_test

import (
	"testing"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/pooltest"
)

// The pool that the simulations share is one as all are to be.
func TestReferencePool(t *testing.T) {
	pool := &memoryPool{}
	pooltest.Run(t, func(*testing.T) limits.Pool { return pool }, pooltest.Clock{})
}
