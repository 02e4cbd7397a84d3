package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/keystile/keystile/storage"
)

// A transaction that lost against another is run this many times in all, with
// pauses that begin at this length, double, and are spread by chance.
const (
	writeTries = 6
	writePause = 10 * time.Millisecond
)

// Write runs change in one transaction.
//
// Locks are taken in one order: records (tenant system, other tenants, user,
// role, plan, API, subscription, key), the counters of quotas by id, the heads of the
// audit chains by tenant id, the change log's counter. change is asked to keep the
// first parts; what breaks them may be run again, since the database ends a deadlock
// by refusing one side.
func (s *Store) Write(ctx context.Context, change func(storage.Tx) error) (int64, error) {
	return s.write(ctx, "write", s.opts.OperationTimeout, s.dialect.limits, func(t *tx) error { return change(t) })
}

// changeError carries what change returned past the classification of errors.
type changeError struct{ err error }

func (e *changeError) Error() string { return e.err.Error() }
func (e *changeError) Unwrap() error { return e.err }

func (s *Store) write(
	ctx context.Context, operation string, limit time.Duration, limits string, change func(*tx) error,
) (revision int64, err error) {
	err = s.observed(ctx, operation, limit, func(ctx context.Context) error {
		return retried(ctx, func() (lost bool, err error) {
			revision, lost, err = s.writeOnce(ctx, limits, change)
			return lost, err
		})
	})
	if err == nil {
		if revision > 0 {
			s.wakeOthers() //nolint:contextcheck // it goes on beside the call
		}
		return revision, nil
	}
	if own, ok := errors.AsType[*changeError](err); ok {
		return 0, own.err
	}
	return 0, err
}

// retried runs a transaction until it has not lost against another.
func retried(ctx context.Context, once func() (lost bool, err error)) error {
	for try := 1; ; try++ {
		lost, err := once()
		if err == nil || !lost || try == writeTries {
			return err
		}
		if pause(ctx, try) != nil {
			return err
		}
	}
}

// pause waits before the next try.
func pause(ctx context.Context, try int) error {
	most := writePause << try
	timer := time.NewTimer(most/2 + rand.N(most/2)) //nolint:gosec // spreads load, guards nothing
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // only whether it is nil counts
	case <-timer.C:
		return nil
	}
}

// writeOnce is one try. lost says that another one may succeed.
func (s *Store) writeOnce(ctx context.Context, limits string, change func(*tx) error) (revision int64, lost bool, err error) {
	var t *tx
	err = s.transaction(ctx, s.writer, s.dialect.writeOptions, limits, func(q *session) (bool, error) {
		t = newTx(q, s.opts.Now())
		if err := change(t); err != nil {
			return false, &changeError{err}
		}
		// change may have passed over an error that leaves half of something.
		if q.broken != nil {
			return false, q.broken
		}
		if err := t.appendAudit(); err != nil {
			return false, err
		}
		revision, err = t.appendChange(s.opts.ChangeLogRows)
		return true, err
	})
	if err == nil {
		return revision, false, nil
	}
	// What change made of a lost transaction's error is not what happened.
	if t != nil && t.broken != nil && s.lost(t.broken) {
		return 0, true, t.broken
	}
	if _, own := errors.AsType[*changeError](err); own {
		return 0, false, err
	}
	open := errors.Is(err, storage.ErrUnavailable)
	return 0, !open && s.lost(err), err
}

// appendChange numbers this transaction and tells the change log what it wrote.
// It is the last thing before the commit: from here on every other writer waits.
func (t *tx) appendChange(keep int64) (revision int64, err error) {
	if len(t.refs) == 0 {
		return 0, nil
	}
	refs := t.refs
	if len(refs) > maxRefs || t.all {
		refs = []storage.ChangeRef{{Kind: changeAll}}
	}
	text, err := json.Marshal(refs)
	if err != nil {
		return 0, fmt.Errorf("change log: %w", err)
	}
	if err := t.get(&revision, "UPDATE store_state SET revision = revision + 1 WHERE id = 1 RETURNING revision"); err != nil {
		return 0, fmt.Errorf("change log: %w", err)
	}
	mark := strconv.FormatUint(rand.Uint64(), 36) //nolint:gosec // tells stories apart, guards nothing
	if _, err := t.exec("INSERT INTO change_log (revision, refs, time, mark) VALUES ($1, $2, $3, $4)",
		revision, string(text), t.now.UnixMicro(), mark); err != nil {
		return 0, fmt.Errorf("change log: %w", err)
	}
	// Now and then what nobody follows any more goes.
	const sweep = 256
	if revision%sweep == 0 && revision > keep {
		if _, err := t.exec("DELETE FROM change_log WHERE revision <= $1", revision-keep); err != nil {
			return 0, fmt.Errorf("change log: %w", err)
		}
	}
	return revision, nil
}
