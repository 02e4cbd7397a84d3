package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func testUsage(t *testing.T, s *suite) {
	s.populate(t, "k1", "k2", "K1")
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.CreateUser(newUser("acme", "bob")), tx.CreateUser(newUser("acme", "Ada")))
	})
	before := s.position(t)
	ada, bob := storage.UserRef{TenantID: "acme", ID: "ada"}, storage.UserRef{TenantID: "acme", ID: "bob"}
	mark := func(used ...storage.Used) {
		t.Helper()
		if err := s.store.MarkUsed(t.Context(), used); err != nil {
			t.Fatalf("MarkUsed: %v", err)
		}
	}
	asked := []string{"k1", "k2", "K1", "none", "", "nul\x00byte", "k1"}
	want := func(keys, users map[string]time.Time) {
		t.Helper()
		got, err := s.store.LastUsed(t.Context(), asked)
		wantError(t, "LastUsed", err, nil)
		same(t, "keys", got, keys)
		got, err = s.store.UsersLastUsed(t.Context(), "acme", []string{"ada", "bob", "Ada", "none", "nul\x00byte"})
		wantError(t, "UsersLastUsed", err, nil)
		same(t, "users", got, users)
	}
	type times = map[string]time.Time
	at := func(minutes int) time.Time { return kept(day.Add(time.Duration(minutes) * time.Minute)) }
	want(times{}, times{})
	mark(storage.Used{KeyID: "k1", User: ada, Time: at(5)})
	want(times{"k1": at(5)}, times{"ada": at(5)})
	// Neither an earlier time nor an earlier one of the same call counts.
	mark(storage.Used{KeyID: "k1", User: ada, Time: at(4)}, storage.Used{KeyID: "k2", User: ada, Time: at(9)},
		storage.Used{KeyID: "k2", User: ada, Time: at(3)}, storage.Used{KeyID: "k2", User: bob, Time: at(7)})
	want(times{"k1": at(5), "k2": at(9)}, times{"ada": at(9), "bob": at(7)})
	// A key, a user or a time that isn't there is passed over, and no other with it.
	mark(storage.Used{KeyID: "none", User: ada, Time: at(20)}, storage.Used{KeyID: "K1", User: storage.UserRef{TenantID: "ACME", ID: "ada"}, Time: at(6)},
		storage.Used{KeyID: "nul\x00byte", User: ada, Time: at(20)}, storage.Used{KeyID: "k2", User: ada}, storage.Used{})
	want(times{"k1": at(5), "k2": at(9), "K1": at(6)}, times{"ada": at(9), "bob": at(7)})
	mark()
	if got, err := s.store.UsersLastUsed(t.Context(), "none", []string{"ada"}); err != nil || len(got) != 0 {
		t.Errorf("users of no tenant: got %v, %v", got, err)
	}
	if got, err := s.store.LastUsed(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("uses of no keys: got %v, %v", got, err)
	}
	// Uses are no changes.
	if after := s.position(t); after != before || s.key(t, "k1").Version != 1 {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, "MarkUsed", s.store.MarkUsed(ctx, []storage.Used{{KeyID: "k1", User: ada, Time: at(99)}}), context.Canceled)
}

// testUsageTogether marks many keys from several sides in different orders.
func testUsageTogether(t *testing.T, s *suite) {
	s.populate(t)
	const many, sides = 1_200, 4
	ids := make([]string, many)
	s.write(t, func(tx storage.Tx) error {
		keys := make([]*storage.Key, many)
		for i := range keys {
			ids[i] = fmt.Sprintf("k%d", i)
			keys[i] = newKey("acme", "ada", ids[i])
		}
		_, err := tx.CreateKeys(keys)
		return err
	})
	together(sides, func(i int) {
		for round := range 3 {
			used := make([]storage.Used, many)
			for n, id := range ids {
				used[n] = storage.Used{
					KeyID: id, User: storage.UserRef{TenantID: "acme", ID: "ada"},
					Time: day.Add(time.Duration(round*sides+i) * time.Second),
				}
			}
			if i%2 == 1 {
				slices.Reverse(used)
			}
			if err := s.store.MarkUsed(t.Context(), used); err != nil {
				t.Errorf("side %d: %v", i, err)
			}
		}
	})
	last := kept(day.Add((3*sides - 1) * time.Second))
	got, err := s.store.LastUsed(t.Context(), ids)
	if err != nil || len(got) != many {
		t.Errorf("LastUsed: got %d keys, %v; want %d", len(got), err, many)
	}
	for id, when := range got {
		if !when.Equal(last) {
			t.Errorf("key %s: got %v, want %v", id, when, last)
		}
	}
}
