package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// trail lists a tenant's audit events, oldest first.
func (h *house) trail(tenant string) []object {
	h.t.Helper()
	var out []object
	token := ""
	for {
		page := h.call(200, "GET", "/v1/auditEvents?pageSize=3&tenantId="+tenant+"&pageToken="+token, h.root, nil)
		for _, e := range page.at("auditEvents").([]any) {
			out = append([]object{e.(map[string]any)}, out...)
		}
		if token = page.text("nextPageToken"); token == "" {
			return out
		}
	}
}

func TestEveryWriteIsAudited(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, secret := h.key("acme", "ada", nil)
	rotated := h.call(200, "POST", "/v1/keys/"+id+":rotate", h.root, nil).text("secret")
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "new"}})
	h.call(200, "POST", "/v1/keys/"+id+":disable", h.root, nil)
	h.call(200, "POST", "/v1/keys/"+id+":disable", h.root, nil) // changes nothing
	h.call(200, "POST", "/v1/keys/"+id+":enable", h.root, nil)
	h.call(200, "POST", "/v1/keys/"+id+":revoke", h.root, object{"reason": "SUPERSEDED"})
	h.call(200, "DELETE", "/v1/keys/"+id, h.root, nil)
	var actions []string
	for i, e := range h.trail("acme") {
		actions = append(actions, strings.TrimPrefix(e.text("action"), "keystile."))
		if e.text("outcome") != "DONE" || e.text("actor", "userId") != "admin" || e.text("actor", "tenantId") != "system" ||
			e.text("actor", "keyId") == "" || e.text("sourceAddress") != "127.0.0.1" || e.text("requestId") == "" ||
			e.text("sequence") != fmt.Sprint(i+1) || len(e.text("hash")) != 64 {
			t.Errorf("event %v", e)
		}
		for _, s := range []string{secret, rotated} {
			if strings.Contains(fmt.Sprint(e), s) {
				t.Error("an event holds a secret")
			}
		}
	}
	want := "[tenants.create users.create keys.create keys.rotate keys.update keys.disable keys.enable keys.revoke keys.delete]"
	if got := fmt.Sprint(actions); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	update := h.trail("acme")[4]
	if update.text("before", "displayName") != "test" || update.text("after", "displayName") != "new" {
		t.Errorf("before and after: %v", update)
	}
	if e := h.trail("system"); len(e) != 1 || e[0].text("reason") != "first start" {
		t.Errorf("the operator's trail: %v", e)
	}
}

