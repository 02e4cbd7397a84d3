package mirror_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// BenchmarkDecision compares a check of a named permission with one of an HTTP
// request, which finds host, API, route, role, scope and subscription. The digest
// of the secret is left out of both.
func BenchmarkDecision(b *testing.B) {
	records := acme()
	records.Tenants[0].Hosts = []string{"api.acme.test"}
	records.Keys[0].Scopes = []string{"orders.*"}
	api := &storage.API{TenantID: "acme", ID: "orders", State: storage.APIPublished, Visibility: storage.VisibilityPrivate, SubscriptionRequired: true}
	for i := range 1000 {
		api.Routes = append(api.Routes, storage.Route{
			Hosts: []string{"api.acme.test"}, Methods: []string{"GET"}, Path: fmt.Sprintf("/orders/%d/{item}", i), Permission: "orders.read",
		})
	}
	records.APIs = []*storage.API{api}
	records.Subscriptions = []*storage.Subscription{{ID: "sub_1", TenantID: "acme", UserID: "ada", API: api.Ref(), State: storage.SubscriptionApproved}}
	m := mirror.New(&source{records: records, now: storage.Position{StoreID: "a", Revision: 1}}, mirror.Options{})
	if err := m.Sync(b.Context()); err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	run := func(b *testing.B, permission string, call *access.HTTPCall) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			req := access.Request{Form: access.WellFormed, Permission: permission, Aim: access.NewAim("", storage.APIRef{}, call)}
			g, _ := lookup(m, storage.Digest{1}, &req.Aim)
			if v := access.Decide(now, &g, &req); !v.Allowed() {
				b.Fatal(v.Reason)
			}
		}
	}
	b.Run("permission", func(b *testing.B) { run(b, "orders.read", nil) })
	b.Run("request", func(b *testing.B) {
		run(b, "", &access.HTTPCall{Method: "GET", Host: "api.acme.test", Path: "/orders/500/7?x=1"})
	})
	b.Run("decide alone", func(b *testing.B) {
		req := access.Request{Form: access.WellFormed, Aim: access.NewAim("", storage.APIRef{}, &access.HTTPCall{Method: "GET", Host: "api.acme.test", Path: "/orders/500/7"})}
		g, _ := lookup(m, storage.Digest{1}, &req.Aim)
		b.ReportAllocs()
		for b.Loop() {
			if v := access.Decide(now, &g, &req); !v.Allowed() {
				b.Fatal(v.Reason)
			}
		}
	})
}
