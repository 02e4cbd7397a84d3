package server_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// Whoever asks for a revision that does not come is told so soon, deadline or not:
// else each such call would hold a place of the server's for good.
func TestARevisionThatDoesNotCome(t *testing.T) {
	h := newHouse(t, houseOptions{})
	secret := h.stage(scene{}, 0)
	began := time.Now()
	_, err := pb.NewKeyServiceClient(h.conn).CheckKey(context.WithoutCancel(t.Context()), &pb.CheckKeyRequest{Key: secret, MinRevision: "999999999"})
	if took := time.Since(began); status.Code(err) != codes.Unavailable || took > 3*time.Second {
		t.Errorf("got %v after %s", err, took)
	}
}

// waitingKeys reach a revision only when waited for, and something happens meanwhile.
type waitingKeys struct {
	troubledKeys
	meanwhile func()
	revision  int64
	fresh     bool
}

func (k *waitingKeys) FreshnessAt(time.Time) mirror.Freshness {
	return mirror.Freshness{Ready: true, Fresh: k.fresh, Revision: k.revision}
}

func (k *waitingKeys) Await(_ context.Context, revision int64) error {
	k.revision = revision
	k.meanwhile()
	return nil
}

// What was true before the wait does not decide after it.
func TestWhatEndsWhileARevisionIsAwaited(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		meanwhile func(k *waitingKeys)
		allowed   bool
	}{
		"nothing":   {func(*waitingKeys) {}, true},
		"the lease": {func(k *waitingKeys) { k.fresh = false }, false},
		"the key":   {func(*waitingKeys) { now = now.Add(2 * time.Hour) }, false},
		"the story": {func(k *waitingKeys) { k.revision = 3 }, false},
	} {
		began := now
		keys := &waitingKeys{troubledKeys: troubledKeys{&steps{}}, fresh: true}
		keys.meanwhile = func() { c.meanwhile(keys) }
		service, err := server.NewService(server.Options{
			Store: nowhere{}, Keys: expiring{keys, began.Add(time.Hour)}, CheckAuth: server.CheckAuthNone, Random: rand.Reader,
			Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := check(t.Context(), service, server.Question{Secret: access.ParseSecret(knownSecret), MinRevision: 7})
		if got := err == nil && a.Verdict.Allowed(); got != c.allowed {
			t.Errorf("%s ended meanwhile: allowed %t, %v", name, got, err)
		}
	}
}

// expiring has the known key end at a time.
type expiring struct {
	*waitingKeys
	at time.Time
}

func (e expiring) Lookup(d *storage.Digest, aim *access.Aim, room *mirror.Room, g *access.Grant) bool {
	ok := e.waitingKeys.Lookup(d, aim, room, g)
	if ok {
		g.Key.ExpireTime = e.at
	}
	return ok
}

// A refusal that is kept holds on to nothing of its request, which may be large.
func TestAKeptRefusalIsSmall(t *testing.T) {
	h := newHouse(t, houseOptions{})
	secret := h.stage(scene{key: storage.Key{Scopes: []string{"billing.*"}}}, 0)
	request := strings.Repeat("x", 1<<20) + "orders.read acme-aa orders GET api.test /orders/7"
	part := func(text string) string {
		i := strings.LastIndex(request, text)
		return request[i : i+len(text)]
	}
	a, err := check(t.Context(), h.service, server.Question{
		Secret: access.ParseSecret(secret), Permission: part("orders.read"), Tenant: part("acme-aa"), KeyTenant: part("acme-aa"),
		API:  storage.APIRef{TenantID: part("acme-aa"), ID: part("orders")},
		Call: &access.HTTPCall{Method: part("GET"), Host: part("api.test"), Path: part("/orders/7")},
	})
	if err != nil || a.Verdict.Allowed() {
		t.Fatalf("allowed %t, %v", a.Verdict.Allowed(), err)
	}
	begin := uintptr(unsafe.Pointer(unsafe.StringData(request)))
	for _, kept := range h.service.DecisionForTest(a.DecisionID) {
		if at := uintptr(unsafe.Pointer(unsafe.StringData(kept))); kept != "" && at >= begin && at < begin+uintptr(len(request)) {
			t.Errorf("%q lies in the request", kept)
		}
	}
}
