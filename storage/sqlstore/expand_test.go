package sqlstore

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

// migrateTo brings the schema up to an older version.
func migrateTo(t *testing.T, s *Store, version int64) {
	t.Helper()
	provider, err := s.provider(s.writer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
}

// writeAsVersion1 writes as the release that knew version 1 did.
func writeAsVersion1(t *testing.T, s *Store, id string) {
	t.Helper()
	execute(t, s, `INSERT INTO tenants (id, display_name, state, secret_prefix, version, create_time, update_time, delete_time)
		VALUES ($1, '', 'ACTIVE', 'ks', 1, 0, 0, NULL)`, id)
	execute(t, s, `INSERT INTO users (tenant_id, id, display_name, kind, state, roles, version, create_time, update_time, delete_time)
		VALUES ($1, 'ada', '', 'PERSON', 'ACTIVE', '[]', 1, 0, 0, NULL)`, id)
	execute(t, s, `INSERT INTO keys (id, tenant_id, user_id, display_name, scopes, allowed_cidrs, labels, state, start_time, expire_time,
		revoke_reason, revoke_note, revoke_time, version, create_time, update_time, delete_time, created_by_tenant_id, created_by_user_id)
		VALUES ($1, $2, 'ada', '', '[]', '[]', '{}', 'ACTIVE', NULL, NULL, '', '', NULL, 1, 0, 0, NULL, '', '')`, "key of "+id, id)
}

// TestThePreviousReleaseKeepsWorking: rows from before the migration, and rows
// that the release before writes after it, are whole records.
func TestThePreviousReleaseKeepsWorking(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		migrateTo(t, s, 1)
		writeAsVersion1(t, s, "before")
		if from, to, err := s.Migrate(t.Context()); err != nil || from != 1 || to < 2 {
			t.Fatalf("Migrate: got %d to %d, %v", from, to, err)
		}
		writeAsVersion1(t, s, "since")
		records, _, _, err := storage.Whole(t.Context(), s)
		if err != nil || records.Unreadable != 0 || len(records.Tenants) != 2 || len(records.Keys) != 2 {
			t.Fatalf("Snapshot: got %+v, %v", records, err)
		}
		for _, tenant := range records.Tenants {
			if tenant.State != storage.TenantActive || len(tenant.Hosts) != 0 || !cmp.Equal(tenant.KeyPolicy, storage.KeyPolicy{}) {
				t.Errorf("tenant: got %+v", tenant)
			}
		}
		for _, k := range records.Keys {
			if k.State != storage.KeyActive || len(k.APIs) != 0 || k.SecretPrefix != "" {
				t.Errorf("key: got %+v", k)
			}
		}
	})
}

// writeAsVersion2 writes an API as the release that knew version 2 did.
func writeAsVersion2(t *testing.T, s *Store, id string) {
	t.Helper()
	execute(t, s, `INSERT INTO apis (tenant_id, id, display_name, visibility, state, deprecate_time, sunset_time, subscription_required,
		routes, version, create_time, update_time) VALUES ('acme', $1, '', 'PUBLIC', 'PUBLISHED', NULL, NULL, 1, '[]', 1, 0, 0)`, id)
}

// TestTheReleaseBeforeLetsNoPreflightThrough: an API is closed to preflights
// unless this release has opened it, and the one before leaves it at that.
func TestTheReleaseBeforeLetsNoPreflightThrough(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		migrateTo(t, s, 2)
		writeAsVersion1(t, s, "acme")
		writeAsVersion2(t, s, "before")
		if from, _, err := s.Migrate(t.Context()); err != nil || from != 2 {
			t.Fatalf("Migrate: got from %d, %v", from, err)
		}
		writeAsVersion2(t, s, "since")
		if _, err := s.Write(t.Context(), func(tx storage.Tx) error {
			return tx.CreateAPI(&storage.API{
				TenantID: "acme", ID: "opened", Visibility: storage.VisibilityPublic, State: storage.APIPublished,
				SubscriptionRequired: true, AllowPreflight: true,
			})
		}); err != nil {
			t.Fatal(err)
		}
		execute(t, s, `UPDATE apis SET display_name = '', visibility = 'PUBLIC', state = 'PUBLISHED', deprecate_time = NULL,
			sunset_time = NULL, subscription_required = 1, routes = '[]', update_time = 0, version = version + 1`)
		records, _, _, err := storage.Whole(t.Context(), s)
		if err != nil || records.Unreadable != 0 || len(records.APIs) != 3 {
			t.Fatalf("Snapshot: got %+v, %v", records, err)
		}
		for _, a := range records.APIs {
			if a.State != storage.APIPublished || !a.SubscriptionRequired || a.AllowPreflight != (a.ID == "opened") {
				t.Errorf("API: got %+v", a)
			}
		}
	})
}

