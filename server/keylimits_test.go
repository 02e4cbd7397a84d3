package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// states gives limits by their names: what is left, and of how much.
func states(list any) map[string]string {
	out := map[string]string{}
	for _, one := range list.([]any) {
		l := object(one.(map[string]any))
		out[l.text("subject")+" "+l.text("name")] = l.text("remaining") + " of " + l.text("limit")
	}
	return out
}

func (h *house) limitsOf(id string) map[string]string {
	h.t.Helper()
	return states(h.call(200, "GET", "/v1/keys/"+id+":limits", h.root, nil).at("limits"))
}

// What stands in records bounds calls, together and all or nothing, from the next
// check on.
func TestLimitsOfAKeyAUserAndATenant(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, secret := h.key("acme", "ada", object{
		"rateLimits": []object{{"name": "m", "requests": 3, "period": "3600s"}},
		"quotas":     []object{{"name": "q", "limit": 100, "period": "DAY"}},
	})
	h.call(200, "PATCH", "/v1/users/ada", h.root, object{"user": object{"tenantId": "acme", "rateLimits": []object{{"name": "u", "requests": 50, "period": "60s"}}}, "updateMask": "rateLimits"})
	check := func(cost int) object {
		return h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "cost": cost})
	}
	want := func(what string, wants map[string]string) {
		t.Helper()
		if got := h.limitsOf(id); fmt.Sprint(got) != fmt.Sprint(wants) {
			t.Errorf("%s: got %v, want %v", what, got, wants)
		}
	}
	if r := check(0); r.text("reason") != "ALLOWED" || r.text("limit", "name") != "m" || r.text("limit", "remaining") != "3" {
		t.Errorf("a look: %v", r)
	}
	want("after a look", map[string]string{"KEY m": "3 of 3", "KEY q": "100 of 100", "USER u": "50 of 50"})
	if r := check(2); r.text("reason") != "ALLOWED" || r.text("limit", "remaining") != "1" {
		t.Errorf("two calls: %v", r)
	}
	r := check(2)
	if r.text("reason") != "RATE_LIMITED" || r.text("limit", "name") != "m" || r.text("limit", "subject") != "KEY" || r.at("limit", "retryAfter") == nil {
		t.Errorf("two more: %v", r)
	}
	if r.text("message") != "too many calls: m of the key" || r.at("identity", "roles").([]any) == nil || len(r.at("identity", "roles").([]any)) != 0 {
		t.Errorf("two more: %v", r)
	}
	want("a refused call spends nothing", map[string]string{"KEY m": "1 of 3", "KEY q": "98 of 100", "USER u": "48 of 50"})
	// A call that is refused for another reason spends nothing either.
	h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "permission": "keystile.keys.create"})
	want("a call without the permission", map[string]string{"KEY m": "1 of 3", "KEY q": "98 of 100", "USER u": "48 of 50"})

	// More is in force at the next check, and what was spent stays spent.
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"rateLimits": []object{{"name": "m", "requests": 5, "period": "3600s"}}}, "updateMask": "rateLimits"})
	if r := check(1); r.text("reason") != "ALLOWED" {
		t.Errorf("after the limit was raised: %v", r)
	}
	out := h.call(200, "POST", "/v1/keys/"+id+":resetLimits", h.root, object{"requestId": "once"})
	if got := states(out.at("limits")); got["KEY m"] != "5 of 5" || got["KEY q"] != "100 of 100" {
		t.Errorf("reset: %v", got)
	}
	// The same request id resets nothing again.
	check(2)
	out = h.call(200, "POST", "/v1/keys/"+id+":resetLimits", h.root, object{"requestId": "once"})
	if got := states(out.at("limits")); got["KEY m"] != "3 of 5" || got["KEY q"] != "98 of 100" {
		t.Errorf("reset by the same request: %v", got)
	}
}

// Credits are granted to a quota's present period, once a request id, and audited.
func TestCredits(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, secret := h.key("acme", "ada", object{"quotas": []object{{"name": "q", "limit": 2, "period": "TOTAL"}}})
	check := func(times int) string {
		var got []string
		for range times {
			got = append(got, h.call(200, "POST", "/v1/keys:check", "", object{"key": secret}).text("reason"))
		}
		return fmt.Sprint(got)
	}
	if got := check(3); got != "[ALLOWED ALLOWED QUOTA_EXCEEDED]" {
		t.Errorf("got %s", got)
	}
	grant := object{"quota": "q", "credits": 3, "note": "invoice 4711", "requestId": "once"}
	for range 2 {
		out := h.call(200, "POST", "/v1/keys/"+id+":grantCredits", h.root, grant)
		if out.text("limit", "limit") != "5" || out.text("limit", "remaining") != "3" {
			t.Errorf("granted: %v", out)
		}
	}
	if got := check(4); got != "[ALLOWED ALLOWED ALLOWED QUOTA_EXCEEDED]" {
		t.Errorf("after the grant: %s", got)
	}
	granted := 0
	for _, e := range h.call(200, "GET", "/v1/auditEvents?tenantId=acme&pageSize=100", h.root, nil).at("auditEvents").([]any) {
		if object(e.(map[string]any)).text("action") == "keystile.credits.grant" {
			granted++
		}
	}
	if granted != 1 {
		t.Errorf("%d grants in the trail", granted)
	}
	// Another period is another quota, and begins anew.
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"quotas": []object{{"name": "q", "limit": 2, "period": "DAY"}}}, "updateMask": "quotas"})
	if got := check(3); got != "[ALLOWED ALLOWED QUOTA_EXCEEDED]" {
		t.Errorf("by the day: %s", got)
	}
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"quotas": []object{{"name": "q", "limit": 2, "period": "MONTH", "timeZone": "Europe/Berlin"}}}, "updateMask": "quotas"})
	if got := check(3); got != "[ALLOWED ALLOWED QUOTA_EXCEEDED]" {
		t.Errorf("by the month: %s", got)
	}
	for name, bad := range map[string]object{
		"[credits]": {"quota": "q", "credits": 0}, "[quota]": {"quota": "other", "credits": 1}, "[credits quota]": {"credits": -1},
	} {
		if got := fields(h.call(400, "POST", "/v1/keys/"+id+":grantCredits", h.root, bad)); got != name {
			t.Errorf("%v: got %s, want %s", bad, got, name)
		}
	}
}

