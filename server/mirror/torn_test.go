package mirror_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// leases remembers renewals, and can be out of reach.
type leases struct {
	mu      sync.Mutex
	renewed []storage.Position
	err     error
}

func (l *leases) Shared() bool { return true }

func (l *leases) RenewLease(_ context.Context, r storage.Replica) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.renewed = append(l.renewed, r.Position)
	}
	return l.err
}

func (l *leases) DropLease(context.Context, string) error { return nil }

func (l *leases) ListReplicas(context.Context, time.Duration) ([]storage.Replica, time.Time, error) {
	return nil, time.Now(), nil
}

func (l *leases) Listen(ctx context.Context, _ func(storage.Woken)) { <-ctx.Done() }

func (l *leases) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

// A snapshot of another store broke off when half of it was taken, and then the
// first store is there again, where nothing has changed. What was taken of the other
// one must not be answered from: it may know a revoked key as a good one.
func TestHalfASnapshotIsNotGoneOnFrom(t *testing.T) {
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 5}}
	m := synced(t, s, mirror.Options{})
	other := acme()
	other.Keys = []*storage.Key{key("key_other", 7)}
	s.set(func(s *source) { s.records, s.now, s.broken = other, storage.Position{StoreID: "b", Revision: 9}, true })
	if err := m.Sync(t.Context()); err == nil || m.Freshness().Fresh {
		t.Fatalf("half a snapshot of another store: %v, fresh %t", err, m.Freshness().Fresh)
	}
	s.set(func(s *source) {
		s.records, s.now, s.broken = acme(), storage.Position{StoreID: "a", Revision: 5}, false
	})
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := known(m, 7); got != "" || known(m, 1) != "key_1" || !m.Freshness().Fresh {
		t.Errorf("the key of the other store is %q, the own one %q, fresh %t", got, known(m, 1), m.Freshness().Fresh)
	}
}

// The store may be another one between the look and the snapshot. The lease ends
// before anything of an older moment can be answered from.
func TestAnOlderSnapshotEndsTheLease(t *testing.T) {
	for name, now := range map[string]storage.Position{
		"another store": {StoreID: "b", Revision: 9}, "an older moment": {StoreID: "a", Revision: 4},
	} {
		s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 5}}
		m := synced(t, s, mirror.Options{})
		looked := false
		s.set(func(s *source) {
			s.now = now
			s.during = func() { looked = !m.Freshness().Fresh }
			s.records = acme()
		})
		for range 2 {
			// The second look is the one that a lease may begin at.
			if err := m.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !looked || !m.Freshness().Fresh {
			t.Errorf("%s: the lease ended meanwhile %t, and is there again %t", name, looked, m.Freshness().Fresh)
		}
	}
}

// A renewal in one store is none in another: until the one that is there knows of
// this replica, it does not answer.
func TestALeaseBelongsToItsStore(t *testing.T) {
	held := &leases{}
	s := &source{records: acme(), now: storage.Position{StoreID: "a", Revision: 5}}
	c := &clock{now: time.Now()}
	m := synced(t, s, mirror.Options{Replicas: held, ReplicaID: "r", Now: c.Now})
	if !m.Freshness().Fresh {
		t.Fatal("not fresh in the first store")
	}
	held.fail(errors.New("away"))
	s.set(func(s *source) { s.now, s.broken = storage.Position{StoreID: "b", Revision: 9}, true })
	for range 3 {
		if err := m.Sync(t.Context()); err == nil || m.Freshness().Fresh {
			t.Fatalf("the other store does not know of it: %v, fresh %t", err, m.Freshness().Fresh)
		}
		s.set(func(s *source) { s.broken = false })
	}
	held.fail(nil)
	if err := m.Sync(t.Context()); err != nil || !m.Freshness().Fresh {
		t.Fatalf("once it does: %v, fresh %t", err, m.Freshness().Fresh)
	}
	if last := held.renewed[len(held.renewed)-1]; last.StoreID != "b" {
		t.Errorf("the last renewal was in %v", last)
	}
}
