package storagetest

import (
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// testReplicas: a store that is shared remembers who answers from it, until the
// lease has run out, and one that is not knows nobody.
func testReplicas(t *testing.T, s *suite) {
	s.populate(t)
	ctx := t.Context()
	_, position, _, err := storage.Whole(ctx, s.store)
	if err != nil {
		t.Fatal(err)
	}
	if position.Mark == "" {
		t.Error("the position has no mark")
	}
	long := storage.Replica{ID: "long", Position: position, Bound: time.Minute}
	for _, r := range []storage.Replica{
		long,
		{ID: "brief", Position: position, Bound: time.Millisecond},
		{ID: "elsewhere", Position: storage.Position{StoreID: "other", Revision: position.Revision, Mark: position.Mark}, Bound: time.Minute},
		{ID: "lost tail", Position: storage.Position{StoreID: position.StoreID, Revision: position.Revision, Mark: "another"}, Bound: time.Minute},
		{ID: "ahead", Position: storage.Position{StoreID: position.StoreID, Revision: position.Revision + 5, Mark: position.Mark}, Bound: time.Minute},
		{ID: "new", Position: storage.Position{StoreID: position.StoreID}, Bound: time.Minute},
	} {
		if err := s.store.RenewLease(ctx, r); err != nil {
			t.Fatalf("%s: %v", r.ID, err)
		}
	}
	time.Sleep(5 * time.Millisecond)
	list, now, err := s.store.ListReplicas(ctx, 0)
	if err != nil || now.IsZero() {
		t.Fatalf("got %v, %v", now, err)
	}
	if !s.store.Shared() {
		if len(list) != 0 {
			t.Errorf("a store that is not shared knows %v", list)
		}
		return
	}
	revisions := map[string]int64{}
	for _, r := range list {
		revisions[r.ID] = r.Position.Revision
		if since := now.Sub(r.RenewTime); since < 0 || since > time.Minute {
			t.Errorf("%s renewed %s before now", r.ID, since)
		}
	}
	same(t, "who is there, and where", revisions, map[string]int64{
		"long": position.Revision, "elsewhere": -1, "lost tail": -1, "ahead": -1, "new": 0,
	})
	if list, _, err = s.store.ListReplicas(ctx, time.Minute); err != nil || len(list) != 6 {
		t.Errorf("with skew: got %d, %v, want 6", len(list), err)
	}

	// A renewal moves it on, and a dropped one is gone.
	s.write(t, func(tx storage.Tx) error {
		return tx.CreateTenant(&storage.Tenant{ID: "beta", State: storage.TenantActive, SecretPrefix: "ks"})
	})
	changes, err := s.store.ChangesSince(ctx, position)
	if err != nil || changes.Reset {
		t.Fatalf("got %+v, %v", changes, err)
	}
	long.Position = changes.Now
	if err := s.store.RenewLease(ctx, long); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"elsewhere", "lost tail", "ahead", "new", "nobody"} {
		if err := s.store.DropLease(ctx, id); err != nil {
			t.Errorf("dropping %s: %v", id, err)
		}
	}
	list, _, err = s.store.ListReplicas(ctx, 0)
	if err != nil || len(list) != 1 || list[0].ID != "long" || list[0].Position != changes.Now || list[0].Bound != time.Minute {
		t.Errorf("got %+v, %v", list, err)
	}
}

// testLostTail: a follower of a story that the store has lost is told so.
func testLostTail(t *testing.T, s *suite) {
	s.populate(t)
	_, position, _, err := storage.Whole(t.Context(), s.store)
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, func(tx storage.Tx) error {
		return tx.CreateTenant(&storage.Tenant{ID: "beta", State: storage.TenantActive, SecretPrefix: "ks"})
	})
	other := position
	other.Mark = "another"
	for name, c := range map[string]struct {
		since          storage.Position
		reset, rewound bool
	}{
		"the same story":       {position, false, false},
		"another story":        {other, true, true},
		"another store":        {storage.Position{StoreID: "other", Revision: position.Revision, Mark: position.Mark}, true, true},
		"further than it goes": {storage.Position{StoreID: position.StoreID, Revision: position.Revision + 9, Mark: position.Mark}, true, true},
	} {
		changes, err := s.store.ChangesSince(t.Context(), c.since)
		if err != nil || changes.Reset != c.reset || changes.Rewound != c.rewound {
			t.Errorf("%s: got reset %t, rewound %t, %v", name, changes.Reset, changes.Rewound, err)
		}
	}
	if changes, err := s.store.ChangesSince(t.Context(), position); err != nil || changes.Now.Mark == position.Mark || changes.Now.Mark == "" {
		t.Errorf("two changes have the mark %q, %v", changes.Now.Mark, err)
	}
}
