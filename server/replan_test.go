package server_test

import (
	"strings"
	"testing"
	"time"
)

// Whoever may approve a subscription gives one that is approved another plan, another
// end, or none. What a request leaves out stays.
func TestAnApprovedSubscriptionGetsAnotherPlan(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	owner := h.member("acme", "admin", "admin")
	h.user("beta", "admin", "admin")
	_, subscriber := h.key("beta", "admin", nil)
	h.user("beta", "bo", "developer")
	_, secret := h.key("beta", "bo", nil)
	h.api("acme", "orders", nil, "GET /orders")
	for plan, requests := range map[string]int{"bronze": 2, "gold": 5} {
		h.call(200, "POST", "/v1/plans", h.root, object{"plan": object{"id": plan, "tenantId": "acme", "rateLimits": []object{
			{"name": "m", "requests": requests, "period": "3600s"},
		}}})
	}
	sub := h.subscribe("beta", "bo", "acme", "orders")
	approve := func(status int, body object) object {
		t.Helper()
		return h.call(status, "POST", "/v1/subscriptions/"+sub+":approve", owner, body)
	}
	check := func(reason, limit string) {
		t.Helper()
		r := h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "apiId": "orders", "apiTenantId": "acme"})
		got := ""
		if r.at("limit") != nil {
			got = r.text("limit", "limit")
		}
		if r.text("reason") != reason || got != limit {
			t.Errorf("got %s by a limit of %s, want %s by %s", r.text("reason"), got, reason, limit)
		}
	}
	shows := func(out object, plan, end string) {
		t.Helper()
		if out.text("subscription", "plan") != plan || out.text("subscription", "state") != "APPROVED" ||
			(end == "") != (out.at("subscription", "expireTime") == nil) || end != "" && out.text("subscription", "expireTime") != end {
			t.Errorf("got %v, want the plan %q until %q", out, plan, end)
		}
	}
	end := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	shows(approve(200, object{"plan": "bronze", "expireTime": end}), "bronze", end)
	check("ALLOWED", "2")

	// What was spent stays spent, as a limit goes by its name: half of it is left.
	first := approve(200, object{"plan": "gold", "requestId": "once"})
	shows(first, "gold", end)
	if first.text("propagation", "state") != "CONFIRMED" || first.text("revision") == "" {
		t.Errorf("changed: %v", first)
	}
	check("ALLOWED", "5")
	check("ALLOWED", "5")
	check("RATE_LIMITED", "5")
	etag := first.text("subscription", "etag")
	approve(409, object{"plan": "bronze", "etag": "1"})
	shows(approve(200, object{"plan": "", "etag": etag, "validateOnly": true}), "", end)
	shows(approve(200, object{"plan": "", "etag": etag}), "", end)
	check("ALLOWED", "")

	// A request that comes again is not carried out again.
	if again := approve(200, object{"plan": "gold", "requestId": "once"}); again.text("note") == "" {
		t.Errorf("the same request again: %v", again)
	}
	check("ALLOWED", "")
	later := time.Now().Add(96 * time.Hour).UTC().Truncate(time.Second).Format(time.RFC3339)
	shows(approve(200, object{"plan": "bronze", "expireTime": later}), "bronze", later)
	check("RATE_LIMITED", "2")
	for _, same := range []object{{}, {"plan": "bronze"}, {"plan": "bronze", "expireTime": later}} {
		out := approve(200, same)
		if shows(out, "bronze", later); out.text("note") == "" || out.text("revision") != "" {
			t.Errorf("nothing to change, by %v: %v", same, out)
		}
	}

	for plan, want := range map[string]string{"none": "[plan]", "Gold": "[plan]"} {
		if got := fields(approve(400, object{"plan": plan})); got != want {
			t.Errorf("the plan %q: %s", plan, got)
		}
	}
	h.call(403, "POST", "/v1/subscriptions/"+sub+":approve", subscriber, object{"plan": "gold"})
	h.call(403, "POST", "/v1/subscriptions/"+sub+":approve", secret, object{"plan": ""})
	h.call(200, "DELETE", "/v1/plans/gold", owner, nil) // nobody has it any more
	h.call(400, "DELETE", "/v1/plans/bronze", owner, nil)
	h.call(200, "POST", "/v1/subscriptions/"+sub+":pause", owner, nil)
	if out := approve(400, object{"plan": "bronze"}); !strings.Contains(out.text("detail"), "is PAUSED; only one that is PENDING or APPROVED") {
		t.Errorf("approving what is paused: %v", out)
	}
	for _, tenant := range []string{"acme", "beta"} {
		approved := 0
		for _, e := range h.trail(tenant) {
			if e.text("action") == "keystile.subscriptions.approve" && e.text("outcome") == "DONE" {
				approved++
			}
		}
		if approved != 4 {
			t.Errorf("the trail of %s has %d approvals", tenant, approved)
		}
	}
}
