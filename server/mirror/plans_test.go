package mirror_test

import (
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// TestPlansFollowTheirTenant: a grant has the plans of the API's tenant, as they were
// when it was made.
func TestPlansFollowTheirTenant(t *testing.T) {
	limited := func(requests int64) storage.Limits {
		return storage.Limits{RateLimits: []storage.RateLimit{{Name: "m", Requests: requests, Period: 1, Burst: 1}}}
	}
	records := acme()
	records.Keys[0].Limits, records.Users[0].Limits, records.Tenants[0].Limits = limited(1), limited(2), limited(3)
	records.Tenants[0].Hosts = []string{"acme.test"}
	records.APIs = []*storage.API{{
		TenantID: "acme", ID: "orders", State: storage.APIPublished, SubscriptionRequired: true, Limits: limited(4),
		Routes: []storage.Route{{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: "/other"}, {
			Hosts: []string{"*"}, Methods: []string{"GET"}, Path: "/orders", Limits: limited(5),
		}},
	}}
	records.Plans = []*storage.Plan{
		{TenantID: "acme", ID: "gold", Limits: limited(6)}, {TenantID: "zeta", ID: "gold", Limits: limited(7)},
	}
	s := &source{records: records, now: storage.Position{StoreID: "a", Revision: 1}}
	m := synced(t, s, mirror.Options{})
	grant := func() access.Grant {
		t.Helper()
		aim := access.NewAim("", storage.APIRef{}, &access.HTTPCall{Method: "GET", Host: "acme.test", Path: "/orders"})
		g, ok := lookup(m, storage.Digest{1}, &aim)
		if !ok || g.Target.API == nil || g.Target.Route == nil {
			t.Fatalf("got %+v", g)
		}
		return g
	}
	change := func(c storage.Changes) {
		t.Helper()
		s.set(func(s *source) { s.pending = c; s.now.Revision++ })
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := grant()
	for i, got := range []storage.Limits{
		first.Key.Limits, first.User.Limits, first.Tenant.Limits, first.Target.API.Limits, first.Target.Route.Limits, first.Target.Plans["gold"].Limits,
	} {
		if want := limited(int64(i + 1)); !got.Equal(&want) {
			t.Errorf("limits %d: got %+v, want %+v", i, got, want)
		}
	}
	change(storage.Changes{Records: storage.Records{Plans: []*storage.Plan{
		{TenantID: "acme", ID: "gold", Version: 2}, {TenantID: "acme", ID: "iron"},
	}}})
	second := grant()
	if len(second.Target.Plans) != 2 || second.Target.Plans["gold"].Version != 2 {
		t.Errorf("after a change: got %v", second.Target.Plans)
	}
	change(storage.Changes{Gone: []storage.ChangeRef{{Kind: storage.ChangePlan, TenantID: "acme", ID: "gold"}}})
	if third := grant(); len(third.Target.Plans) != 1 || third.Target.Plans["iron"] == nil {
		t.Errorf("after one was removed: got %v", third.Target.Plans)
	}
	change(storage.Changes{Gone: []storage.ChangeRef{{Kind: storage.ChangePlan, TenantID: "acme", ID: "iron"}}})
	if last := grant(); last.Target.Plans != nil {
		t.Errorf("after all were removed: got %v", last.Target.Plans)
	}
	if len(first.Target.Plans) != 1 || len(second.Target.Plans) != 2 {
		t.Errorf("earlier grants changed: %v, %v", first.Target.Plans, second.Target.Plans)
	}
}
