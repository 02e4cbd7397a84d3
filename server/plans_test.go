package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// plan makes a plan with a rate limit, as the operator.
func (h *house) plan(tenant, id string) {
	h.t.Helper()
	h.call(200, "POST", "/v1/plans", h.root, object{"plan": object{
		"id": id, "tenantId": tenant, "displayName": id, "rateLimits": []object{rateOf("m", 10)},
	}})
}

func rateOf(name string, requests int) object {
	return object{"name": name, "requests": requests, "period": "60s"}
}

func quotaOf(name string, limit int, period string) object {
	return object{"name": name, "limit": limit, "period": period}
}

// A plan is made, read, listed, changed and removed, each time with an event.
func TestPlansAreManaged(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	body := object{"plan": object{"id": "gold", "displayName": "Gold", "rateLimits": []object{rateOf("m", 10)}, "quotas": []object{
		{"name": "q", "limit": 100, "period": "DAY", "timeZone": "Europe/Berlin", "refill": "ADD"},
	}}, "requestId": "once"}
	dry := object{"plan": body["plan"], "validateOnly": true}
	if out := h.call(200, "POST", "/v1/plans", admin, dry); out.text("revision") != "" || out.at("propagation") != nil {
		t.Errorf("validated only: %v", out)
	}
	h.call(404, "GET", "/v1/plans/gold", admin, nil)
	made := h.call(200, "POST", "/v1/plans", admin, body)
	if made.text("plan", "etag") != "1" || made.text("plan", "tenantId") != "acme" || made.text("propagation", "state") != "CONFIRMED" {
		t.Errorf("made: %v", made)
	}
	if again := h.call(200, "POST", "/v1/plans", admin, body); again.text("note") == "" || again.text("plan", "etag") != "1" {
		t.Errorf("the same request again: %v", again)
	}
	h.call(409, "POST", "/v1/plans", admin, object{"plan": object{"id": "gold"}})
	want := `[map[burst:10 exact:false name:m period:60s requests:10]] [map[limit:100 name:q period:DAY refill:ADD timeZone:Europe/Berlin]]`
	read := h.call(200, "GET", "/v1/plans/gold?tenantId=acme", admin, nil)
	if got := fmt.Sprint(read.at("plan", "rateLimits"), read.at("plan", "quotas")); got != want {
		t.Errorf("read: got %s, want %s", got, want)
	}

	update := func(status int, plan object, more object) object {
		t.Helper()
		plan["tenantId"] = "acme"
		more["plan"] = plan
		return h.call(status, "PATCH", "/v1/plans/gold", admin, more)
	}
	update(200, object{"displayName": "Goldener"}, object{"etag": "1"})
	update(409, object{"displayName": "Golden"}, object{"etag": "1"})
	if out := update(200, object{"rateLimits": []object{rateOf("s", 5)}}, object{}); fmt.Sprint(out.at("plan", "quotas")) == "[]" ||
		out.text("plan", "displayName") != "Goldener" {
		t.Errorf("what was not named has changed: %v", out)
	}
	// What is in the mask, and not given, goes.
	if out := update(200, object{}, object{"updateMask": "quotas"}); len(out.at("plan", "quotas").([]any)) != 0 || len(out.at("plan", "rateLimits").([]any)) != 1 {
		t.Errorf("after the quotas were taken away: %v", out)
	}
	update(400, object{"displayName": "x"}, object{"updateMask": "id"})
	update(400, object{}, object{})
	// A name is taken by what is there already, too.
	if got := fields(update(400, object{"quotas": []object{quotaOf("s", 1, "DAY")}}, object{})); got != "[plan.quotas[0].name]" {
		t.Errorf("a quota by the name of a rate limit that is there: %s", got)
	}

	h.plan("acme", "iron")
	for filter, want := range map[string]int{"": 2, `?filter=displayName+%3D+"Goldener"`: 1, `?filter=displayName+%3D+"none"`: 0, "?pageSize=1": 1} {
		if out := h.call(200, "GET", "/v1/plans"+filter, admin, nil); len(out.at("plans").([]any)) != want {
			t.Errorf("plans by %q: got %v, want %d", filter, out, want)
		}
	}
	h.call(200, "DELETE", "/v1/plans/iron?validateOnly=true", admin, nil)
	h.call(409, "DELETE", "/v1/plans/iron?etag=7", admin, nil)
	h.call(200, "DELETE", "/v1/plans/iron?etag=1", admin, nil)
	h.call(404, "DELETE", "/v1/plans/iron", admin, nil)
	var actions []string
	for _, e := range h.trail("acme") {
		if e.text("target", "kind") == "plan" {
			actions = append(actions, strings.TrimPrefix(e.text("action"), "keystile.plans.")+" "+e.text("target", "id"))
		}
	}
	if got := fmt.Sprint(actions); got != "[create gold update gold update gold update gold create iron delete iron]" &&
		got != "[delete iron create iron update gold update gold update gold create gold]" {
		t.Errorf("the trail: got %s", got)
	}
	h.call(200, "DELETE", "/v1/tenants/acme?cascade=true", h.root, nil)
	h.call(404, "PATCH", "/v1/plans/gold", h.root, object{"plan": object{"tenantId": "acme", "displayName": "x"}})
}

// A plan that bounds subscriptions is not taken from under them.
func TestAPlanInUseStays(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	owner := h.member("acme", "admin", "admin")
	h.user("beta", "bo", "developer")
	h.user("beta", "cy", "developer")
	h.api("acme", "orders", nil, "GET /orders")
	h.plan("acme", "gold")
	h.plan("beta", "iron")
	bo, cy := h.subscribe("beta", "bo", "acme", "orders"), h.subscribe("beta", "cy", "acme", "orders")
	for _, plan := range []string{"iron", "Gold", "gold ", "none", strings.Repeat("g", 64), "keystile"} {
		if got := fields(h.call(400, "POST", "/v1/subscriptions/"+bo+":approve", owner, object{"plan": plan})); got != "[plan]" {
			t.Errorf("approved with the plan %q: %s", plan, got)
		}
	}
	h.call(400, "POST", "/v1/subscriptions/"+bo+":approve", owner, object{"plan": "none", "validateOnly": true})
	if out := h.call(200, "POST", "/v1/subscriptions/"+bo+":approve", owner, object{"plan": "gold"}); out.text("subscription", "plan") != "gold" {
		t.Errorf("approved: %v", out)
	}
	// Without a plan there is none to be bounded by.
	h.call(200, "POST", "/v1/subscriptions/"+cy+":approve", owner, nil)
	refused := func(state string) {
		t.Helper()
		out := h.call(400, "DELETE", "/v1/plans/gold", owner, nil)
		if out.text("reason") != "FAILED_PRECONDITION" || !strings.HasPrefix(out.text("detail"), "1 approved or paused") {
			t.Errorf("removing the plan of one that is %s: %v", state, out)
		}
	}
	refused("approved")
	h.call(200, "POST", "/v1/subscriptions/"+bo+":pause", owner, nil)
	refused("paused")
	h.call(200, "POST", "/v1/subscriptions/"+bo+":resume", owner, nil)
	refused("resumed")
	h.call(200, "DELETE", "/v1/subscriptions/"+bo, owner, nil)
	h.call(200, "DELETE", "/v1/plans/gold", owner, nil)
	out := h.call(200, "DELETE", "/v1/tenants/beta?cascade=true", h.root, nil)
	if out.text("cascade", "plans") != "1" {
		t.Errorf("a tenant goes with its plans: %v", out)
	}
}
