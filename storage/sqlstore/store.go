package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/keystile/keystile/storage"
)

// Store is a storage.Store on a SQL database. Make one with OpenPostgres or
// OpenSQLite, and bring its schema up with Migrate.
type Store struct {
	dialect *dialect
	opts    Options
	target  string
	// writer and reader serve administration, sync the change log, usage takes in uses
	// and decisions, and counters are taken from, so that none can starve another.
	writer, reader, sync, usage, counters *sqlx.DB
	// migrator opens a pool for Migrate to use and close; nil means writer.
	migrator func() *sqlx.DB
	// release gives back what holds the data file.
	release func() error
	closed  atomic.Bool

	// listenURL is where wakes are listened for; empty where there are none.
	listenURL string
	// listening is true while somebody listens, waking while a wake is on its way.
	listening, waking atomic.Bool
	// renewed is the lease that was renewed last.
	renewed atomic.Pointer[storage.Replica]
}

var _ storage.Store = (*Store)(nil)

var errClosed = fmt.Errorf("%w: the store is closed", storage.ErrUnavailable)

// Target names the database for logs: engine, place and sslmode, no user and no
// password.
func (s *Store) Target() string { return s.target }

// Ping asks whether the store can be reached.
func (s *Store) Ping(ctx context.Context) error {
	return s.observed(ctx, "ping", s.opts.OperationTimeout, func(ctx context.Context) error {
		var one int
		return s.sync.GetContext(ctx, &one, "SELECT 1") //nolint:wrapcheck // observed does
	})
}

// Close closes every pool, and lets go of the data file.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	var errs []error
	seen := map[*sqlx.DB]bool{nil: true}
	for _, pool := range []*sqlx.DB{s.reader, s.sync, s.usage, s.counters, s.writer} {
		if !seen[pool] {
			seen[pool] = true
			errs = append(errs, pool.Close())
		}
	}
	errs = append(errs, s.release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return nil
}

// observed runs an operation within its time, gives its error a meaning, and
// tells how it went.
func (s *Store) observed(ctx context.Context, operation string, limit time.Duration, run func(context.Context) error) error {
	began := s.opts.Now()
	err := errClosed
	if !s.closed.Load() {
		bounded, cancel := context.WithTimeout(ctx, limit)
		if err = run(bounded); err != nil {
			err = s.dialect.classify(bounded, err)
		}
		cancel()
	}
	s.opts.Observe(operation, s.opts.Now().Sub(began), err)
	if err != nil {
		return fmt.Errorf("store: %s: %w", operation, err)
	}
	return nil
}

// read runs an operation that sees one moment of the store.
func (s *Store) read(ctx context.Context, operation string, read func(*session) error) error {
	return s.observed(ctx, operation, s.opts.OperationTimeout, func(ctx context.Context) error {
		return s.oneMoment(ctx, s.reader, s.dialect.limits, read)
	})
}

// oneMoment runs read in a transaction that sees one moment and writes nothing.
func (s *Store) oneMoment(ctx context.Context, pool *sqlx.DB, limits string, read func(*session) error) error {
	return s.transaction(ctx, pool, s.dialect.readOptions, limits, func(q *session) (bool, error) {
		return false, read(q)
	})
}

// transaction runs work in a transaction and commits it when work says so.
func (s *Store) transaction(
	ctx context.Context, pool *sqlx.DB, opts *sql.TxOptions, limits string, work func(*session) (commit bool, err error),
) error {
	tx, err := pool.BeginTxx(ctx, opts)
	if err != nil {
		return s.dialect.classify(ctx, err)
	}
	// After a commit this does nothing; on every other way out, a panic
	// included, it gives up what was done and the connection back.
	defer func() { _ = tx.Rollback() }()
	if limits != "" {
		if _, err := tx.ExecContext(ctx, limits); err != nil { //nolint:gosec // settings made of numbers alone
			return s.dialect.classify(ctx, err)
		}
	}
	commit, err := work(&session{ctx: ctx, tx: tx, dialect: s.dialect})
	if err != nil || !commit {
		return err
	}
	if err := ctx.Err(); err != nil {
		return s.dialect.classify(ctx, err)
	}
	return s.commit(ctx, tx)
}

func (s *Store) commit(ctx context.Context, tx *sqlx.Tx) error {
	err := tx.Commit()
	switch {
	case err == nil:
		return nil
	case s.dialect.undone(err):
		return s.dialect.classify(ctx, err)
	}
	return fmt.Errorf("%w: %w: %w", storage.ErrUnavailable, storage.ErrOutcomeOpen, s.dialect.classify(ctx, err))
}
