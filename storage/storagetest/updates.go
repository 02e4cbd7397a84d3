package storagetest

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/keystile/keystile/storage"
)

func testUpdates(t *testing.T, s *suite) {
	s.populate(t, "k1")
	made := s.key(t, "k1")
	whole := wholeKey("acme", "ada", "k1")
	whole.Version = made.Version
	s.write(t, func(tx storage.Tx) error {
		if _, err := tx.GetKey("k1"); err != nil {
			return err
		}
		return tx.UpdateKey(whole)
	})
	if whole.Version != 2 || !whole.CreateTime.Equal(made.CreateTime) || whole.UpdateTime.Before(made.UpdateTime) {
		t.Errorf("key: got version %d, times %v %v", whole.Version, whole.CreateTime, whole.UpdateTime)
	}
	same(t, "updated key", s.key(t, "k1"), keptKey(whole))
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdateKey(made) })

	user, err := s.store.GetUser(t.Context(), storage.UserRef{TenantID: "acme", ID: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	stale := *user
	user.DisplayName, user.Kind, user.State, user.Roles, user.DeleteTime = "Ada L.", storage.UserServiceAccount, storage.UserDeleted, nil, kept(day)
	s.write(t, func(tx storage.Tx) error {
		// Two updates in one transaction are two versions.
		return errors.Join(tx.UpdateUser(user), tx.UpdateUser(user))
	})
	if user.Version != 3 {
		t.Errorf("user: got version %d, want 3", user.Version)
	}
	got, err := s.store.GetUser(t.Context(), user.Ref())
	wantError(t, "GetUser", err, nil)
	same(t, "updated user", got, user)
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdateUser(&stale) })
}

func testSecrets(t *testing.T, s *suite) {
	s.populate(t, "k1")
	rotate := func(secrets ...storage.Secret) {
		t.Helper()
		s.write(t, func(tx storage.Tx) error {
			k, err := tx.GetKey("k1")
			if err != nil {
				return err
			}
			k.Secrets = secrets
			return tx.UpdateKey(k)
		})
		same(t, "secrets", s.key(t, "k1").Secrets, secrets)
	}
	a, b, c := newSecret("k1"), newSecret("b"), newSecret("c")
	rotate(b, a)
	rotate(c, b, a)
	rotate(c, a)
	rotate(a, c)
	s.write(t, func(tx storage.Tx) error {
		_, err := tx.FindKey(b.Digest)
		wantError(t, "FindKey of a forgotten secret", err, storage.ErrNotFound)
		k, err := tx.FindKey(c.Digest)
		if err != nil || k.ID != "k1" {
			t.Errorf("FindKey of the secret before: got %v, %v", k, err)
		}
		return nil
	})
	// A forgotten secret's digest is free again.
	s.write(t, func(tx storage.Tx) error {
		k := newKey("acme", "ada", "k2")
		k.Secrets = []storage.Secret{b}
		return tx.CreateKey(k)
	})
	many := []storage.Secret{}
	for i := range storage.MaxSecrets {
		many = append(many, newSecret(fmt.Sprint("many", i)))
	}
	rotate(many...)
	rotate()
	s.refuse(t, storage.ErrInvalid, func(tx storage.Tx) error {
		k := newKey("acme", "ada", "k3")
		k.Secrets = append(slices.Clone(many), newSecret("one too many"))
		return tx.CreateKey(k)
	})
}

func testInvalid(t *testing.T, s *suite) {
	s.populate(t, "k1")
	before := s.position(t)
	for name, bad := range map[string]string{
		"NUL": "a\x00b", "no UTF-8": "a\xffb", "over 1 MiB": strings.Repeat("x", 1<<20+1),
	} {
		for field, set := range map[string]func(*storage.Key){
			"id":           func(k *storage.Key) { k.ID = bad },
			"user":         func(k *storage.Key) { k.UserID = bad },
			"display name": func(k *storage.Key) { k.DisplayName = bad },
			"scope":        func(k *storage.Key) { k.Scopes = []string{bad} },
			"label":        func(k *storage.Key) { k.Labels = map[string]string{"a": bad} },
			"label name":   func(k *storage.Key) { k.Labels = map[string]string{bad: "a"} },
			"note":         func(k *storage.Key) { k.RevokeNote = bad },
			"last four":    func(k *storage.Key) { k.Secrets[0].LastFour = bad },
		} {
			k := newKey("acme", "ada", "k2")
			set(k)
			if _, err := s.store.Write(t.Context(), func(tx storage.Tx) error { return tx.CreateKey(k) }); !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("%s in %s: got error %v, want %v", name, field, err, storage.ErrInvalid)
			}
		}
		s.refuse(t, storage.ErrInvalid, func(tx storage.Tx) error {
			u := newUser("acme", "bob")
			u.Roles = []string{bad}
			return tx.CreateUser(u)
		})
	}
	for field, set := range map[string]func(*storage.Key){
		"state":  func(k *storage.Key) { k.State = "" },
		"id":     func(k *storage.Key) { k.ID = "" },
		"prefix": func(k *storage.Key) { k.AllowedCIDRs = []netip.Prefix{{}} },
	} {
		k := newKey("acme", "ada", "k2")
		set(k)
		if _, err := s.store.Write(t.Context(), func(tx storage.Tx) error { return tx.CreateKey(k) }); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("no %s: got error %v, want %v", field, err, storage.ErrInvalid)
		}
	}
	s.refuse(t, storage.ErrInvalid, func(tx storage.Tx) error {
		tx.Audit("acme", day, make([]byte, 1<<20+1))
		return nil
	})
	if _, err := s.store.ListKeys(t.Context(), storage.KeyQuery{TenantID: "acme"}); !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("ListKeys without a limit: got error %v, want %v", err, storage.ErrInvalid)
	}
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}

func testCopies(t *testing.T, s *suite) {
	key := wholeKey("acme", "ada", "k1")
	payload := []byte(`{"n":1}`)
	s.populate(t)
	s.write(t, func(tx storage.Tx) error {
		tx.Audit("acme", day, payload)
		copy(payload, "changed")
		return tx.CreateKey(key)
	})
	want := s.key(t, "k1")
	spoil := func(k *storage.Key) {
		k.Scopes[0], k.Labels["env"], k.Secrets[0].LastFour = "*", "changed", "none"
		k.AllowedCIDRs[0] = netip.MustParsePrefix("0.0.0.0/0")
		maps.DeleteFunc(k.Labels, func(string, string) bool { return true })
	}
	spoil(key)
	spoil(s.key(t, "k1"))
	records, _, _, err := storage.Whole(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	spoil(records.Keys[0])
	same(t, "key", s.key(t, "k1"), want)
	events, err := s.store.ScanAuditEvents(t.Context(), "acme", 0, 1)
	if err != nil || len(events) != 1 || string(events[0].Payload) != `{"n":1}` {
		t.Errorf("event: got %v, %v; want the payload as it was given", events, err)
	}
}
