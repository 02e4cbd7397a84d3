package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// testCreateKeys creates more keys at once than any statement holds.
func testCreateKeys(t *testing.T, s *suite) {
	s.populate(t)
	const many = 10_000
	keys := make([]*storage.Key, many)
	for i := range keys {
		keys[i] = newKey("acme", "ada", fmt.Sprintf("k%05d", i))
		keys[i].Labels = map[string]string{"n": fmt.Sprint(i)}
		keys[i].APIs = []storage.APIRef{{TenantID: "acme", ID: "orders"}}
	}
	whole := wholeKey("acme", "ada", "whole")
	bare := newKey("acme", "ada", "bare")
	bare.Secrets = nil
	before := s.position(t)
	began := time.Now()
	revision := s.write(t, func(tx storage.Tx) error {
		taken, err := tx.CreateKeys(append(slices.Clone(keys), whole, bare))
		if len(taken) != 0 {
			t.Errorf("taken: got %v", taken)
		}
		return err
	})
	t.Logf("%d keys in %v", many+2, time.Since(began))
	if revision != before.Revision+1 {
		t.Errorf("revision: got %d, want %d", revision, before.Revision+1)
	}
	for _, k := range []*storage.Key{keys[0], keys[many/2], keys[many-1], whole, bare} {
		if k.Version != 1 || k.CreateTime.IsZero() {
			t.Errorf("key %s: got version %d, created at %v", k.ID, k.Version, k.CreateTime)
		}
		same(t, "key", s.key(t, k.ID), keptKey(k))
	}
	records, _, _, err := storage.Whole(t.Context(), s.store)
	if err != nil || len(records.Keys) != many+2 || records.Unreadable != 0 {
		t.Errorf("Snapshot: got %d keys, %v; want %d", len(records.Keys), err, many+2)
	}
	// A follower is told of each, or to take a snapshot.
	changes, err := s.store.ChangesSince(t.Context(), before)
	if err != nil || !changes.Reset && len(changes.Records.Keys) != many+2 {
		t.Errorf("ChangesSince: got reset %v, %d keys, %v", changes.Reset, len(changes.Records.Keys), err)
	}
	s.write(t, func(tx storage.Tx) error {
		taken, err := tx.CreateKeys(nil)
		if err != nil || len(taken) != 0 {
			t.Errorf("CreateKeys of none: got %v, %v", taken, err)
		}
		return nil
	})
}

func testTakenKeys(t *testing.T, s *suite) {
	s.populate(t, "k1", "k2", "k3")
	before := s.position(t)
	fresh := func(n int) *storage.Key { return newKey("acme", "ada", fmt.Sprintf("new%04d", n)) }
	with := func(k *storage.Key, secrets ...string) *storage.Key {
		for _, text := range secrets {
			k.Secrets = append(k.Secrets, newSecret(text))
		}
		return k
	}
	keys := []*storage.Key{
		fresh(0),
		newKey("acme", "ada", "k1"),          // its id and its secret are taken
		with(fresh(2), "k2"),                 // its second secret is
		with(fresh(3), "shared"),             // the first to have it
		with(fresh(4), "shared"),             // the second
		fresh(0),                             // twice here
		with(fresh(6), "mine", "mine"),       // twice in one key
		newKey("acme", "ada", "K1"),          // another id, and another secret
		with(fresh(8), "new0009"),            // has the secret of the next
		fresh(9),                             //
		with(fresh(10), "x", "y", "z", "k3"), //
	}
	want := []int{1, 2, 4, 5, 6, 9, 10}
	for i := len(keys); i < 1200; i++ {
		keys = append(keys, fresh(i))
	}
	keys = append(keys, fresh(3), newKey("acme", "ada", "k3"), fresh(9999))
	want = append(want, 1200, 1201)
	revision := s.write(t, func(tx storage.Tx) error {
		taken, err := tx.CreateKeys(keys)
		same(t, "taken", taken, want)
		return err
	})
	records, position, _, err := storage.Whole(t.Context(), s.store)
	if err != nil || len(records.Keys) != 3 || revision != 0 || position != before {
		t.Errorf("after what was refused: got %d keys, revision %d, %v", len(records.Keys), revision, err)
	}

	// What can't be kept is refused before anything is written, whatever the
	// caller makes of it.
	bad := fresh(5)
	bad.DisplayName = "a\x00b"
	s.write(t, func(tx storage.Tx) error {
		_, err := tx.CreateKeys([]*storage.Key{fresh(1), fresh(2), bad})
		wantError(t, "CreateKeys", err, storage.ErrInvalid)
		return nil
	})
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error {
		_, err := tx.CreateKeys([]*storage.Key{fresh(1), newKey("acme", "nobody", "k9")})
		return err
	})
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}

// testCreateKeysTogether: of several who bring the same keys in different
// orders, one has its way and the others are told.
func testCreateKeysTogether(t *testing.T, s *suite) {
	s.populate(t)
	const many = 150
	var mu sync.Mutex
	won := 0
	together(4, func(i int) {
		var keys []*storage.Key
		for n := range many {
			k := newKey("acme", "ada", fmt.Sprintf("i%d-%d", i, n))
			k.Secrets = []storage.Secret{newSecret(fmt.Sprint("same ", n))}
			keys = append(keys, k)
		}
		if i%2 == 1 {
			slices.Reverse(keys)
		}
		var taken []int
		_, err := s.store.Write(t.Context(), func(tx storage.Tx) (err error) {
			taken, err = tx.CreateKeys(keys)
			return err
		})
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(err, storage.ErrConflict):
			t.Logf("importer %d gave up: %v", i, err)
		case err != nil:
			t.Errorf("importer %d: %v", i, err)
		case len(taken) == 0:
			won++
		case len(taken) != many:
			t.Errorf("importer %d: got %d taken, want %d", i, len(taken), many)
		}
	})
	records, _, _, err := storage.Whole(t.Context(), s.store)
	if err != nil || won != 1 || len(records.Keys) != many {
		t.Errorf("got %d winners and %d keys, %v; want 1 and %d", won, len(records.Keys), err, many)
	}
}
