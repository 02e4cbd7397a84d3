package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

// StoreFlags say where the store is, for every command that opens it.
type StoreFlags struct {
	DatabaseURL        string        `help:"Postgres to keep everything in, as postgres://user@host/db. Without it a file under --data-dir is used. sslmode defaults to verify-full, except on a unix socket or loopback." env:"KEYSTILE_DATABASE_URL" placeholder:"URL"`
	DataDir            string        `help:"Folder of the embedded store." env:"KEYSTILE_DATA_DIR" default:"./keystile-data" placeholder:"DIR"`
	DBMaxConnections   int           `name:"db-max-connections" help:"Most Postgres connections for administration; following the change log has its own two." env:"KEYSTILE_DB_MAX_CONNECTIONS" default:"8"`
	DBConnectTimeout   time.Duration `name:"db-connect-timeout" help:"Most time to make a Postgres connection." env:"KEYSTILE_DB_CONNECT_TIMEOUT" default:"5s"`
	DBStatementTimeout time.Duration `name:"db-statement-timeout" help:"Most time for one Postgres statement." env:"KEYSTILE_DB_STATEMENT_TIMEOUT" default:"5s"`
	DBLockTimeout      time.Duration `name:"db-lock-timeout" help:"Most time to wait for one Postgres lock." env:"KEYSTILE_DB_LOCK_TIMEOUT" default:"3s"`
}

// embedded tells whether the store is a file of this process.
func (f *StoreFlags) embedded() bool { return f.DatabaseURL == "" }

// open opens the store without waiting for it to be reachable.
func (f *StoreFlags) open(ctx context.Context, observe func(string, time.Duration, error)) (*sqlstore.Store, error) {
	opts := sqlstore.Options{Observe: observe}
	if f.embedded() {
		s, err := sqlstore.OpenSQLite(ctx, sqlstore.SQLiteConfig{Options: opts, Path: filepath.Join(f.DataDir, "keystile.db")})
		if err != nil {
			return nil, fmt.Errorf("opening the embedded store: %w", err)
		}
		return s, nil
	}
	s, err := sqlstore.OpenPostgres(ctx, sqlstore.PostgresConfig{
		Options: opts, URL: f.DatabaseURL, MaxConnections: f.DBMaxConnections,
		ConnectTimeout: f.DBConnectTimeout, StatementTimeout: f.DBStatementTimeout, LockTimeout: f.DBLockTimeout,
	})
	if err != nil {
		return nil, fmt.Errorf("opening Postgres: %w", err)
	}
	return s, nil
}

// await does what needs the store, and again for as long as that can't be reached, also
// when it goes away in the middle; the log says that it is waited for.
func await(ctx context.Context, store string, log *slog.Logger, do func(context.Context) error) error {
	const longest = 10 * time.Second
	pause := 250 * time.Millisecond
	for {
		err := do(ctx)
		if !errors.Is(err, storage.ErrUnavailable) {
			return err
		}
		log.WarnContext(ctx, "waiting for the store", "store", store, "error", err, "retry_in", pause.String())
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the store: %w", ctx.Err())
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

// prepare brings the embedded store up to this release's schema, and refuses a
// Postgres that is not there.
func (f *StoreFlags) prepare(ctx context.Context, store *sqlstore.Store) error {
	if f.embedded() {
		if _, _, err := store.Migrate(ctx); err != nil {
			return fmt.Errorf("migrating the embedded store: %w", err)
		}
	}
	if err := store.CheckSchema(ctx); err != nil {
		return fmt.Errorf("checking the schema: %w", err)
	}
	return nil
}
