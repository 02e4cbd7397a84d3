package sqlstore

import (
	"fmt"
	"time"

	"github.com/keystile/keystile/storage"
)

// Options are what both engines have in common.
type Options struct {
	// OperationTimeout bounds every call, on top of its context's deadline,
	// waiting for a connection and retries included. Zero is 10 seconds.
	OperationTimeout time.Duration
	// BulkTimeout stands in its place for what reads or rewrites the whole
	// store: a snapshot, a new pepper, a migration. Zero is 5 minutes.
	BulkTimeout time.Duration
	// ChangeLogRows is about how many rows of the change log are kept. A
	// follower that is further behind takes a new snapshot. Zero is 100,000.
	ChangeLogRows int64
	// Now is the clock that records are dated by. Nil is time.Now.
	Now func() time.Time
	// Observe is told of every operation, how long it took, and how it ended.
	// Nil is nobody.
	Observe func(operation string, took time.Duration, err error)
}

// filled puts the defaults in place of zeros.
func (o Options) filled() (Options, error) {
	if o.OperationTimeout < 0 || o.BulkTimeout < 0 || o.ChangeLogRows < 0 {
		return o, fmt.Errorf("%w: a store's limits must not be negative", storage.ErrInvalid)
	}
	o.OperationTimeout = orDefault(o.OperationTimeout, 10*time.Second)
	o.BulkTimeout = orDefault(o.BulkTimeout, 5*time.Minute)
	o.ChangeLogRows = orDefault(o.ChangeLogRows, 100_000)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(string, time.Duration, error) {}
	}
	return o, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
