package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// chain reads a tenant's whole chain and checks every link.
func (s *suite) chain(t *testing.T, tenantID string) (payloads []string) {
	t.Helper()
	var head storage.AuditHead
	for {
		events, err := s.store.ScanAuditEvents(t.Context(), tenantID, head.Sequence, 7)
		if err != nil {
			t.Fatalf("ScanAuditEvents: %v", err)
		}
		if len(events) == 0 {
			break
		}
		for _, e := range events {
			want := storage.NextAuditHash(head.Hash, tenantID, head.Sequence+1, e.Time, e.Payload)
			if e.Sequence != head.Sequence+1 || e.Hash != want || e.TenantID != tenantID {
				t.Fatalf("chain of %s: event %d of %s after %d, hash %x, want %x", tenantID, e.Sequence, e.TenantID, head.Sequence, e.Hash, want)
			}
			head = storage.AuditHead{Sequence: e.Sequence, Hash: e.Hash}
			payloads = append(payloads, string(e.Payload))
		}
	}
	got, err := s.store.AuditHead(t.Context(), tenantID)
	if err != nil || got != head {
		t.Errorf("head of %s: got %v, %v; want %v", tenantID, got, err, head)
	}
	return payloads
}

func testAuditChain(t *testing.T, s *suite) {
	s.populate(t)
	same(t, "empty chain", s.chain(t, "acme"), []string{})
	// Events of one transaction keep their order, each in its tenant's chain. A
	// tenant need not be there: system's first event comes before it is.
	payloads := []string{`{"a":1}`, `{"a": 2, "sp" : "  ace"}`, ``, "not even JSON \xff\x00"}
	s.write(t, func(tx storage.Tx) error {
		tx.Audit("zeta", day, []byte("z"))
		for i, payload := range payloads {
			tx.Audit("acme", day.Add(time.Duration(-i)*time.Hour), []byte(payload))
		}
		tx.Audit("Acme", day, nil)
		return nil
	})
	same(t, "chain of acme", s.chain(t, "acme"), payloads)
	same(t, "chain of Acme", s.chain(t, "Acme"), []string{""})
	same(t, "chain of zeta", s.chain(t, "zeta"), []string{"z"})
	events, err := s.store.ScanAuditEvents(t.Context(), "acme", 0, 1)
	if err != nil || len(events) != 1 || events[0].Time != kept(day) {
		t.Errorf("first event: got %v, %v; want the time %v", events, err, kept(day))
	}

	const writers, each = 6, 6
	together(writers, func(i int) {
		for n := range each {
			_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				// Two chains, taken up in either order.
				names := [2]string{"acme", "zeta"}
				tx.Audit(names[(i+n)%2], day, fmt.Appendf(nil, "%d-%d", i, n))
				tx.Audit(names[(i+n+1)%2], day, fmt.Appendf(nil, "%d-%d", i, n))
				if n%3 == 2 {
					return errGivenUp
				}
				return nil
			})
			if err != nil && !errors.Is(err, errGivenUp) {
				t.Errorf("writer %d: %v", i, err)
			}
		}
	})
	for _, tenantID := range []string{"acme", "zeta"} {
		seen := map[string]int{}
		for _, payload := range s.chain(t, tenantID) {
			seen[payload]++
		}
		for i := range writers {
			for n := range each {
				want := 1
				if n%3 == 2 {
					want = 0
				}
				if got := seen[fmt.Sprintf("%d-%d", i, n)]; got != want {
					t.Errorf("chain of %s: event %d-%d is there %d times, want %d", tenantID, i, n, got, want)
				}
			}
		}
	}
}

func testAuditPages(t *testing.T, s *suite) {
	s.write(t, func(tx storage.Tx) error {
		for i := range 5 {
			tx.Audit("acme", day, fmt.Appendf(nil, "%d", i+1))
		}
		tx.Audit("zeta", day, []byte("other"))
		return nil
	})
	list := func(events []storage.AuditEvent, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, e := range events {
			text += string(e.Payload)
		}
		return text
	}
	for _, c := range []struct {
		what, got, want string
	}{
		{"newest two", list(s.store.ListAuditEvents(t.Context(), "acme", 0, 2)), "54"},
		{"the next two", list(s.store.ListAuditEvents(t.Context(), "acme", 4, 2)), "32"},
		{"the last", list(s.store.ListAuditEvents(t.Context(), "acme", 2, 2)), "1"},
		{"none before the first", list(s.store.ListAuditEvents(t.Context(), "acme", 1, 2)), ""},
		{"oldest two", list(s.store.ScanAuditEvents(t.Context(), "acme", 0, 2)), "12"},
		{"from the middle", list(s.store.ScanAuditEvents(t.Context(), "acme", 2, 99)), "345"},
		{"none after the last", list(s.store.ScanAuditEvents(t.Context(), "acme", 5, 2)), ""},
		{"no such tenant", list(s.store.ListAuditEvents(t.Context(), "none", 0, 2)), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, c.got, c.want)
		}
	}
	_, err := s.store.ListAuditEvents(t.Context(), "acme", 0, 0)
	wantError(t, "a page of nothing", err, storage.ErrInvalid)
}

