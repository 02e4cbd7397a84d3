package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/keystile/keystile/storage"
)

// dialect is what the two engines don't say in the same words.
type dialect struct {
	// forUpdate ends a SELECT whose rows are to be locked. SQLite locks the
	// whole file when a writing transaction begins, and knows no such words.
	forUpdate string
	// blob is the type of bytes in a CAST.
	blob string
	// least and greatest are functions of several numbers.
	least, greatest string
	// clock is the SQL of the store's clock, in microseconds. Empty: the store
	// is in this process, and its clock is the process's.
	clock string
	// hasTable asks whether the table $1 is there.
	hasTable string
	// readOptions make a transaction that sees one moment and writes nothing;
	// writeOptions make one that sees what others commit, and locks what it reads.
	readOptions, writeOptions *sql.TxOptions
	// limits are set at the start of each transaction, bulkLimits in the long
	// ones. They end with it, so that a pooler between us and the server hands
	// nobody else a connection with our settings.
	limits, bulkLimits string
	// lockTimeout is how long a statement on counters waits for a lock at the most.
	lockTimeout time.Duration
	// meaning gives the storage error that a driver's error amounts to, by its
	// code; nil when it has none.
	meaning func(error) error
	// lost reports that the transaction lost against another, and that running
	// it again from its start may succeed.
	lost func(error) bool
	// undone reports that a commit that ended in this error changed nothing.
	undone     func(error) bool
	migrations string
	goose      goose.Dialect
}

// classify gives a driver's error its meaning for callers. The driver's own
// error stays in the chain.
func (d *dialect) classify(ctx context.Context, err error) error {
	if err == nil || known(err) {
		return err
	}
	// A context that has ended explains any error better than the driver does.
	if cause := ctx.Err(); cause != nil {
		if errors.Is(cause, context.Canceled) {
			return join(context.Canceled, err)
		}
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, join(cause, err))
	}
	if errors.Is(err, sql.ErrNoRows) {
		return join(storage.ErrNotFound, err)
	}
	if meaning := d.meaning(err); meaning != nil {
		return join(meaning, err)
	}
	if unreachable(err) {
		return join(storage.ErrUnavailable, err)
	}
	return err
}

// join puts meaning before err, unless err says it already.
func join(meaning, err error) error {
	if errors.Is(err, meaning) {
		return err
	}
	return fmt.Errorf("%w: %w", meaning, err)
}

// known reports that an error has its meaning already.
func known(err error) bool {
	for _, meaning := range []error{
		storage.ErrNotFound, storage.ErrExists, storage.ErrConflict, storage.ErrUnavailable,
		storage.ErrInvalid, storage.ErrUnreadable, storage.ErrSchema,
	} {
		if errors.Is(err, meaning) {
			return true
		}
	}
	return false
}

// unreachable reports an error of the way to the store, not of the store.
func unreachable(err error) bool {
	var network net.Error
	var connecting *connectError
	return errors.As(err, &network) || errors.As(err, &connecting) ||
		errors.Is(err, errBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}
