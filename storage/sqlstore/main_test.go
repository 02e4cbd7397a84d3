package sqlstore

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/storagetest"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		child(task)
	}
	pgtest.Main(m)
}

// openSQLite gives a migrated store in a file of the test's own. The race
// detector watches the whole engine, which then takes twenty times as long.
func openSQLite(t *testing.T) *Store {
	t.Helper()
	return openFile(t, filepath.Join(t.TempDir(), "keystile.db"), Options{OperationTimeout: time.Minute})
}

func openFile(t *testing.T, path string, opts Options) *Store {
	t.Helper()
	s, err := OpenSQLite(t.Context(), SQLiteConfig{Path: path, Options: opts})
	return ready(t, s, err)
}

// openPostgres gives a migrated store in the database of a URL.
func openPostgres(t *testing.T, config PostgresConfig) *Store {
	t.Helper()
	s, err := OpenPostgres(t.Context(), config)
	return ready(t, s, err)
}

func ready(t *testing.T, s *Store, err error) *Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// backend is a kind of Store for the conformance suite.
func backend(open func(t *testing.T) *Store) storagetest.Backend {
	return storagetest.Backend{
		Open: func(t *testing.T) storage.Store { t.Helper(); return open(t) },
		Spoil: func(t *testing.T, s storage.Store, ref storage.ChangeRef) {
			t.Helper()
			switch ref.Kind {
			case storage.ChangeKey:
				execute(t, s, "UPDATE keys SET allowed_cidrs = '[\"10.0.0.0/33\"]' WHERE id = $1", ref.ID)
			case storage.ChangeUser:
				execute(t, s, "UPDATE users SET state = 'RETIRED' WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
			case storage.ChangeTenant:
				execute(t, s, "UPDATE tenants SET hosts = '{}' WHERE id = $1", ref.ID)
			case storage.ChangeRole:
				execute(t, s, "UPDATE roles SET permissions = 'null' WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
			case storage.ChangeAPI:
				execute(t, s, "UPDATE apis SET routes = '[{}]' WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
			case storage.ChangePlan:
				execute(t, s, "UPDATE plans SET limits = 'null' WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
			case storage.ChangeSubscription:
				execute(t, s, "UPDATE subscriptions SET state = 'WISHED' WHERE id = $1", ref.ID)
			default:
				t.Fatalf("no way to spoil a %s", ref.Kind)
			}
		},
	}
}

// execute runs a statement behind the store's back.
func execute(t *testing.T, s storage.Store, statement string, args ...any) {
	t.Helper()
	store, ok := s.(*Store)
	if !ok {
		t.Fatalf("a %T is not a *Store", s)
	}
	if _, err := store.writer.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// read reads one value behind the store's back.
func read[T any](t *testing.T, s *Store, query string, args ...any) (value T) {
	t.Helper()
	if err := s.reader.QueryRowContext(t.Context(), query, args...).Scan(&value); err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestSQLite(t *testing.T) {
	storagetest.Run(t, backend(openSQLite))
}

func TestPostgres(t *testing.T) {
	storagetest.Run(t, backend(func(t *testing.T) *Store {
		t.Helper()
		return openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t)})
	}))
}

// TestPgBouncer runs the suite through a pooler in transaction mode that has
// fewer connections than the tests have writers.
func TestPgBouncer(t *testing.T) {
	pooler := pgtest.StartPgBouncer(t, pgtest.NewDatabase(t))
	storagetest.Run(t, backend(func(t *testing.T) *Store {
		t.Helper()
		return openPostgres(t, PostgresConfig{URL: pooler.URL(pgtest.NewDatabase(t))})
	}))
}