func testReplies(t *testing.T, s *suite) {
	ada, eve := storage.UserRef{TenantID: "acme", ID: "ada"}, storage.UserRef{TenantID: "acme", ID: "Ada"}
	put := func(caller storage.UserRef, request string, at time.Time) {
		t.Helper()
		s.write(t, func(tx storage.Tx) error {
			return tx.PutReply(storage.ReplyID{Caller: caller, RequestID: request},
				storage.Reply{Fingerprint: digest(request), Body: []byte{0, 1, 0xff}, Time: at})
		})
	}
	knows := func(caller storage.UserRef, request string) bool {
		t.Helper()
		known := false
		s.write(t, func(tx storage.Tx) error {
			reply, err := tx.GetReply(storage.ReplyID{Caller: caller, RequestID: request})
			if errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			known = err == nil && reply.Fingerprint == digest(request) && string(reply.Body) == "\x00\x01\xff"
			return err
		})
		return known
	}
	put(ada, "r1", day)
	put(eve, "r1", day)
	put(ada, "R1", day)
	s.refuse(t, storage.ErrExists, func(tx storage.Tx) error {
		return tx.PutReply(storage.ReplyID{Caller: ada, RequestID: "r1"}, storage.Reply{Time: day})
	})
	s.write(t, func(tx storage.Tx) error {
		reply, err := tx.GetReply(storage.ReplyID{Caller: ada, RequestID: "r1"})
		if err != nil || reply.Time != kept(day) {
			t.Errorf("reply: got %v, %v; want the time %v", reply, err, kept(day))
		}
		return nil
	})
	put(ada, "r2", day.Add(24*time.Hour))
	if !knows(ada, "r1") || !knows(ada, "R1") || !knows(ada, "r2") {
		t.Error("a reply of the last 24 hours is forgotten")
	}
	put(ada, "r3", day.Add(24*time.Hour+time.Second))
	if knows(ada, "r1") || knows(ada, "R1") || !knows(ada, "r2") || !knows(ada, "r3") {
		t.Error("after 24 hours the caller's older replies, and no others, should be forgotten")
	}
	if !knows(eve, "r1") {
		t.Error("another caller's reply is forgotten")
	}
	put(ada, "r1", day.Add(25*time.Hour))
}

func testUnreadable(t *testing.T, s *suite) {
	s.populate(t, "k1", "k2", "k3")
	since := s.position(t)
	k3 := s.key(t, "k3")
	s.write(t, func(tx storage.Tx) error { // so that the follower reads them again
		u, err := tx.GetUser(k3.User())
		if err != nil {
			return err
		}
		k2, err := tx.GetKey("k2")
		return errors.Join(err, tx.UpdateUser(u), tx.UpdateKey(k2))
	})
	s.Spoil(t, s.store, storage.ChangeRef{Kind: storage.ChangeKey, ID: "k2"})
	s.Spoil(t, s.store, storage.ChangeRef{Kind: storage.ChangeUser, TenantID: "acme", ID: "ada"})

	records, _, _, err := storage.Whole(t.Context(), s.store)
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	changes, err := s.store.ChangesSince(t.Context(), since)
	if err != nil {
		t.Fatalf("ChangesSince: %v", err)
	}
	states := map[string]storage.KeyState{}
	for _, k := range records.Keys {
		states[k.ID] = k.State
	}
	same(t, "states", states, map[string]storage.KeyState{"k1": storage.KeyActive, "k2": "", "k3": storage.KeyActive})
	if records.Unreadable != 2 || len(records.Users) != 1 || records.Users[0].State != "" {
		t.Errorf("snapshot: got %d unreadable, users %v; want 2, and ada without a state", records.Unreadable, records.Users)
	}
	if changes.Reset || changes.Records.Unreadable != 2 || len(changes.Records.Keys) != 1 || changes.Records.Keys[0].State != "" ||
		len(changes.Records.Keys[0].Secrets) != 1 {
		t.Errorf("changes: got %+v; want k2 without a state, with its secret", changes)
	}
	if got := s.key(t, "k2"); got.State != "" || got.UserID != "ada" {
		t.Errorf("GetKey: got %+v; want no state, and the fields that can be read", got)
	}
	if keys, err := s.store.ListKeys(t.Context(), storage.KeyQuery{TenantID: "acme", Limit: 10}); err != nil || len(keys) != 3 {
		t.Errorf("ListKeys: got %d keys, %v; want 3", len(keys), err)
	}

	// What can't be read must not be lost by writing the rest back.
	set := func(state storage.KeyState) func(storage.Tx) error {
		return func(tx storage.Tx) error {
			k, err := tx.GetKey("k2")
			if err != nil {
				return err
			}
			k.State = state
			return tx.UpdateKey(k)
		}
	}
	s.refuse(t, storage.ErrUnreadable, set(storage.KeyActive))
	s.refuse(t, storage.ErrUnreadable, set(storage.KeyDisabled))
	s.refuse(t, storage.ErrUnreadable, set(""))
	s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
		users, err := tx.ListTenantUsers("acme")
		if err != nil {
			return err
		}
		users[0].State = storage.UserActive
		return tx.UpdateUser(users[0])
	})
	s.write(t, set(storage.KeyRevoked))
	if got := s.key(t, "k2").State; got != storage.KeyRevoked {
		t.Errorf("state after revoking: got %q", got)
	}
}
