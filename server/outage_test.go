package server_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// outage is a store that can be out of reach.
type outage struct {
	storage.Store
	down atomic.Bool
}

func (o *outage) err() error {
	if o.down.Load() {
		return fmt.Errorf("connecting: %w", storage.ErrUnavailable)
	}
	return nil
}

func (o *outage) ChangesSince(ctx context.Context, p storage.Position) (storage.Changes, error) {
	if err := o.err(); err != nil {
		return storage.Changes{}, err
	}
	return o.Store.ChangesSince(ctx, p)
}

func (o *outage) GetKey(ctx context.Context, id string) (*storage.Key, error) {
	if err := o.err(); err != nil {
		return nil, err
	}
	return o.Store.GetKey(ctx, id)
}

func (o *outage) Write(ctx context.Context, change func(storage.Tx) error) (int64, error) {
	if err := o.err(); err != nil {
		return 0, err
	}
	return o.Store.Write(ctx, change)
}

// While the store is away known keys go on for the staleness bound, then
// nothing is decided, and never a denial; everything recovers by itself.
func TestStoreAway(t *testing.T) {
	store := &outage{Store: sqliteStore(t)}
	h := newHouse(t, houseOptions{store: store, staleness: 700 * time.Millisecond})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, secret := h.key("acme", "ada", nil)
	store.down.Store(true)

	out := h.call(503, "POST", "/v1/keys/"+id+":revoke", h.root, nil)
	if out.text("reason") != "STORE_UNAVAILABLE" {
		t.Errorf("management: %v", out)
	}
	_, _, header := h.send("GET", "/v1/keys/"+id, h.root, nil)
	if header.Get("Retry-After") == "" {
		t.Error("management: no Retry-After")
	}
	if got := h.reason(secret); got != "ALLOWED" {
		t.Errorf("a known key at once: %s", got)
	}
	if got := h.reason("sk-unknown-0123456789"); got != "KEY_NOT_FOUND" {
		t.Errorf("an unknown key at once: %s", got)
	}
	undecided := told{Reason: "STORE_UNAVAILABLE", HTTPStatus: 503, Code: "UNAVAILABLE"}
	eventually(t, func() bool { return serviceDoor{}.ask(t, h, asking{secret: secret}) == undecided })
	for _, d := range doors() {
		for _, s := range []string{secret, "sk-unknown-0123456789", ""} {
			got := d.ask(t, h, asking{secret: s})
			got.Message = ""
			if got != undecided {
				t.Errorf("%s after the bound: %+v", d.name(), got)
			}
		}
	}
	store.down.Store(false)
	eventually(t, func() bool { return serviceDoor{}.ask(t, h, asking{secret: secret}).Allowed })
	h.call(200, "POST", "/v1/keys/"+id+":revoke", h.root, nil)
	if got := h.reason(secret); got != "KEY_REVOKED" {
		t.Errorf("after the recovery: %s", got)
	}
}

// A context that has ended decides nothing, whatever step it reaches.
func TestEndedContextDecidesNothing(t *testing.T) {
	h := newHouse(t, houseOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a, err := check(ctx, h.service, question(h.root))
	if err == nil || a.Verdict.Allowed() {
		t.Errorf("allowed %t, error %v", a.Verdict.Allowed(), err)
	}
}
