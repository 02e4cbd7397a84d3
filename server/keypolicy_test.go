package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestKeyPolicy(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	h.user("acme", "ada", "developer")
	old, _ := h.key("acme", "ada", nil)
	h.call(200, "PATCH", "/v1/tenants/acme", admin, object{"tenant": object{"keyPolicy": object{
		"maxLifetime": "86400s", "defaultLifetime": "3600s", "maxKeysPerUser": 2, "requiredLabels": []string{"team"}, "allowedPrefixes": []string{"ks", "live"},
	}}})
	create := func(want int, more object) object {
		t.Helper()
		body := object{"userId": "ada", "labels": object{"team": "core"}}
		for k, v := range more {
			body[k] = v
		}
		return h.call(want, "POST", "/v1/keys", admin, object{"key": body})
	}
	refused := func(field string, out object) {
		t.Helper()
		if out.text("reason") != "POLICY_VIOLATION" || fields(out) != "["+field+"]" {
			t.Errorf("got %v, want a violation of %s", out, field)
		}
	}
	refused("key.labels.team", create(400, object{"labels": object{}}))
	refused("key.expireTime", create(400, object{"expireTime": time.Now().Add(48 * time.Hour).Format(time.RFC3339)}))
	refused("key.secretPrefix", create(400, object{"secretPrefix": "test"}))
	made := create(200, object{"secretPrefix": "live"})
	if !strings.HasPrefix(made.text("secret"), "live_") || made.text("key", "expireTime") == "" {
		t.Errorf("made: %v", made.at("key"))
	}
	if out := create(400, nil); out.text("reason") != "POLICY_VIOLATION" || !strings.Contains(out.text("detail"), "maxKeysPerUser") {
		t.Errorf("a third key: %v", out)
	}
	h.call(400, "POST", "/v1/keys/"+old+":rotate", admin, nil)
	h.call(400, "PATCH", "/v1/keys/"+old, admin, object{"key": object{"displayName": "x"}})
	list := h.call(200, "GET", "/v1/tenants/acme:policyViolations", admin, nil)
	var rules []string
	for _, v := range list.at("violations").([]any) {
		if o := object(v.(map[string]any)); o.text("keyId") == old {
			rules = append(rules, fmt.Sprint(o.at("rules")))
		}
	}
	if fmt.Sprint(rules) != "[[maxLifetime requiredLabels]]" {
		t.Errorf("violations: %v", list)
	}
	h.call(200, "PATCH", "/v1/keys/"+old, admin, object{"key": object{
		"labels": object{"team": "core"}, "expireTime": time.Now().Add(time.Hour).Format(time.RFC3339)}})
}
