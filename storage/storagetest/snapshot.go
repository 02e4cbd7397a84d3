package storagetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/keystile/keystile/storage"
)

func testReset(t *testing.T, s *suite) {
	s.populate(t, "k1")
	here := s.position(t)
	if here.StoreID == "" {
		t.Error("the store has no id")
	}
	for _, from := range []storage.Position{
		{},
		{StoreID: "another", Revision: here.Revision},
		{StoreID: here.StoreID, Revision: here.Revision + 1},
		{StoreID: here.StoreID, Revision: -1},
	} {
		changes, err := s.store.ChangesSince(t.Context(), from)
		if err != nil || !changes.Reset || changes.Now != here || changes.StoreTime.IsZero() {
			t.Errorf("ChangesSince(%v): got %+v, %v; want a reset", from, changes, err)
		}
	}
	changes, err := s.store.ChangesSince(t.Context(), storage.Position{StoreID: here.StoreID})
	if err != nil || changes.Reset || changes.Now != here || len(changes.Records.Tenants) != 1 ||
		len(changes.Records.Users) != 1 || len(changes.Records.Keys) != 1 {
		t.Errorf("ChangesSince the beginning: got %+v, %v; want all three records", changes, err)
	}
	other := s.Open(t)
	_, there, _, err := storage.Whole(t.Context(), other)
	if err != nil || there.StoreID == here.StoreID {
		t.Errorf("two stores have one id: %v, %v", there, err)
	}
}

func testSnapshot(t *testing.T, s *suite) {
	s.populate(t)
	keys := map[string]*storage.Key{}
	s.write(t, func(tx storage.Tx) error {
		for i := range 60 {
			k := wholeKey("acme", "ada", fmt.Sprintf("%c%d", "Kk-_z"[i%5], i))
			k.Secrets = k.Secrets[:i%3]
			if err := tx.CreateKey(k); err != nil {
				return err
			}
			keys[k.ID] = keptKey(k)
		}
		return nil
	})
	records, position, now, err := storage.Whole(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*storage.Key{}
	for _, k := range records.Keys {
		got[k.ID] = k
	}
	same(t, "keys", got, keys)
	if len(records.Tenants) != 1 || len(records.Users) != 1 || records.Unreadable != 0 || position.Revision != 2 || now.IsZero() {
		t.Errorf("got %d tenants, %d users, %d unreadable, %v at %v", len(records.Tenants), len(records.Users), records.Unreadable, position, now)
	}
	// The same records come as changes.
	changes, err := s.store.ChangesSince(t.Context(), storage.Position{StoreID: position.StoreID, Revision: 1})
	if err != nil || changes.Reset {
		t.Fatalf("ChangesSince: got %+v, %v", changes, err)
	}
	got = map[string]*storage.Key{}
	for _, k := range changes.Records.Keys {
		got[k.ID] = k
	}
	same(t, "changed keys", got, keys)
}

// testOneMoment reads while each write changes a user, a key and the key's
// secrets together: whoever reads must find them at the same version.
func testOneMoment(t *testing.T, s *suite) {
	s.populate(t, "k1")
	ada := storage.UserRef{TenantID: "acme", ID: "ada"}
	before := s.position(t)
	writing := make(chan struct{})
	var reading sync.WaitGroup
	judge := func(what string, users []*storage.User, keys []*storage.Key) {
		t.Helper()
		for _, k := range keys {
			if want := fmt.Sprint(k.Version); k.Version > 1 && (len(k.Secrets) != 1 || k.Secrets[0].LastFour != want) {
				t.Errorf("%s: the key is at version %s, its secrets %v", what, want, k.Secrets)
			}
		}
		if len(users) == 1 && len(keys) == 1 && users[0].Version != keys[0].Version {
			t.Errorf("%s: the user is at version %d, the key at %d", what, users[0].Version, keys[0].Version)
		}
	}
	for _, read := range []func() error{
		func() error {
			records, _, _, err := storage.Whole(t.Context(), s.store)
			judge("Snapshot", records.Users, records.Keys)
			return err
		},
		func() error {
			changes, err := s.store.ChangesSince(t.Context(), before)
			judge("ChangesSince", changes.Records.Users, changes.Records.Keys)
			return err
		},
		func() error {
			k, err := s.store.GetKey(t.Context(), "k1")
			judge("GetKey", nil, []*storage.Key{k})
			return err
		},
	} {
		reading.Go(func() {
			for {
				select {
				case <-writing:
					return
				default:
				}
				if err := read(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 60 {
		s.write(t, func(tx storage.Tx) error {
			u, err := tx.GetUser(ada)
			if err != nil {
				return err
			}
			k, err := tx.GetKey("k1")
			if err != nil {
				return err
			}
			k.Secrets[0].LastFour = fmt.Sprint(k.Version + 1)
			return errors.Join(tx.UpdateUser(u), tx.UpdateKey(k))
		})
	}
	close(writing)
	reading.Wait()
}
