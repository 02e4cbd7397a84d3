package server_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// orders is an API as most cases have it: of the key's own tenant, on a host of
// its own.
func orders(change ...func(a *storage.API)) storage.API {
	a := storage.API{
		ID: "orders", Visibility: storage.VisibilityPrivate, State: storage.APIPublished,
		Routes: []storage.Route{
			{Hosts: []string{"*"}, Methods: []string{"GET"}, Path: "/orders/{id}", Permission: "orders.read"},
			{Hosts: []string{"*"}, Methods: []string{"*"}, Path: "/orders/**"},
		},
	}
	for _, c := range change {
		c(&a)
	}
	return a
}

// withOrders is a scene with that API on the host api.TENANT.test.
func withOrders(change func(s *scene, a *storage.API, now time.Time)) func(time.Time) scene {
	return func(now time.Time) scene {
		s := scene{}
		a := orders()
		if change != nil {
			change(&s, &a, now)
		}
		s.apis = []storage.API{a}
		return s
	}
}

const get7 = "GET api.OWN.test /orders/7?x=1"

// apiMatrix has the reasons that need an API or a subscription.
var apiMatrix = []matrixCase{
	{name: "route matched", scene: withOrders(nil), ask: asking{call: get7}, want: access.Allowed, route: "/orders/{id}"},
	{name: "host in another spelling", scene: withOrders(nil), ask: asking{call: "GET API.OWN.test.:443 /orders/7"}, want: access.Allowed, route: "/orders/{id}"},
	{name: "less specific route for another method", scene: withOrders(nil), ask: asking{call: "POST api.OWN.test /orders/7"}, want: access.Allowed, route: "/orders/**"},
	{name: "door bound to the tenant, host unknown", scene: withOrders(nil), ask: asking{tenant: "OWN", call: "GET elsewhere.test /orders/7"}, want: access.Allowed, route: "/orders/{id}"},
	{name: "API named", scene: withOrders(nil), ask: asking{api: "orders"}, want: access.Allowed, api: "OWN/orders"},
	{name: "API named beside a request to it", scene: withOrders(nil), ask: asking{api: "orders", call: get7}, want: access.Allowed, route: "/orders/{id}"},
	{name: "encoded slash", scene: withOrders(nil), ask: asking{call: "GET api.OWN.test /orders/a%2fb"}, want: access.RequestMalformed},
	{name: "dot segment", scene: withOrders(nil), ask: asking{call: "GET api.OWN.test /orders/../admin"}, want: access.RequestMalformed},
	{name: "double encoding", scene: withOrders(nil), ask: asking{call: "GET api.OWN.test /orders/%252e"}, want: access.RequestMalformed},
	{name: "backslash", scene: withOrders(nil), ask: asking{call: "GET api.OWN.test /orders\\7"}, want: access.RequestMalformed},
	{name: "NUL", scene: withOrders(nil), ask: asking{call: "GET api.OWN.test /orders/%00"}, want: access.RequestMalformed},
	{name: "host of no tenant", scene: withOrders(nil), ask: asking{call: "GET nobody.test /orders/7"}, want: access.APINotFound},
	{name: "path of no route", scene: withOrders(nil), ask: asking{call: "GET api.OWN.test /billing"}, want: access.APINotFound},
	{name: "API that does not exist", scene: withOrders(nil), ask: asking{api: "nosuch"}, want: access.APINotFound},
	{name: "route of another API than named", scene: func(time.Time) scene {
		return scene{apis: []storage.API{orders(), {ID: "other", Visibility: storage.VisibilityPrivate, State: storage.APIPublished, Routes: []storage.Route{{Hosts: []string{"*"}, Methods: []string{"*"}, Path: "/other/**"}}}}}
	}, ask: asking{api: "other", call: get7}, want: access.APINotFound},
	{name: "expired key before unknown API", scene: withOrders(func(s *scene, _ *storage.API, now time.Time) { s.key.ExpireTime = now.Add(-time.Hour) }), ask: asking{call: "GET nobody.test /"}, want: access.KeyExpired},
	{name: "retired", scene: withOrders(func(_ *scene, a *storage.API, _ time.Time) { a.State = storage.APIRetired }), ask: asking{call: get7}, want: access.APIRetired, route: "/orders/{id}"},
	{name: "sunset passed", scene: withOrders(func(_ *scene, a *storage.API, now time.Time) {
		a.State, a.SunsetTime = storage.APIDeprecated, now.Add(-time.Minute)
	}), ask: asking{call: get7}, want: access.APIRetired, route: "/orders/{id}"},
	{name: "deprecated", scene: withOrders(func(_ *scene, a *storage.API, now time.Time) {
		a.State, a.SunsetTime = storage.APIDeprecated, now.Add(time.Hour)
	}), ask: asking{call: get7}, want: access.Allowed, route: "/orders/{id}"},
	{name: "key restricted to another API", scene: withOrders(func(s *scene, _ *storage.API, _ time.Time) {
		s.key.APIs = []storage.APIRef{{TenantID: "OWN", ID: "billing"}}
	}), ask: asking{call: get7}, want: access.KeyAPIDenied, route: "/orders/{id}"},
	{name: "key restricted to this API", scene: withOrders(func(s *scene, _ *storage.API, _ time.Time) {
		s.key.APIs = []storage.APIRef{{TenantID: "OWN", ID: "orders"}}
	}), ask: asking{call: get7}, want: access.Allowed, route: "/orders/{id}"},
	{name: "scope lacks the route's permission", scene: withOrders(func(s *scene, _ *storage.API, _ time.Time) { s.key.Scopes = []string{"orders.write"} }), ask: asking{call: get7}, want: access.PermissionDenied, route: "/orders/{id}"},
	{name: "scope holds the default permission", scene: withOrders(func(s *scene, _ *storage.API, _ time.Time) { s.key.Scopes = []string{"orders.write"} }), ask: asking{call: "DELETE api.OWN.test /orders/7"}, want: access.Allowed, route: "/orders/**"},
	{name: "guest at a private API", scene: withOrders(func(s *scene, _ *storage.API, _ time.Time) { s.roles = []string{access.RoleGuest} }), ask: asking{call: get7}, want: access.PermissionDenied, route: "/orders/{id}"},
	{name: "guest at a public API", scene: withOrders(func(s *scene, a *storage.API, _ time.Time) {
		s.roles, a.Visibility = []string{access.RoleGuest}, storage.VisibilityPublic
	}), ask: asking{call: get7}, want: access.Allowed, route: "/orders/{id}"},
	{name: "guest at a public API by an unsafe method", scene: withOrders(func(s *scene, a *storage.API, _ time.Time) {
		s.roles, a.Visibility = []string{access.RoleGuest}, storage.VisibilityPublic
	}), ask: asking{call: "POST api.OWN.test /orders/7"}, want: access.PermissionDenied, route: "/orders/**"},
	{name: "subscription required", scene: withOrders(func(_ *scene, a *storage.API, _ time.Time) { a.SubscriptionRequired = true }), ask: asking{call: get7}, want: access.SubscriptionRequired, route: "/orders/{id}"},
	{name: "subscription pending", scene: subscribed(storage.SubscriptionPending, 0), ask: asking{call: get7}, want: access.SubscriptionPending, route: "/orders/{id}"},
	{name: "subscription rejected", scene: subscribed(storage.SubscriptionRejected, 0), ask: asking{call: get7}, want: access.SubscriptionRejected, route: "/orders/{id}"},
	{name: "subscription paused", scene: subscribed(storage.SubscriptionPaused, 0), ask: asking{call: get7}, want: access.SubscriptionPaused, route: "/orders/{id}"},
	{name: "subscription expired", scene: subscribed(storage.SubscriptionApproved, -time.Minute), ask: asking{call: get7}, want: access.SubscriptionExpired, route: "/orders/{id}"},
	{name: "subscription approved", scene: subscribed(storage.SubscriptionApproved, time.Hour), ask: asking{call: get7}, want: access.Allowed, route: "/orders/{id}"},
	{name: "permission before subscription", scene: withOrders(func(s *scene, a *storage.API, _ time.Time) {
		a.SubscriptionRequired, s.key.Scopes = true, []string{"billing.read"}
	}), ask: asking{call: get7}, want: access.PermissionDenied, route: "/orders/{id}"},
	{name: "another tenant's private API", scene: usual, ask: asking{call: "GET shop.test /private/1"}, want: access.SubscriptionRequired, api: "shop/private", route: "/private/**"},
	{name: "another tenant's public API", scene: usual, ask: asking{call: "GET shop.test /public/1"}, want: access.Allowed, api: "shop/public", route: "/public/**"},
	{name: "another tenant's public API as a guest", scene: spoiled(func(s *scene, _ time.Time) { s.roles = []string{access.RoleGuest} }), ask: asking{call: "GET shop.test /public/1"}, want: access.Allowed, api: "shop/public", route: "/public/**"},
	{name: "another tenant's private API, whole tenant subscribed", scene: func(time.Time) scene {
		return scene{subscriptions: []storage.Subscription{{API: storage.APIRef{TenantID: "shop", ID: "private"}, State: storage.SubscriptionApproved}}}
	}, ask: asking{call: "GET shop.test /private/1"}, want: access.Allowed, api: "shop/private", route: "/private/**"},
	{name: "another tenant's private API, another user subscribed", scene: func(time.Time) scene {
		return scene{subscriptions: []storage.Subscription{{UserID: "Ada", API: storage.APIRef{TenantID: "shop", ID: "private"}, State: storage.SubscriptionApproved}}}
	}, ask: asking{call: "GET shop.test /private/1"}, want: access.SubscriptionRequired, api: "shop/private", route: "/private/**"},
	{name: "API of a suspended tenant", scene: usual, ask: asking{call: "GET closed.test /public/1"}, want: access.APINotFound},
}

