package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func testRevisions(t *testing.T, s *suite) {
	s.populate(t)
	first := s.position(t).Revision
	const writers, each = 6, 8
	var mu sync.Mutex
	revisions := []int64{}
	together(writers, func(i int) {
		for n := range each {
			revision, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				err := tx.CreateKey(newKey("acme", "ada", fmt.Sprintf("k%d-%d", i, n)))
				if n%3 == 2 {
					return errors.Join(err, errGivenUp)
				}
				return err
			})
			if errors.Is(err, errGivenUp) {
				continue
			}
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
			mu.Lock()
			revisions = append(revisions, revision)
			mu.Unlock()
		}
	})
	slices.Sort(revisions)
	for i, revision := range revisions {
		if want := first + 1 + int64(i); revision != want {
			t.Fatalf("revisions: got %v, want them from %d without a gap", revisions, first+1)
		}
	}
	if got, want := s.position(t).Revision, first+int64(len(revisions)); got != want {
		t.Errorf("position: got %d, want %d", got, want)
	}
	// What writes no record has no revision.
	revision := s.write(t, func(tx storage.Tx) error {
		tx.Audit("acme", day, []byte(`{}`))
		return tx.PutReply(storage.ReplyID{Caller: storage.UserRef{TenantID: "acme", ID: "ada"}, RequestID: "r"}, storage.Reply{Time: day})
	})
	if got := s.position(t).Revision; revision != 0 || got != first+int64(len(revisions)) {
		t.Errorf("audit alone: got revision %d, position %d", revision, got)
	}
	if revision := s.write(t, func(storage.Tx) error { return nil }); revision != 0 {
		t.Errorf("nothing: got revision %d", revision)
	}
}

var errGivenUp = errors.New("given up") //nolint:gochecknoglobals // a constant, but for its type

// copyOf is what a follower of the change log knows.
type copyOf struct {
	keys  map[string]int64
	users map[storage.UserRef]int64
}

func (c *copyOf) apply(records *storage.Records) {
	for _, k := range records.Keys {
		c.keys[k.ID] = k.Version
	}
	for _, u := range records.Users {
		c.users[u.Ref()] = u.Version
	}
}

// testFollower follows the log while others write, and must never have missed
// what was committed before the position it was told.
func testFollower(t *testing.T, s *suite) {
	s.populate(t)
	records, position, _, err := storage.Whole(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	follower := &copyOf{keys: map[string]int64{}, users: map[storage.UserRef]int64{}}
	follower.apply(&records)
	nothing, err := s.store.ChangesSince(t.Context(), position)
	if err != nil || nothing.Now != position || nothing.Reset || len(nothing.Gone)+len(nothing.Records.Keys)+len(nothing.Records.Users) != 0 {
		t.Errorf("with nothing new: got %+v, %v", nothing, err)
	}
	if age := time.Since(nothing.StoreTime); age < -time.Minute || age > time.Minute {
		t.Errorf("store time: got %v", nothing.StoreTime)
	}

	const writers, each = 4, 12
	var mu sync.Mutex
	committed := map[int64]string{}
	var writing atomic.Bool
	writing.Store(true)
	var following sync.WaitGroup
	following.Go(func() {
		for last := false; ; {
			changes, err := s.store.ChangesSince(t.Context(), position)
			if err != nil || changes.Reset || len(changes.Gone) != 0 {
				t.Errorf("ChangesSince(%v): got %+v, %v", position, changes, err)
				return
			}
			if changes.Now.Revision < position.Revision || changes.Now.StoreID != position.StoreID {
				t.Errorf("position: got %v after %v", changes.Now, position)
			}
			follower.apply(&changes.Records)
			position = changes.Now
			mu.Lock()
			for revision, id := range committed {
				if revision <= position.Revision && follower.keys[id] == 0 {
					t.Errorf("at %d the follower doesn't know key %s of revision %d", position.Revision, id, revision)
				}
			}
			mu.Unlock()
			if last {
				return
			}
			last = !writing.Load()
		}
	})
	together(writers, func(i int) {
		for n := range each {
			id := fmt.Sprintf("k%d-%d", i, n)
			revision, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				u, err := tx.GetUser(storage.UserRef{TenantID: "acme", ID: "ada"})
				if err != nil {
					return err
				}
				return errors.Join(tx.UpdateUser(u), tx.CreateKey(newKey("acme", "ada", id)))
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
				continue
			}
			mu.Lock()
			committed[revision] = id
			mu.Unlock()
		}
	})
	writing.Store(false)
	following.Wait()
	records, now, _, err := storage.Whole(t.Context(), s.store)
	if err != nil || now != position {
		t.Errorf("Snapshot: got position %v, %v; want %v", now, err, position)
	}
	truth := &copyOf{keys: map[string]int64{}, users: map[storage.UserRef]int64{}}
	truth.apply(&records)
	same(t, "the follower's keys", follower.keys, truth.keys)
	same(t, "the follower's users", follower.users, truth.users)
}
