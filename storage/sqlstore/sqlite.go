package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"github.com/keystile/keystile/storage"
)

// SQLiteConfig says how the embedded default is used.
type SQLiteConfig struct {
	Options
	// Path is the data file. It is made when it isn't there, readable by its
	// owner alone, and so is its folder.
	Path string
	// MaxReaders bounds the connections that read for administration. Zero is 4.
	MaxReaders int
}

// sqlitePragmas hold for every connection. A commit is on the disk before it
// returns (FULL), also with a write-ahead log.
var sqlitePragmas = url.Values{
	"_txlock": {"immediate"},
	"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"trusted_schema(0)", "cell_size_check(1)",
	},
}

// OpenSQLite opens the data file, and holds it for this process alone until
// Close or the end of the process, however that comes.
func OpenSQLite(ctx context.Context, c SQLiteConfig) (*Store, error) {
	opts, err := c.filled()
	if err != nil {
		return nil, err
	}
	if c.MaxReaders < 0 {
		return nil, fmt.Errorf("%w: MaxReaders must not be negative", storage.ErrInvalid)
	}
	path, err := dataFile(c.Path)
	if err != nil {
		return nil, err
	}
	release, err := lockFile(path + ".lock")
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", path, err)
	}
	// The lock comes first: only its holder may touch the file.
	if err := ownFile(path); err != nil {
		return nil, errors.Join(err, release())
	}
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: sqlitePragmas.Encode()}).String()
	pool := func(size int) (*sqlx.DB, error) {
		db, err := sql.Open("sqlite", dsn)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", path, err)
		}
		db.SetMaxOpenConns(size)
		db.SetMaxIdleConns(size)
		return sqlx.NewDb(db, "sqlite"), nil
	}
	s := &Store{dialect: sqliteDialect(), opts: opts, target: "sqlite " + path, release: release}
	// One connection writes, so writers queue here and not in SQLite's retries.
	for _, each := range []struct {
		pool **sqlx.DB
		size int
	}{{&s.writer, 1}, {&s.reader, orDefault(c.MaxReaders, 4)}, {&s.sync, 2}} {
		if *each.pool, err = pool(each.size); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	s.usage, s.counters = s.writer, s.writer
	s.migrator = func() *sqlx.DB { return nil }
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// dataFile makes the folder, and gives the path that every name of the same
// file leads to.
func dataFile(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("%w: no data file named", storage.ErrInvalid)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("data file: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("folder of the data file: %w", err)
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved, nil
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("folder of the data file: %w", err)
	}
	return filepath.Join(folder, filepath.Base(path)), nil
}

// ownFile makes the data file, or takes others' rights to it away. SQLite gives
// the files beside it the same mode.
func ownFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("data file: %w", err)
	}
	if err := file.Chmod(0o600); err != nil {
		return errors.Join(fmt.Errorf("data file: %w", err), file.Close())
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("data file: %w", err)
	}
	return nil
}

func sqliteDialect() *dialect {
	return &dialect{
		blob:         "BLOB",
		least:        "min",
		greatest:     "max",
		hasTable:     "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
		readOptions:  &sql.TxOptions{ReadOnly: true},
		writeOptions: &sql.TxOptions{},
		meaning:      sqliteMeaning,
		lost:         sqliteLost,
		undone:       sqliteUndone,
		migrations:   "migrations/sqlite",
		goose:        goose.DialectSQLite3,
	}
}