// subscribed is a scene in which the key's user has a subscription that ends so
// long from now; zero never.
func subscribed(state storage.SubscriptionState, ends time.Duration) func(time.Time) scene {
	return withOrders(func(s *scene, a *storage.API, now time.Time) {
		a.SubscriptionRequired = true
		sub := storage.Subscription{UserID: "ada", API: storage.APIRef{ID: "orders"}, State: state}
		if ends != 0 {
			sub.ExpireTime = now.Add(ends)
		}
		s.subscriptions = []storage.Subscription{sub}
	})
}

// stageAPIs writes a scene's APIs and subscriptions.
func stageAPIs(tx storage.Tx, s *scene, i int) error {
	var errs []error
	if len(s.apis) > 0 {
		t, err := tx.GetTenant(tenantOf(i))
		if err != nil {
			return err
		}
		t.Hosts = []string{"api." + tenantOf(i) + ".test"}
		errs = append(errs, tx.UpdateTenant(t))
	}
	for _, a := range s.apis {
		a.TenantID = tenantOf(i)
		errs = append(errs, tx.CreateAPI(&a))
	}
	for n, sub := range s.subscriptions {
		sub.ID, sub.TenantID = fmt.Sprintf("sub_%s_%d", tenantOf(i), n), tenantOf(i)
		if sub.API.TenantID == "" {
			sub.API.TenantID = tenantOf(i)
		}
		if sub.UserID == "Ada" {
			errs = append(errs, tx.CreateUser(&storage.User{TenantID: sub.TenantID, ID: "Ada", Kind: storage.UserPerson, State: storage.UserActive}))
		}
		errs = append(errs, tx.CreateSubscription(&sub))
	}
	return errors.Join(errs...)
}