// TestTheReleaseBeforeKeepsLimits: what it writes has none, and what has some keeps
// them while it writes the rest.
func TestTheReleaseBeforeKeepsLimits(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		migrateTo(t, s, 4)
		writeAsVersion1(t, s, "before")
		if from, _, err := s.Migrate(t.Context()); err != nil || from != 4 {
			t.Fatalf("Migrate: got from %d, %v", from, err)
		}
		writeAsVersion1(t, s, "since")
		bounded := storage.Limits{RateLimits: []storage.RateLimit{{Name: "m", Requests: 1, Period: time.Second, Burst: 1}}}
		if _, err := s.Write(t.Context(), func(tx storage.Tx) error {
			k, err := tx.GetKey("key of before")
			if err != nil {
				return err
			}
			k.Limits = bounded
			return tx.UpdateKey(k)
		}); err != nil {
			t.Fatal(err)
		}
		execute(t, s, "UPDATE keys SET display_name = 'renamed', version = version + 1")
		records, _, _, err := storage.Whole(t.Context(), s)
		if err != nil || records.Unreadable != 0 || len(records.Keys) != 2 || len(records.Users) != 2 {
			t.Fatalf("Snapshot: got %+v, %v", records, err)
		}
		for _, k := range records.Keys {
			want := storage.Limits{}
			if k.ID == "key of before" {
				want = bounded
			}
			if k.DisplayName != "renamed" || !k.Limits.Equal(&want) {
				t.Errorf("key: got %+v", k)
			}
		}
		for _, u := range records.Users {
			if u.State != storage.UserActive || !u.Limits.Empty() {
				t.Errorf("user: got %+v", u)
			}
		}
	})
}

// TestMigratingGivesWay: whoever reads for long holds a migration up, but not
// those who come after it.
func TestMigratingGivesWay(t *testing.T) {
	s := openAt(t, PostgresConfig{URL: pgtest.NewDatabase(t)})
	migrateTo(t, s, 1)
	writeAsVersion1(t, s, "acme")
	reading, err := s.reader.BeginTxx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reading.Rollback() }()
	var id string
	if err := reading.GetContext(t.Context(), &id, "SELECT id FROM tenants"); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() {
		_, to, err := s.Migrate(context.WithoutCancel(t.Context()))
		if err == nil && to < 2 {
			t.Errorf("Migrate: got version %d", to)
		}
		migrated <- err
	}()
	// The migration tries, waits, and steps back, more than once.
	for until := time.Now().Add(2500 * time.Millisecond); time.Now().Before(until); {
		began := time.Now()
		_ = read[int](t, s, "SELECT count(*) FROM tenants")
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("a reader waited %v", took)
		}
	}
	select {
	case err := <-migrated:
		t.Fatalf("Migrate did not wait for the reader: %v", err)
	default:
	}
	if err := reading.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Errorf("Migrate: %v", err)
	}
}

// TestCreateKeysSeesWhatCameBetween: another transaction has taken a digest, and
// commits after CreateKeys has looked.
func TestCreateKeysSeesWhatCameBetween(t *testing.T) {
	s := openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t)})
	addAcme(t, s)
	inserted, looking := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		_, err := s.Write(context.WithoutCancel(t.Context()), func(tx storage.Tx) error {
			err := tx.CreateKey(&storage.Key{
				ID: "first", TenantID: "acme", UserID: "ada", State: storage.KeyActive, Secrets: []storage.Secret{{Digest: digestOf("same")}},
			})
			close(inserted)
			<-looking
			// The other's INSERT has the time to come here and wait.
			time.Sleep(300 * time.Millisecond)
			return err
		})
		first <- err
	}()
	<-inserted
	var tries int
	var taken []int
	_, err := s.Write(t.Context(), func(tx storage.Tx) (err error) {
		if tries++; tries == 1 {
			close(looking)
		}
		taken, err = tx.CreateKeys([]*storage.Key{
			{ID: "second", TenantID: "acme", UserID: "ada", State: storage.KeyActive, Secrets: []storage.Secret{{Digest: digestOf("other")}}},
			{ID: "third", TenantID: "acme", UserID: "ada", State: storage.KeyActive, Secrets: []storage.Secret{{Digest: digestOf("same")}}},
		})
		return err
	})
	if err != nil || !cmp.Equal(taken, []int{1}) || tries != 2 {
		t.Errorf("got taken %v after %d tries, %v; want 1, which the second try sees", taken, tries, err)
	}
	if err := <-first; err != nil {
		t.Error(err)
	}
	if keys := read[int](t, s, "SELECT count(*) FROM keys"); keys != 1 {
		t.Errorf("got %d keys, want 1", keys)
	}
}
