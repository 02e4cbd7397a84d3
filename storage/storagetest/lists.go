package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/keystile/keystile/storage"
)

func keyIDs(keys []*storage.Key) (ids []string) {
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

func testTenantLists(t *testing.T, s *suite) {
	s.populate(t, "k1", "k2", "k3")
	s.write(t, func(tx storage.Tx) error {
		k, err := tx.GetKey("k2")
		if err != nil {
			return err
		}
		k.DeleteTime = day
		return errors.Join(tx.UpdateKey(k), tx.CreateUser(newUser("acme", "bob")), tx.CreateTenant(newTenant("zeta")),
			tx.CreateUser(newUser("zeta", "eve")), tx.CreateKey(newKey("zeta", "eve", "k4")))
	})
	s.write(t, func(tx storage.Tx) error {
		keys, err := tx.ListTenantKeys("acme")
		wantError(t, "ListTenantKeys", err, nil)
		ids := keyIDs(keys)
		slices.Sort(ids)
		same(t, "undeleted keys of acme", ids, []string{"k1", "k3"})
		for _, k := range keys {
			if len(k.Secrets) != 1 {
				t.Errorf("key %s: got %d secrets, want 1", k.ID, len(k.Secrets))
			}
		}
		users, err := tx.ListTenantUsers("acme")
		wantError(t, "ListTenantUsers", err, nil)
		names := []string{}
		for _, u := range users {
			names = append(names, u.ID)
		}
		slices.Sort(names)
		same(t, "users of acme", names, []string{"ada", "bob"})
		none, err := tx.ListTenantKeys("none")
		if err != nil || len(none) != 0 {
			t.Errorf("ListTenantKeys of no tenant: got %v, %v", none, err)
		}
		return nil
	})
}

func testRoles(t *testing.T, s *suite) {
	s.populate(t)
	s.write(t, func(tx storage.Tx) error { return tx.CreateTenant(newTenant("zeta")) })
	reader, writer, other := newRole("acme", "reader"), newRole("acme", "writer"), newRole("zeta", "reader")
	writer.Permissions = []string{"orders.*", "a.b"}
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.CreateRole(writer), tx.CreateRole(reader), tx.CreateRole(other))
	})
	want := []*storage.Role{reader, writer}
	names := []string{"writer", "reader", "none", "reader", "Reader"}
	got, err := s.store.GetRoles(t.Context(), "acme", names)
	wantError(t, "GetRoles", err, nil)
	same(t, "roles", got, want)
	s.write(t, func(tx storage.Tx) error {
		got, err := tx.GetRoles("acme", names)
		wantError(t, "Tx.GetRoles", err, nil)
		same(t, "roles in Tx", got, want)
		none, err := tx.GetRoles("acme", nil)
		if err != nil || len(none) != 0 {
			t.Errorf("GetRoles of none: got %v, %v", none, err)
		}
		return nil
	})
}

// testPages reads a listing page by page while keys are added and deleted: what
// was there all the time is seen once.
func testPages(t *testing.T, s *suite) {
	s.populate(t)
	s.write(t, func(tx storage.Tx) error { return tx.CreateUser(newUser("acme", "bob")) })
	want := []string{}
	for i := range 7 {
		id := fmt.Sprintf("k%d", i)
		user := "ada"
		if i%2 == 1 {
			user = "bob"
		}
		// Some keys share their time of creation, so that the id has to decide.
		s.write(t, func(tx storage.Tx) error {
			return errors.Join(tx.CreateKey(newKey("acme", user, id)), tx.CreateKey(newKey("acme", user, id+"b")))
		})
		want = append(want, id, id+"b")
	}
	slices.Reverse(want)
	page := func(query storage.KeyQuery, between func(n int)) (ids []string) {
		t.Helper()
		for n := 0; ; n++ {
			keys, err := s.store.ListKeys(t.Context(), query)
			if err != nil {
				t.Fatalf("ListKeys(%+v): %v", query, err)
			}
			if len(keys) > query.Limit {
				t.Fatalf("ListKeys(%+v): got %d keys", query, len(keys))
			}
			if len(keys) == 0 {
				return ids
			}
			ids = append(ids, keyIDs(keys)...)
			last := keys[len(keys)-1]
			query.After = storage.KeyCursor{CreateTime: last.CreateTime, ID: last.ID}
			between(n)
		}
	}
	nothing := func(int) {}
	for _, limit := range []int{1, 3, 100} {
		same(t, fmt.Sprintf("pages of %d", limit), page(storage.KeyQuery{TenantID: "acme", Limit: limit}, nothing), want)
	}
	onlyBob := page(storage.KeyQuery{TenantID: "acme", UserID: "bob", Limit: 2}, nothing)
	same(t, "keys of bob", onlyBob, []string{"k5b", "k5", "k3b", "k3", "k1b", "k1"})
	same(t, "pages while keys are added", page(storage.KeyQuery{TenantID: "acme", Limit: 3}, func(n int) {
		s.write(t, func(tx storage.Tx) error { return tx.CreateKey(newKey("acme", "ada", fmt.Sprintf("new%d", n))) })
	}), want)

	s.write(t, func(tx storage.Tx) error {
		k, err := tx.GetKey("k3")
		if err != nil {
			return err
		}
		k.DeleteTime = day
		return tx.UpdateKey(k)
	})
	if got := page(storage.KeyQuery{TenantID: "acme", Limit: 50}, nothing); slices.Contains(got, "k3") {
		t.Errorf("the deleted key is listed: %v", got)
	}
	if got := page(storage.KeyQuery{TenantID: "acme", Limit: 50, ShowDeleted: true}, nothing); !slices.Contains(got, "k3") {
		t.Errorf("the deleted key is not listed: %v", got)
	}
}

func testPeppers(t *testing.T, s *suite) {
	s.populate(t, "k1", "k2")
	peppered, deleted := newKey("acme", "ada", "k3"), newKey("acme", "ada", "k4")
	peppered.Secrets = append(peppered.Secrets, newSecret("old"))
	peppered.Secrets[0].PepperID, peppered.Secrets[1].PepperID = "p2", "p1"
	deleted.Secrets[0].PepperID, deleted.DeleteTime = "p1", day
	s.write(t, func(tx storage.Tx) error { return errors.Join(tx.CreateKey(peppered), tx.CreateKey(deleted)) })
	got, err := s.store.CountPeppers(t.Context())
	wantError(t, "CountPeppers", err, nil)
	same(t, "peppers", got, map[string]int64{"": 2, "p1": 1, "p2": 1})
}
