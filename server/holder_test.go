package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHolder(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	_, secret := h.key("acme", "ada", object{"scopes": []string{"orders.read"}, "apis": []string{"orders", "beta/shop"}})
	me := h.call(200, "GET", "/v1/whoami", secret, nil)
	if me.text("identity", "userId") != "ada" || fmt.Sprint(me.at("identity", "permissions")) != "[orders.read]" || fmt.Sprint(me.at("apis")) != "[orders beta/shop]" {
		t.Errorf("whoami: %v", me)
	}
	h.call(401, "GET", "/v1/whoami", "", nil)
	out := h.call(200, "POST", "/v1/keys:revokeSelf", secret, object{"reason": "KEY_COMPROMISE", "note": "pasted into a chat"})
	if out.text("key", "state") != "REVOKED" {
		t.Errorf("revoked: %v", out)
	}
	if got := h.reason(secret); got != "KEY_REVOKED" {
		t.Errorf("afterwards: %s", got)
	}
	events := h.trail("acme")
	if last := events[len(events)-1]; last.text("action") != "keystile.keys.revokeSelf" || last.text("actor", "userId") != "ada" {
		t.Errorf("audited as %v", last)
	}
	h.call(400, "POST", "/v1/keys:revokeSelf", h.root, nil)
}

// A use is noted by the secret that was presented, and told of the key: of either
// secret of one that is being rotated, and of none that is gone when it is written.
func TestUsesOfRotatedAndDeletedKeys(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	rotated, before := h.key("acme", "ada", object{})
	after := h.call(200, "POST", "/v1/keys/"+rotated+":rotate", h.root, object{"gracePeriod": "3600s"}).text("secret")
	gone, last := h.key("acme", "ada", object{})
	for _, secret := range []string{before, after, last} {
		if got := h.reason(secret); got != "ALLOWED" {
			t.Fatal(got)
		}
	}
	h.call(200, "DELETE", "/v1/keys/"+gone, h.root, nil)
	h.service.FlushUsageForTest(t.Context())
	if h.call(200, "GET", "/v1/keys/"+rotated, h.root, nil).text("key", "lastUsedTime") == "" {
		t.Error("the use of a key with two secrets was not noted")
	}
}

func TestLastUsedAndFilters(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	used, secret := h.key("acme", "ada", object{"labels": object{"team": "core"}})
	unused, _ := h.key("acme", "ada", object{"displayName": "idle"})
	if got := h.reason(secret); got != "ALLOWED" {
		t.Fatal(got)
	}
	h.service.FlushUsageForTest(t.Context())
	if h.call(200, "GET", "/v1/keys/"+used, h.root, nil).text("key", "lastUsedTime") == "" ||
		h.call(200, "GET", "/v1/users/ada?tenantId=acme", h.root, nil).text("user", "lastUsedTime") == "" {
		t.Error("a use was not noted")
	}
	listed := func(filter string) string {
		t.Helper()
		var ids []string
		token := ""
		for {
			out := h.call(200, "GET", "/v1/keys?tenantId=acme&pageSize=1&filter="+strings.NewReplacer(" ", "%20", `"`, "%22", "=", "%3D").Replace(filter)+"&pageToken="+token, h.root, nil)
			for _, k := range out.at("keys").([]any) {
				ids = append(ids, object(k.(map[string]any)).text("id"))
			}
			if token = out.text("nextPageToken"); token == "" {
				return fmt.Sprint(ids)
			}
		}
	}
	h.pass(48 * time.Hour)
	if got, want := listed(`labels.team = core`), fmt.Sprint([]string{used}); got != want {
		t.Errorf("by label: %s", got)
	}
	if got, want := listed(`displayName = "idle" OR state = REVOKED`), fmt.Sprint([]string{unused}); got != want {
		t.Errorf("by name: %s", got)
	}
	if got, want := listed(`unusedSince = "24h"`), fmt.Sprint([]string{unused, used}); got != want {
		t.Errorf("unused for a day: %s", got)
	}
	if got, want := listed(`unusedSince = "72h"`), "[]"; got != want {
		t.Errorf("unused for three days: %s", got)
	}
	if got := fields(h.call(400, "GET", "/v1/keys?tenantId=acme&filter=nosuch%3D1", h.root, nil)); got != "[filter]" {
		t.Errorf("an unknown field: %s", got)
	}
}