func TestRefusedCallsAreAuditedOnceAMinute(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	dev := h.member("acme", "dev", "developer")
	before := len(h.trail("acme"))
	for range 5 {
		h.call(403, "POST", "/v1/users", dev, object{"user": object{"id": "x", "kind": "PERSON"}})
	}
	h.call(404, "GET", "/v1/keys?tenantId=system", dev, nil)
	h.call(401, "GET", "/v1/keys", "sk-unknown-0123456789", nil)
	h.call(401, "GET", "/v1/keys", "", nil)
	eventually(t, func() bool { return len(h.trail("acme")) >= before+2 })
	h.pass(time.Minute)
	total := func() (n int) {
		for _, e := range h.trail("acme")[before:] {
			if e.text("outcome") == "REFUSED" && e.text("action") == "/keystile.v1.DirectoryService/CreateUser" {
				var count int
				_, _ = fmt.Sscan(e.text("count"), &count)
				n += count
				if e.text("reason") != "PERMISSION_DENIED" || e.text("actor", "userId") != "dev" || e.text("actor", "keyId") == "" {
					t.Errorf("event %v", e)
				}
			}
		}
		return n
	}
	eventually(t, func() bool { return total() == 5 })
	events := h.trail("acme")[before:]
	// Twice two for each kind, should a minute end in between.
	if len(events) > 8 {
		t.Errorf("%d events for two kinds of refusals", len(events))
	}
	for _, e := range append(h.trail("system"), events...) {
		if e.text("actor", "userId") == "" {
			t.Errorf("unauthenticated noise was stored: %v", e)
		}
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about within 10 s")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestVerifyNoticesEveryTampering(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	for range 3 {
		h.key("acme", "ada", nil)
	}
	head := h.call(200, "GET", "/v1/auditEvents:head?tenantId=acme", h.root, nil)
	kept := head.text("head", "sequence") + ":" + head.text("head", "hash")
	verify := func(h *house, head string) string {
		t.Helper()
		out := h.call(200, "GET", "/v1/auditEvents:verify?tenantId=acme&head="+head, h.root, nil)
		if out.at("complete") == true {
			return "whole"
		}
		return out.text("brokenSequence") + " " + out.text("problem")
	}
	if got := verify(h, ""); got != "whole" {
		t.Errorf("untouched: %s", got)
	}
	h.key("acme", "ada", nil)
	if got := verify(h, kept); got != "whole" {
		t.Errorf("grown since the head was kept: %s", got)
	}
	h.call(400, "GET", "/v1/auditEvents:verify?tenantId=acme&head=nonsense", h.root, nil)

	tamper := func(change func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent) *house {
		other := newHouse(t, houseOptions{store: tampered{h.store, change}, unsynced: true})
		other.root = h.root
		if err := other.mirror.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		return other
	}
	rehash := func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent {
		prev := storage.AuditHash{}
		for i := range e {
			e[i].Sequence = int64(i + 1)
			e[i].Hash = storage.NextAuditHash(prev, "acme", e[i].Sequence, e[i].Time, e[i].Payload)
			prev = e[i].Hash
		}
		*head = storage.AuditHead{Sequence: int64(len(e)), Hash: prev}
		return e
	}
	for name, c := range map[string]struct {
		change func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent
		head   string
		want   string
	}{
		"payload changed": {func(e []storage.AuditEvent, _ *storage.AuditHead) []storage.AuditEvent {
			e[1].Payload = append([]byte(" "), e[1].Payload...)
			return e
		}, "", "2 the event, or a link before it, was changed"},
		"time changed": {func(e []storage.AuditEvent, _ *storage.AuditHead) []storage.AuditEvent {
			e[2].Time = e[2].Time.Add(time.Microsecond)
			return e
		}, "", "3 the event, or a link before it, was changed"},
		"event cut out": {func(e []storage.AuditEvent, _ *storage.AuditHead) []storage.AuditEvent {
			return append(e[:1], e[2:]...)
		}, "", "2 the event is missing"},
		"end cut off": {func(e []storage.AuditEvent, _ *storage.AuditHead) []storage.AuditEvent {
			return e[:2]
		}, "", "3 the event is missing: the chain ends before its own head"},
		"end cut off with its head": {func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent {
			return rehash(e[:2], head)
		}, kept, "3 the chain was cut off: it ends before the head that was kept"},
		"rewritten whole": {func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent {
			return rehash(append(e[:1], e[2:]...), head)
		}, kept, "5 the chain was rewritten: it does not lead to the head that was kept"},
		"rewritten whole, no head kept": {func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent {
			return rehash(append(e[:1], e[2:]...), head)
		}, "", "whole"},
	} {
		if got := verify(tamper(c.change), c.head); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// tampered shows a trail that somebody with the database's password changed.
type tampered struct {
	storage.Store
	change func(e []storage.AuditEvent, head *storage.AuditHead) []storage.AuditEvent
}

func (s tampered) changed(ctx context.Context, tenant string) ([]storage.AuditEvent, storage.AuditHead, error) {
	events, err := s.Store.ScanAuditEvents(ctx, tenant, 0, 1000)
	head, headErr := s.Store.AuditHead(ctx, tenant)
	return s.change(events, &head), head, errors.Join(err, headErr)
}

func (s tampered) AuditHead(ctx context.Context, tenant string) (storage.AuditHead, error) {
	_, head, err := s.changed(ctx, tenant)
	return head, err
}

func (s tampered) ScanAuditEvents(ctx context.Context, tenant string, _ int64, _ int) ([]storage.AuditEvent, error) {
	events, _, err := s.changed(ctx, tenant)
	return events, err
}