// shop writes the other tenants that cases cross into.
func (h *house) shop() {
	h.t.Helper()
	route := func(path string) []storage.Route {
		return []storage.Route{{Hosts: []string{"*"}, Methods: []string{"*"}, Path: path}}
	}
	h.write(func(tx storage.Tx) error {
		return errors.Join(
			tx.CreateTenant(&storage.Tenant{ID: "shop", State: storage.TenantActive, SecretPrefix: "ks", Hosts: []string{"shop.test"}}),
			tx.CreateAPI(&storage.API{TenantID: "shop", ID: "private", State: storage.APIPublished, Visibility: storage.VisibilityPrivate, Routes: route("/private/**")}),
			tx.CreateAPI(&storage.API{TenantID: "shop", ID: "public", State: storage.APIPublished, Visibility: storage.VisibilityPublic, Routes: route("/public/**")}),
			tx.CreateTenant(&storage.Tenant{ID: "closed", State: storage.TenantSuspended, SecretPrefix: "ks", Hosts: []string{"closed.test"}}),
			tx.CreateAPI(&storage.API{TenantID: "closed", ID: "public", State: storage.APIPublished, Visibility: storage.VisibilityPublic, Routes: route("/public/**")}),
		)
	})
}

// Every reason of the table that this release can give is driven by a case.
func TestMatrixHasEveryReason(t *testing.T) {
	seen := map[access.Reason]bool{access.StoreUnavailable: true}
	for _, c := range append(matrix[:len(matrix):len(matrix)], apiMatrix...) {
		seen[c.want] = true
	}
	var missing []string
	for _, e := range access.Entries() {
		if !seen[e.Reason] {
			missing = append(missing, e.Name)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no case for %s", strings.Join(missing, ", "))
	}
}
