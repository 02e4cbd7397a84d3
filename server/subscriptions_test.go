package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRoutesAndSubscriptions(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	h.hosts("acme", "api.acme.test")
	owner := h.member("acme", "admin", "admin")
	bo := h.member("beta", "bo", "developer")
	h.user("beta", "admin", "admin")
	_, betaAdmin := h.key("beta", "admin", nil)
	h.call(200, "POST", "/v1/apis", owner, object{"api": object{
		"id": "orders", "visibility": "PRIVATE", "subscriptionRequired": true,
		"routes": []object{{"hosts": []string{"api.acme.test"}, "methods": []string{"GET"}, "path": "/orders/{id}", "permission": "orders.read"}},
	}})
	const call = "GET api.acme.test /orders/7?x=1"
	ask := func(want string) object {
		t.Helper()
		out := h.asked(bo, call)
		if out.text("reason") != want {
			t.Errorf("got %s, want %s", out.text("reason"), want)
		}
		return out
	}
	ask("SUBSCRIPTION_REQUIRED")
	made := h.call(200, "POST", "/v1/subscriptions", bo, object{"subscription": object{
		"tenantId": "beta", "userId": "bo", "apiId": "orders", "apiTenantId": "acme", "note": "please"}})
	id := made.text("subscription", "id")
	if made.text("subscription", "state") != "PENDING" {
		t.Errorf("asked: %v", made)
	}
	ask("SUBSCRIPTION_PENDING")
	h.call(400, "POST", "/v1/subscriptions", bo, object{"subscription": object{"userId": "bo", "apiId": "orders", "apiTenantId": "acme"}})
	h.call(403, "POST", "/v1/subscriptions/"+id+":approve", betaAdmin, nil)
	for _, move := range []string{"pause", "resume"} {
		if out := h.call(400, "POST", "/v1/subscriptions/"+id+":"+move, owner, nil); !strings.Contains(out.text("detail"), "PENDING") {
			t.Errorf("%s of a pending one: %v", move, out)
		}
	}
	pending := h.call(200, "GET", "/v1/subscriptions?apiTenantId=acme&filter=state%3DPENDING", owner, nil)
	if len(pending.at("subscriptions").([]any)) != 1 {
		t.Errorf("the owner sees %v", pending)
	}
	if got := fields(h.call(400, "POST", "/v1/subscriptions/"+id+":approve", owner, object{"plan": "gold"})); got != "[plan]" {
		t.Errorf("approved with a plan that is not there: %s", got)
	}
	h.plan("acme", "gold")
	h.call(200, "POST", "/v1/subscriptions/"+id+":approve", owner, object{"plan": "gold", "expireTime": time.Now().Add(time.Hour).Format(time.RFC3339)})
	out := ask("ALLOWED")
	if out.text("apiId") != "orders" || out.text("apiTenantId") != "acme" || out.text("routePath") != "/orders/{id}" || out.text("pathParameters", "id") != "7" {
		t.Errorf("allowed: %v", out)
	}
	h.call(200, "POST", "/v1/subscriptions/"+id+":pause", owner, object{"reason": "unpaid"})
	ask("SUBSCRIPTION_PAUSED")
	if h.call(200, "GET", "/v1/subscriptions/"+id, bo, nil).text("subscription", "reason") != "unpaid" {
		t.Error("the subscriber does not see why")
	}
	h.call(200, "POST", "/v1/subscriptions/"+id+":resume", owner, nil)
	ask("ALLOWED")
	h.pass(2 * time.Hour)
	ask("SUBSCRIPTION_EXPIRED")
	h.pass(-2 * time.Hour)
	for _, tenant := range []string{"acme", "beta"} {
		n := 0
		for _, e := range h.trail(tenant) {
			if e.text("target", "kind") == "subscription" {
				n++
			}
		}
		if n != 4 {
			t.Errorf("%d events about the subscription in the trail of %s", n, tenant)
		}
	}
	h.call(200, "POST", "/v1/apis/orders:deprecate", owner, object{"sunsetTime": time.Now().Add(time.Hour).Format(time.RFC3339)})
	if w := fmt.Sprint(ask("ALLOWED").at("warnings")); !strings.Contains(w, "API_DEPRECATED") {
		t.Errorf("warnings %s", w)
	}
	h.call(200, "POST", "/v1/apis/orders:retire", owner, nil)
	ask("API_RETIRED")
	h.call(400, "POST", "/v1/apis/orders:deprecate", owner, nil)
	h.call(400, "DELETE", "/v1/apis/orders", owner, nil)
	if out := h.call(200, "DELETE", "/v1/apis/orders?cascade=true", owner, nil); out.text("cascade", "subscriptions") != "1" {
		t.Errorf("deleted: %v", out)
	}
	ask("API_NOT_FOUND")
}

func TestRoutesAreJudgedWhenWritten(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.hosts("acme", "api.acme.test")
	h.api("acme", "orders", nil, "GET /orders/{id}")
	write := func(id string, routes ...object) string {
		t.Helper()
		code, raw := h.post("/v1/apis", h.root, object{"api": object{"id": id, "tenantId": "acme", "routes": routes}})
		if code == 200 {
			return "written"
		}
		return fields(decode(h, raw))
	}
	route := func(host, method, path, permission string) object {
		return object{"hosts": []string{host}, "methods": []string{method}, "path": path, "permission": permission}
	}
	for name, c := range map[string]struct {
		got, want string
	}{
		"a tie with another API's route": {write("a", route("*", "GET", "/orders/{name}", "")), "[api.routes[0].path]"},
		"a tie inside":                   {write("b", route("*", "GET", "/b/x", ""), route("*", "GET", "/b/x", "")), "[api.routes[0].path api.routes[1].path]"},
		"a foreign host":                 {write("c", route("evil.test", "GET", "/c", "")), "[api.routes[0].hosts]"},
		"a management permission":        {write("d", route("*", "GET", "/d", "keystile.keys.create")), "[api.routes[0].permission]"},
		"a path that is no pattern":      {write("e", route("*", "GET", "/e/../x", "")), "[api.routes[0].path]"},
		"a method that is none":          {write("f", route("*", "get", "/f", "")), "[api.routes[0].methods[0]]"},
		"an id that is reserved":         {write("keystile", route("*", "GET", "/k", "")), "[api.id]"},
		"another specificity":            {write("g", route("*", "GET", "/orders/new", "")), "written"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", name, c.got, c.want)
		}
	}
	h.call(400, "PATCH", "/v1/tenants/acme", h.root, object{"tenant": object{"hosts": []string{}}, "updateMask": "nosuch"})
	h.call(200, "PATCH", "/v1/apis/g", h.root, object{"api": object{"tenantId": "acme", "routes": []object{route("api.acme.test", "GET", "/g", "")}}})
	if got := fields(h.call(400, "PATCH", "/v1/tenants/acme", h.root, object{"tenant": object{"hosts": []string{"other.test"}}})); got != "[tenant.hosts]" {
		t.Errorf("narrowing hosts under live routes: %s", got)
	}
}
