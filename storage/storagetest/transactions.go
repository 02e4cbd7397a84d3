package storagetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func testRollback(t *testing.T, s *suite) {
	s.populate(t, "k1")
	before := s.key(t, "k1")
	position := s.position(t)
	broken := errors.New("changed my mind")
	everything := func(tx storage.Tx) error {
		k, err := tx.GetKey("k1")
		if err != nil {
			return err
		}
		k.DisplayName = "changed"
		tx.Audit("acme", day, []byte(`{}`))
		return errors.Join(tx.UpdateKey(k), tx.CreateKey(newKey("acme", "ada", "k2")), tx.CreateTenant(newTenant("zeta")),
			tx.PutReply(storage.ReplyID{Caller: before.User(), RequestID: "r"}, storage.Reply{Time: day}))
	}
	revision, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
		return errors.Join(everything(tx), broken)
	})
	if !errors.Is(err, broken) || revision != 0 {
		t.Errorf("Write: got revision %d, error %v; want 0 and the error of the change", revision, err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _ = s.store.Write(t.Context(), func(tx storage.Tx) error {
			if err := everything(tx); err != nil {
				t.Error(err)
			}
			panic("in the middle")
		})
		t.Error("the panic was swallowed")
	}()

	same(t, "key", s.key(t, "k1"), before)
	if after := s.position(t); after != position {
		t.Errorf("position: got %v, want %v as before", after, position)
	}
	changes, err := s.store.ChangesSince(t.Context(), position)
	if err != nil || changes.Now != position || changes.Reset || len(changes.Records.Keys) != 0 {
		t.Errorf("changes: got %+v, %v; want none", changes, err)
	}
	head, err := s.store.AuditHead(t.Context(), "acme")
	if err != nil || head != (storage.AuditHead{}) {
		t.Errorf("audit head: got %+v, %v; want none", head, err)
	}
	s.write(t, func(tx storage.Tx) error {
		_, err := tx.GetReply(storage.ReplyID{Caller: before.User(), RequestID: "r"})
		wantError(t, "GetReply", err, storage.ErrNotFound)
		return nil
	})
	// The numbers go on without a gap.
	if revision := s.write(t, everything); revision != position.Revision+1 {
		t.Errorf("revision: got %d, want %d", revision, position.Revision+1)
	}
}

func testCancelled(t *testing.T, s *suite) {
	s.populate(t, "k1")
	position := s.position(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := s.store.Write(ctx, func(tx storage.Tx) error {
		err := tx.CreateKey(newKey("acme", "ada", "k2"))
		cancel()
		return err
	})
	wantError(t, "Write", err, context.Canceled)
	_, err = s.store.GetKey(ctx, "k1")
	wantError(t, "GetKey", err, context.Canceled)
	if errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("GetKey: a cancelled call says that the store is unavailable: %v", err)
	}
	late, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	_, err = s.store.GetKey(late, "k1")
	wantError(t, "GetKey past its deadline", err, storage.ErrUnavailable)
	wantError(t, "GetKey past its deadline", err, context.DeadlineExceeded)
	if after := s.position(t); after != position {
		t.Errorf("position: got %v, want %v as before", after, position)
	}
	_, err = s.store.GetKey(t.Context(), "k2")
	wantError(t, "GetKey of what was cancelled", err, storage.ErrNotFound)
}

// together runs n functions at once and waits for them.
func together(n int, run func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { run(i) })
	}
	all.Wait()
}

// testCounting: two transactions that each see room for one more must not both
// take it.
func testCounting(t *testing.T, s *suite) {
	s.populate(t)
	const most, writers = 5, 8
	together(writers, func(i int) {
		for n := range 2 {
			_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				users, err := tx.ListTenantUsers("acme")
				if err != nil || len(users) >= most {
					return err
				}
				return tx.CreateUser(newUser("acme", fmt.Sprintf("u%d-%d", i, n)))
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		}
	})
	s.write(t, func(tx storage.Tx) error {
		users, err := tx.ListTenantUsers("acme")
		if err != nil || len(users) != most {
			t.Errorf("users: got %d, %v; want %d", len(users), err, most)
		}
		return nil
	})
}

func testConcurrentUpdates(t *testing.T, s *suite) {
	s.populate(t, "k1")
	const writers, each = 6, 5
	together(writers, func(i int) {
		for n := range each {
			_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				k, err := tx.GetKey("k1")
				if err != nil {
					return err
				}
				if k.Labels == nil {
					k.Labels = map[string]string{}
				}
				k.Labels[fmt.Sprintf("%d-%d", i, n)] = "seen"
				return tx.UpdateKey(k)
			})
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		}
	})
	k := s.key(t, "k1")
	if len(k.Labels) != writers*each || k.Version != 1+writers*each {
		t.Errorf("got %d labels, version %d; want %d and %d", len(k.Labels), k.Version, writers*each, 1+writers*each)
	}
}

// testDeadlock locks two keys in opposite orders.
func testDeadlock(t *testing.T, s *suite) {
	s.populate(t, "k1", "k2")
	order := [][]string{{"k1", "k2"}, {"k2", "k1"}}
	var met sync.WaitGroup
	met.Add(2)
	once := [2]sync.Once{}
	together(2, func(i int) {
		_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
			for n, id := range order[i] {
				k, err := tx.GetKey(id)
				if err != nil {
					return err
				}
				if n == 0 {
					once[i].Do(func() { meet(&met) })
				}
				k.DisplayName += "."
				if err := tx.UpdateKey(k); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	})
	for _, id := range order[0] {
		if got := s.key(t, id); got.Version != 3 {
			t.Errorf("key %s: got version %d, want 3", id, got.Version)
		}
	}
}

// meet waits a moment for the other side, which can't come when the store lets
// one writer in at a time.
func meet(all *sync.WaitGroup) {
	all.Done()
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(100 * time.Millisecond):
	}
}

func testClosed(t *testing.T, s *suite) {
	s.populate(t)
	if err := s.store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	if err := s.store.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
	wantError(t, "Ping", s.store.Ping(t.Context()), storage.ErrUnavailable)
	_, err := s.store.GetTenant(t.Context(), "acme")
	wantError(t, "GetTenant", err, storage.ErrUnavailable)
	_, err = s.store.Write(t.Context(), func(storage.Tx) error { return nil })
	wantError(t, "Write", err, storage.ErrUnavailable)
	_, err = s.store.ChangesSince(t.Context(), storage.Position{})
	wantError(t, "ChangesSince", err, storage.ErrUnavailable)
	_, err = s.store.TakeRates(t.Context(), []storage.RateAsk{rateAsk("a", 1, 1, 1)})
	wantError(t, "TakeRates", err, storage.ErrUnavailable)
	_, err = s.store.TakeQuotas(t.Context(), []storage.QuotaDraw{total("a", 1, 1, 1)})
	wantError(t, "TakeQuotas", err, storage.ErrUnavailable)
}