// An API's, a route's and a plan's limits apply to calls to them.
func TestLimitsOfWhatIsCalled(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	h.call(200, "PATCH", "/v1/tenants/acme", h.root, object{"tenant": object{"hosts": []string{"api.acme.test"}}, "updateMask": "hosts"})
	h.user("beta", "bo", "developer")
	id, secret := h.key("beta", "bo", nil)
	hourly := func(name string, n int) []object {
		return []object{{"name": name, "requests": n, "period": "3600s"}}
	}
	h.call(200, "POST", "/v1/apis", h.root, object{"api": object{
		"id": "orders", "tenantId": "acme", "rateLimits": hourly("api", 100), "routes": []object{
			{"hosts": []string{"api.acme.test"}, "methods": []string{"GET"}, "path": "/orders/{id}", "rateLimits": hourly("route", 1)},
			{"hosts": []string{"api.acme.test"}, "methods": []string{"GET"}, "path": "/items/{id}"},
		},
	}})
	h.call(200, "POST", "/v1/plans", h.root, object{"plan": object{"id": "gold", "tenantId": "acme", "rateLimits": hourly("plan", 3)}})
	sub := h.call(200, "POST", "/v1/subscriptions", h.root, object{"subscription": object{"tenantId": "beta", "userId": "bo", "apiTenantId": "acme", "apiId": "orders"}}).text("subscription", "id")
	h.call(200, "POST", "/v1/subscriptions/"+sub+":approve", h.root, object{"plan": "gold"})
	call := func(path string) object {
		return h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "request": object{"method": "GET", "host": "api.acme.test", "path": path}})
	}
	if r := call("/orders/1"); r.text("reason") != "ALLOWED" {
		t.Fatalf("first: %v", r)
	}
	if r := call("/orders/2"); r.text("reason") != "RATE_LIMITED" || r.text("limit", "subject") != "ROUTE" {
		t.Errorf("the route's: %v", r)
	}
	call("/items/1")
	call("/items/2")
	if r := call("/items/3"); r.text("reason") != "RATE_LIMITED" || r.text("limit", "subject") != "PLAN" || r.text("message") != "too many calls: plan of the subscription's plan" {
		t.Errorf("the plan's: %v", r)
	}
	out := h.call(200, "POST", "/v1/keys:explain", h.root, object{"keyId": id, "check": object{"request": object{"method": "GET", "host": "api.acme.test", "path": "/orders/1"}}})
	if got := fmt.Sprint(states(out.at("limits"))); got != "map[API api:97 of 100 PLAN plan:0 of 3 ROUTE route:0 of 1]" || out.text("verdict", "reason") != "RATE_LIMITED" {
		t.Errorf("explained: %s, %s", got, out.text("verdict", "reason"))
	}
	if again := fmt.Sprint(states(h.call(200, "POST", "/v1/keys:explain", h.root, object{"keyId": id, "check": object{"request": object{"method": "GET", "host": "api.acme.test", "path": "/orders/1"}}}).at("limits"))); again != "map[API api:97 of 100 PLAN plan:0 of 3 ROUTE route:0 of 1]" {
		t.Errorf("explaining spends: %s", again)
	}
	// The hour goes by, and with it what was spent.
	h.pass(time.Hour)
	if r := call("/orders/1"); r.text("reason") != "ALLOWED" {
		t.Errorf("an hour later: %v", r)
	}
}

// A quota that nobody can decide about is an outage, and no refusal.
func TestQuotasNeverFallOpen(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	_, secret := h.key("acme", "ada", object{"quotas": []object{{"name": "q", "limit": 1000, "period": "DAY"}}})
	_ = h.store.Close()
	if code, out := h.post("/v1/keys:check", "", object{"key": secret}); code != http.StatusServiceUnavailable {
		t.Errorf("without a store: %d %s", code, out)
	}
}
