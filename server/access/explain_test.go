package access_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// An explanation decides as the decision does, whatever is wrong, and its first
// failed step is the reason.
func TestExplainAgreesWithDecide(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrant(t, "key")
		g.Key.State = rapid.SampledFrom([]storage.KeyState{storage.KeyActive, storage.KeyRevoked, ""}).Draw(t, "state")
		if rapid.Bool().Draw(t, "user missing") {
			g.User = nil
		}
		if rapid.Bool().Draw(t, "unknown") {
			g = access.Grant{}
		}
		req := access.Request{Form: access.Form(rapid.IntRange(0, 3).Draw(t, "form")), Permission: rapid.SampledFrom(append(permissions, "")).Draw(t, "permission")}
		switch rapid.IntRange(0, 3).Draw(t, "aim") {
		case 1:
			req.Aim = access.NewAim("", storage.APIRef{ID: "orders"}, nil)
		case 2:
			req.Aim = access.NewAim("", storage.APIRef{}, &access.HTTPCall{Method: "GET", Host: "a.test", Path: "/orders"})
		case 3:
			req.Aim = access.NewAim("", storage.APIRef{}, &access.HTTPCall{Method: "GET", Host: "a.test", Path: "/../x"})
		}
		if g.Key != nil && rapid.Bool().Draw(t, "API found") {
			g.Target = access.Target{Permission: "orders.read", API: &storage.API{TenantID: "acme", ID: "orders", State: storage.APIPublished, SubscriptionRequired: rapid.Bool().Draw(t, "subscription required")}}
		}
		want := decide(noon, g, req)
		got, findings := access.Explain(noon, g, req)
		if got.Reason != want.Reason {
			t.Fatalf("got %s, want %s", got.Reason, want.Reason)
		}
		decisive := access.Allowed
		for _, f := range findings {
			if f.Decisive {
				decisive = f.Reason
			}
		}
		if decisive != want.Reason {
			t.Fatalf("the decisive step says %s, the decision %s", decisive, want.Reason)
		}
	})
}
