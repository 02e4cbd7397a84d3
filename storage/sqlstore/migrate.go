package sqlstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/keystile/keystile/storage"
)

//go:embed migrations
var migrations embed.FS

// The tables that say which migrations have run, and who is running them.
const (
	migrationsTable     = "keystile_migrations"
	migrationsLockTable = "keystile_migrations_lock"
)

// Migrate brings the schema up to this release's, and says from which version
// to which. Several processes may call it at once: one row of a table, held for
// a lease, lets one of them in at a time, which works behind any pooler.
func (s *Store) Migrate(ctx context.Context) (from, to int64, err error) {
	err = s.observed(ctx, "migrate", s.opts.BulkTimeout, func(ctx context.Context) error {
		// A migration doesn't wait long for a table's lock, since everybody else
		// would wait behind it. It steps back and tries again.
		for try := 0; ; try++ {
			began, reached, err := s.migrate(ctx)
			if try == 0 {
				from = began
			}
			to = reached
			if err == nil || !errors.Is(s.dialect.classify(ctx, err), storage.ErrConflict) || pause(ctx, min(try+1, writeTries)) != nil {
				return err
			}
		}
	})
	return from, to, err
}

func (s *Store) migrate(ctx context.Context) (from, to int64, err error) {
	pool := s.migrator()
	if pool == nil {
		pool = s.writer
	} else {
		defer func() { err = errors.Join(err, pool.Close()) }()
	}
	provider, err := s.provider(pool)
	if err != nil {
		return 0, 0, err
	}
	if from, err = s.schemaVersion(ctx, pool); err != nil {
		return 0, 0, err
	}
	if newest := newestMigration(provider); from > newest {
		return from, from, newerSchema(from, newest)
	}
	results, err := provider.Up(ctx)
	to = from
	for _, done := range results {
		to = max(to, done.Source.Version)
	}
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		for _, done := range partial.Applied {
			to = max(to, done.Source.Version)
		}
	}
	if err != nil {
		return from, to, fmt.Errorf("migrating: %w", err)
	}
	if len(results) == 0 {
		// Another process was faster.
		to, err = s.schemaVersion(ctx, pool)
	}
	return from, to, err
}

// CheckSchema makes sure that the schema is the one this release knows;
// ErrSchema, with what to do, when it isn't.
func (s *Store) CheckSchema(ctx context.Context) error {
	return s.observed(ctx, "check_schema", s.opts.OperationTimeout, func(ctx context.Context) error {
		provider, err := s.provider(s.writer)
		if err != nil {
			return err
		}
		have, err := s.schemaVersion(ctx, s.writer)
		if err != nil {
			return err
		}
		switch want := newestMigration(provider); {
		case have == 0:
			return fmt.Errorf("%w: the database has no Keystile schema yet; run keystile migrate", storage.ErrSchema)
		case have < want:
			return fmt.Errorf("%w: the schema is at version %d, and this release needs %d; run keystile migrate", storage.ErrSchema, have, want)
		case have > want:
			return newerSchema(have, want)
		}
		return nil
	})
}

func newerSchema(have, known int64) error {
	return fmt.Errorf("%w: this release is older than the schema: it knows version %d, and the database is at %d; run a newer release",
		storage.ErrSchema, known, have)
}

func (s *Store) provider(pool *sqlx.DB) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, s.dialect.migrations)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	options := []goose.ProviderOption{
		goose.WithTableName(migrationsTable),
		goose.WithDisableGlobalRegistry(true),
		goose.WithSlog(slog.New(slog.DiscardHandler)),
	}
	if s.dialect.goose == goose.DialectPostgres {
		locker, err := lock.NewPostgresTableLocker(
			lock.WithTableName(migrationsLockTable),
			// A migrator that was killed is waited for this long.
			lock.WithTableLeaseDuration(30*time.Second),
			lock.WithTableHeartbeatInterval(3*time.Second),
			lock.WithTableLockTimeout(200*time.Millisecond, 5*300),
			lock.WithTableUnlockTimeout(200*time.Millisecond, 50),
			lock.WithTableLogger(slog.New(slog.DiscardHandler)),
		)
		if err != nil {
			return nil, fmt.Errorf("migrations: %w", err)
		}
		options = append(options, goose.WithLocker(locker))
	}
	provider, err := goose.NewProvider(s.dialect.goose, pool.DB, folder, options...)
	if err != nil {
		return nil, fmt.Errorf("migrations: %w", err)
	}
	return provider, nil
}

func newestMigration(provider *goose.Provider) int64 {
	sources := provider.ListSources()
	return sources[len(sources)-1].Version
}

// schemaVersion reads without writing, unlike goose's own look; 0 is no schema.
func (s *Store) schemaVersion(ctx context.Context, pool *sqlx.DB) (version int64, err error) {
	err = s.oneMoment(ctx, pool, s.dialect.limits, func(q *session) error {
		var there int
		if err := q.get(&there, s.dialect.hasTable, migrationsTable); err != nil || there == 0 {
			return err
		}
		return q.get(&version, "SELECT coalesce(max(version_id), 0) FROM "+migrationsTable)
	})
	return version, err
}
