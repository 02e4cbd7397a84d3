package sqlstore

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keystile/keystile/storage"
)

// migrated runs a test on a store of each kind, with the tenant acme and its
// user ada in it.
func migrated(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	engines(t, func(t *testing.T, s *Store) {
		if _, _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		addAcme(t, s)
		test(t, s)
	})
}

func addAcme(t *testing.T, s *Store) {
	t.Helper()
	write(t, s, func(tx storage.Tx) error {
		if err := tx.CreateTenant(&storage.Tenant{ID: "acme", State: storage.TenantActive}); err != nil {
			return err
		}
		return tx.CreateUser(&storage.User{TenantID: "acme", ID: "ada", Kind: storage.UserPerson, State: storage.UserActive})
	})
}

func write(t *testing.T, s *Store, change func(storage.Tx) error) int64 {
	t.Helper()
	revision, err := s.Write(t.Context(), change)
	if err != nil {
		t.Fatal(err)
	}
	return revision
}

func addKeys(t *testing.T, s *Store, ids ...string) int64 {
	t.Helper()
	return write(t, s, func(tx storage.Tx) error {
		for _, id := range ids {
			if err := tx.CreateKey(&storage.Key{
				ID: id, TenantID: "acme", UserID: "ada", State: storage.KeyActive,
				Secrets: []storage.Secret{{Digest: digestOf(id), CreateTime: time.Unix(1, 0)}},
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func digestOf(text string) (d storage.Digest) {
	copy(d[:], text)
	return d
}

func changesSince(t *testing.T, s *Store, revision int64) storage.Changes {
	t.Helper()
	changes, err := s.ChangesSince(t.Context(), storage.Position{
		StoreID: read[string](t, s, "SELECT store_id FROM store_state"), Revision: revision,
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestChangesNameWhatIsGone(t *testing.T) {
	migrated(t, func(t *testing.T, s *Store) {
		before := addKeys(t, s, "k1", "k2")
		addKeys(t, s, "k3")
		execute(t, s, `INSERT INTO change_log (revision, refs, time) VALUES ($1, $2, 0)`, before+2,
			`[{"kind":"key","id":"k1"},{"kind":"key","id":"gone"},{"kind":"user","tenantId":"acme","id":"ada"},`+
				`{"kind":"user","tenantId":"ada","id":"acme"},{"kind":"role","tenantId":"acme","id":"reader"},{"kind":"key","id":"k1"}]`)
		execute(t, s, "UPDATE store_state SET revision = revision + 1")
		changes := changesSince(t, s, before)
		ids := []string{}
		for _, k := range changes.Records.Keys {
			ids = append(ids, k.ID)
		}
		slices.Sort(ids)
		if diff := cmp.Diff([]string{"k1", "k3"}, ids); diff != "" || len(changes.Records.Users) != 1 {
			t.Errorf("keys (-want +got):\n%susers: %v", diff, changes.Records.Users)
		}
		want := []storage.ChangeRef{
			{Kind: storage.ChangeKey, ID: "gone"}, {Kind: storage.ChangeUser, TenantID: "ada", ID: "acme"},
			{Kind: storage.ChangeRole, TenantID: "acme", ID: "reader"},
		}
		if diff := cmp.Diff(want, changes.Gone); diff != "" {
			t.Errorf("gone (-want +got):\n%s", diff)
		}
	})
}

func TestChangesThatCannotBeToldAreAReset(t *testing.T) {
	migrated(t, func(t *testing.T, s *Store) {
		first := addKeys(t, s, "k1")
		last := addKeys(t, s, "k2")
		for _, refs := range []string{
			`not JSON`, `{"kind":"key"}`, `[{"kind":"all"}]`, `[{"kind":"of a newer release","id":"x"}]`, `[{"kind":"key","id":"k2"},{"kind":"all","id":""}]`,
		} {
			execute(t, s, "UPDATE change_log SET refs = $1 WHERE revision = $2", refs, last)
			if changes := changesSince(t, s, first); !changes.Reset || changes.Now.Revision != last {
				t.Errorf("refs %s: got %+v, want a reset", refs, changes)
			}
		}
		execute(t, s, "DELETE FROM change_log WHERE revision = $1", last)
		if changes := changesSince(t, s, first); !changes.Reset {
			t.Errorf("a missing row: got %+v, want a reset", changes)
		}
		if changes := changesSince(t, s, last); changes.Reset {
			t.Errorf("from behind the missing row: got %+v, want no reset", changes)
		}
	})
}

func TestManyChangesAtOnceAreASnapshot(t *testing.T) {
	migrated(t, func(t *testing.T, s *Store) {
		before := addKeys(t, s)
		ids := make([]string, maxRefs+1)
		for i := range ids {
			ids[i] = fmt.Sprintf("k%05d", i)
		}
		before = changesSince(t, s, before).Now.Revision
		addKeys(t, s, ids[:idsAtOnce+7]...)
		if changes := changesSince(t, s, before); changes.Reset || len(changes.Records.Keys) != idsAtOnce+7 {
			t.Errorf("many: got reset %v, %d keys; want %d", changes.Reset, len(changes.Records.Keys), idsAtOnce+7)
		}
		before = changesSince(t, s, before).Now.Revision
		write(t, s, func(tx storage.Tx) error {
			keys, err := tx.ListTenantKeys("acme")
			for i := range maxRefs/len(keys) + 1 {
				for _, k := range keys {
					k.ID = fmt.Sprintf("%s-%d", k.ID, i)
					k.Secrets = nil
					if err := tx.CreateKey(k); err != nil {
						return err
					}
				}
			}
			return err
		})
		if changes := changesSince(t, s, before); !changes.Reset {
			t.Errorf("too many to name: got %d keys, want a reset", len(changes.Records.Keys))
		}
		if refs := read[string](t, s, "SELECT refs FROM change_log ORDER BY revision DESC LIMIT 1"); len(refs) > 100 {
			t.Errorf("the change log's row has %d bytes", len(refs))
		}
	})
}

func TestTheChangeLogIsSwept(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "keystile.db"), Options{ChangeLogRows: 10})
	addAcme(t, s)
	var last int64
	for i := range 300 {
		last = addKeys(t, s, fmt.Sprintf("k%d", i))
	}
	if rows := read[int64](t, s, "SELECT count(*) FROM change_log"); rows > 10+256 || rows < 10 {
		t.Errorf("got %d rows of %d", rows, last)
	}
	if changes := changesSince(t, s, last-5); changes.Reset || len(changes.Records.Keys) != 5 {
		t.Errorf("near: got %+v, want 5 keys", changes)
	}
	if changes := changesSince(t, s, 1); !changes.Reset {
		t.Error("far: got no reset")
	}
}
