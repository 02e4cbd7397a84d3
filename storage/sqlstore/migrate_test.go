package sqlstore

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

// engines runs a test on an unmigrated store of each kind.
func engines(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	closing := func(t *testing.T, s *Store, err error) *Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	t.Run("SQLite", func(t *testing.T) {
		s, err := OpenSQLite(t.Context(), SQLiteConfig{Path: filepath.Join(t.TempDir(), "keystile.db")})
		test(t, closing(t, s, err))
	})
	t.Run("Postgres", func(t *testing.T) {
		s, err := OpenPostgres(t.Context(), PostgresConfig{URL: pgtest.NewDatabase(t)})
		test(t, closing(t, s, err))
	})
}

func TestSchemaIsCheckedAndBroughtUp(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		says := func(what string, err error, text string) {
			t.Helper()
			if !errors.Is(err, storage.ErrSchema) || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: got error %v, want %v that says %q", what, err, storage.ErrSchema, text)
			}
		}
		says("no schema", s.CheckSchema(t.Context()), "run keystile migrate")
		for range 2 { // looking must not make anything
			if read[int](t, s, s.dialect.hasTable, migrationsTable) != 0 {
				t.Fatal("CheckSchema made a table")
			}
		}
		from, to, err := s.Migrate(t.Context())
		if err != nil || from != 0 || to < 1 {
			t.Fatalf("Migrate: got %d to %d, %v", from, to, err)
		}
		if err := s.CheckSchema(t.Context()); err != nil {
			t.Errorf("CheckSchema: %v", err)
		}
		if from, again, err := s.Migrate(t.Context()); err != nil || from != to || again != to {
			t.Errorf("Migrate again: got %d to %d, %v; want %d", from, again, err, to)
		}
		id := read[string](t, s, "SELECT store_id FROM store_state")
		if len(id) < 32 {
			t.Errorf("store id: got %q", id)
		}
		if got := read[int](t, s, "SELECT count(*) FROM tenants"); got != 0 {
			t.Errorf("a migration made %d tenants", got)
		}

		execute(t, s, "INSERT INTO "+migrationsTable+" (version_id, is_applied) VALUES (99, "+map[bool]string{true: "true", false: "1"}[s.dialect.clock != ""]+")")
		says("a newer schema", s.CheckSchema(t.Context()), "this release is older than the schema")
		_, _, err = s.Migrate(t.Context())
		says("migrating a newer schema", err, "this release is older than the schema")
	})
}

// TestReplicasMigrateAtOnce: several processes that start on one empty database
// make one schema, also when a pooler gives each statement another connection.
func TestReplicasMigrateAtOnce(t *testing.T) {
	direct, pooled := pgtest.NewDatabase(t), pgtest.NewDatabase(t)
	for name, url := range map[string]string{"direct": direct, "pooled": pgtest.StartPgBouncer(t, pooled).URL(pooled)} {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			for range 4 {
				s, err := OpenPostgres(t.Context(), PostgresConfig{URL: url})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				all.Go(func() {
					if _, to, err := s.Migrate(t.Context()); err != nil || to < 1 {
						t.Errorf("Migrate: got version %d, %v", to, err)
					}
					if err := s.CheckSchema(t.Context()); err != nil {
						t.Errorf("CheckSchema: %v", err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestAMissingSchemaIsToldFromAMissingRecord(t *testing.T) {
	s, err := OpenPostgres(t.Context(), PostgresConfig{URL: pgtest.NewDatabase(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.GetTenant(t.Context(), "acme"); !errors.Is(err, storage.ErrSchema) {
		t.Errorf("got error %v, want %v", err, storage.ErrSchema)
	}
}
