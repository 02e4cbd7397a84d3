package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"github.com/keystile/keystile/storage"
)

// PostgresConfig says where a Postgres is and how it is used. It may stand
// behind a pooler in transaction mode.
type PostgresConfig struct {
	Options
	// URL is a postgres:// URL or key=value pairs. An sslmode that is not given
	// means verify-full, and disable for a unix socket or the loopback.
	URL string
	// MaxConnections bounds the pool for administration. Zero is 8.
	MaxConnections int
	// MaxSyncConnections bounds the pool for the change log and for Ping, which
	// administration can't use up. Zero is 2.
	MaxSyncConnections int
	// MaxUsageConnections bounds the pool that takes in uses of keys and
	// decisions, and that neither of the others waits for. Zero is 2.
	MaxUsageConnections int
	// MaxCounterConnections bounds the pool for what replicas share of limits, which
	// waits for none of the others. Zero is 4.
	MaxCounterConnections int
	// ConnectTimeout bounds making a connection, handshake included. Zero is
	// the URL's connect_timeout, or 5 seconds.
	ConnectTimeout time.Duration
	// StatementTimeout bounds each statement. Zero is 5 seconds.
	StatementTimeout time.Duration
	// LockTimeout bounds each wait for a lock. Zero is 3 seconds.
	LockTimeout time.Duration
	// IdleInTransactionTimeout makes the server end a transaction whose client
	// has gone silent. Zero is 10 seconds.
	IdleInTransactionTimeout time.Duration
}

// OpenPostgres makes a Store on Postgres. It doesn't need the database to be
// there yet: wait for it with Ping.
func OpenPostgres(_ context.Context, c PostgresConfig) (*Store, error) {
	opts, err := c.filled()
	if err != nil {
		return nil, err
	}
	if c.MaxConnections < 0 || c.MaxSyncConnections < 0 || c.MaxUsageConnections < 0 || c.MaxCounterConnections < 0 ||
		c.ConnectTimeout < 0 || c.StatementTimeout < 0 || c.LockTimeout < 0 || c.IdleInTransactionTimeout < 0 {
		return nil, fmt.Errorf("%w: Postgres limits must not be negative", storage.ErrInvalid)
	}
	cfg, err := parsePostgresURL(c.URL)
	if err != nil {
		return nil, err
	}
	if err := checkURLOptions(&cfg); err != nil {
		return nil, err
	}
	if c.ConnectTimeout > 0 || cfg.ConnectTimeout <= 0 {
		cfg.ConnectTimeout = orDefault(c.ConnectTimeout, 5*time.Second)
	}
	if cfg.ApplicationName == "" {
		cfg.ApplicationName = "keystile"
	}
	// Each statement then goes out in one piece, unnamed and with its values: it
	// leaves nothing on the server that the next one would have to find there.
	cfg.BinaryParameters = true

	connector := &pgConnector{cfg: cfg}
	pool := func(size int) *sqlx.DB {
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(size)
		db.SetMaxIdleConns(size)
		db.SetConnMaxIdleTime(5 * time.Minute)
		// A connection's end is how a move to another server is noticed.
		db.SetConnMaxLifetime(30 * time.Minute)
		return sqlx.NewDb(db, "postgres")
	}
	admin := pool(orDefault(c.MaxConnections, 8))
	return &Store{
		dialect:  postgresDialect(&c, opts),
		opts:     opts,
		target:   describe(&cfg),
		writer:   admin,
		reader:   admin,
		sync:     pool(orDefault(c.MaxSyncConnections, 2)),
		usage:    pool(orDefault(c.MaxUsageConnections, 2)),
		counters: pool(orDefault(c.MaxCounterConnections, 4)),
		// goose holds one connection and its lock uses another.
		migrator: func() *sqlx.DB { return pool(3) },
		release:  func() error { return nil },

		listenURL: listenURLOf(c.URL, &cfg),
	}, nil
}

func postgresDialect(c *PostgresConfig, opts Options) *dialect {
	statement := orDefault(c.StatementTimeout, 5*time.Second)
	lock := orDefault(c.LockTimeout, 3*time.Second)
	idle := orDefault(c.IdleInTransactionTimeout, 10*time.Second)
	return &dialect{
		forUpdate:    " FOR UPDATE",
		blob:         "bytea",
		least:        "LEAST",
		greatest:     "GREATEST",
		clock:        "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)",
		hasTable:     "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1",
		readOptions:  &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		writeOptions: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
		limits:       transactionLimits(statement, lock, idle),
		bulkLimits:   transactionLimits(opts.BulkTimeout, lock, max(idle, time.Minute)),
		lockTimeout:  lock,
		meaning:      postgresMeaning,
		lost:         postgresLost,
		undone:       postgresUndone,
		migrations:   "migrations/postgres",
		goose:        goose.DialectPostgres,
	}
}

func transactionLimits(statement, lock, idle time.Duration) string {
	// Zero would switch a limit off, so what is below a millisecond is one.
	ms := func(d time.Duration) int64 { return max(1, d.Milliseconds()) }
	return fmt.Sprintf(
		"SET LOCAL statement_timeout = %d; SET LOCAL lock_timeout = %d; SET LOCAL idle_in_transaction_session_timeout = %d",
		ms(statement), ms(lock), ms(idle))
}
