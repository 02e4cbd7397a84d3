package server_test

import (
	"testing"
)

func TestExplain(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	admin := h.member("acme", "admin", "admin")
	stranger := h.member("beta", "admin", "admin")
	h.user("acme", "ada", "guest")
	id, secret := h.key("acme", "ada", object{"allowedCidrs": []string{"203.0.113.0/24"}})
	refusal := h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "permission": "orders.read", "clientIp": "198.51.100.1"})
	for name, body := range map[string]object{
		"by decision": {"decisionId": refusal.text("decisionId")},
		"by key id":   {"keyId": id, "check": object{"permission": "orders.read", "clientIp": "198.51.100.1"}},
		"by secret":   {"check": object{"key": secret, "permission": "orders.read", "clientIp": "198.51.100.1"}},
	} {
		out := h.call(200, "POST", "/v1/keys:explain", admin, body)
		outcomes := map[string]string{}
		decisive := ""
		for _, s := range out.at("steps").([]any) {
			step := object(s.(map[string]any))
			outcomes[step.text("name")] = step.text("outcome")
			if step.at("decisive") == true {
				decisive = step.text("detail")
			}
		}
		if outcomes["key not expired"] != "PASSED" || outcomes["client address allowed"] != "FAILED" || outcomes["permission held"] != "FAILED" || outcomes["API known"] != "NOT_ASKED" {
			t.Errorf("%s: %v", name, outcomes)
		}
		if decisive != "the call came from 198.51.100.1; allowed are 203.0.113.0/24" {
			t.Errorf("%s: decisive %q", name, decisive)
		}
		if out.text("verdict", "reason") != "CLIENT_IP_DENIED" {
			t.Errorf("%s: %v", name, out.at("verdict"))
		}
		code, raw := h.post("/v1/keys:explain", stranger, body)
		if name == "by secret" {
			if code != 200 || decode(h, raw).text("verdict", "reason") != "KEY_NOT_FOUND" {
				t.Errorf("%s by another tenant's admin: %d %s", name, code, raw)
			}
		} else if code != 404 {
			t.Errorf("%s by another tenant's admin: %d %s", name, code, raw)
		}
	}
	// Another replica finds the refusal in the store, once it is flushed.
	eventually(t, func() bool { _, err := h.store.GetDecision(t.Context(), refusal.text("decisionId")); return err == nil })
	other := newHouse(t, houseOptions{store: h.store, unsynced: true})
	if err := other.mirror.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out := other.call(200, "POST", "/v1/keys:explain", admin, object{"decisionId": refusal.text("decisionId")}); out.text("past", "keyId") != id {
		t.Errorf("from another replica: %v", out.at("past"))
	}
	unknown := h.call(404, "POST", "/v1/keys:explain", admin, object{"decisionId": "dec_00000000000000000000000000"})
	if unknown.text("reason") != "DECISION_NOT_KEPT" {
		t.Errorf("a decision that was not kept: %v", unknown)
	}
	if got := fields(h.call(400, "POST", "/v1/keys:explain", admin, object{"keyId": id, "decisionId": refusal.text("decisionId")})); got != "[keyId]" {
		t.Errorf("two questions at once: %s", got)
	}
	nowhere := h.call(200, "POST", "/v1/keys:explain", admin, object{"keyId": id, "check": object{
		"clientIp": "203.0.113.1", "request": object{"method": "DELETE", "host": "nobody.test", "path": "/x"}}})
	outcomes := map[string]string{}
	for _, s := range nowhere.at("steps").([]any) {
		step := object(s.(map[string]any))
		outcomes[step.text("name")] = step.text("outcome")
	}
	if outcomes["API known"] != "FAILED" || outcomes["API not retired"] != "NOT_REACHED" || outcomes["permission held"] != "NOT_REACHED" {
		t.Errorf("a request to nowhere: %v", outcomes)
	}
	before := len(h.trail("acme"))
	h.call(200, "POST", "/v1/keys:explain", admin, object{"keyId": id})
	if after := len(h.trail("acme")); after != before {
		t.Error("an explanation left a trace in the trail")
	}
}

func TestExplainForTheAPIsTenant(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	h.hosts("acme", "api.acme.test")
	h.api("acme", "orders", nil, "GET /orders/**")
	owner := h.member("acme", "admin", "admin")
	bo := h.member("beta", "bo", "developer")
	refusal := h.asked(bo, "GET api.acme.test /orders/7?token=hush")
	out := h.call(200, "POST", "/v1/keys:explain", owner, object{"decisionId": refusal.text("decisionId")})
	if out.text("past", "reason") != "SUBSCRIPTION_REQUIRED" || out.text("past", "path") != "/orders/7" || out.text("past", "keyId") != "" || out.at("verdict") != nil {
		t.Errorf("got %v", out)
	}
	expired := h.call(200, "POST", "/v1/keys:check", "", object{"key": bo, "permission": "keystile.keys.create"})
	h.call(404, "POST", "/v1/keys:explain", owner, object{"decisionId": expired.text("decisionId")})
}
