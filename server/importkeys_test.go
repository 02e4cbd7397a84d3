package server_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

func TestImport(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	h.user("acme", "ada", "developer")
	sum := sha256.Sum256([]byte("legacy-secret-0001"))
	keys := []object{
		{"userId": "ada", "digest": hex.EncodeToString(sum[:]), "scopes": []string{"orders.read"}},
		{"userId": "ada", "secret": h.note("legacy-secret-0002"), "displayName": "two"},
	}
	dry := h.call(200, "POST", "/v1/keys:import", admin, object{"keys": keys, "validateOnly": true})
	if dry.text("note") == "" || h.reason("legacy-secret-0001") != "KEY_NOT_FOUND" {
		t.Errorf("a dry run imported: %v", dry)
	}
	out := h.call(200, "POST", "/v1/keys:import", admin, object{"keys": keys})
	if len(out.at("keyIds").([]any)) != 2 {
		t.Errorf("imported: %v", out)
	}
	for _, s := range []string{"legacy-secret-0001", "legacy-secret-0002"} {
		if got := h.reason(h.note(s)); got != "ALLOWED" {
			t.Errorf("an imported key: %s", got)
		}
	}
	again := h.call(400, "POST", "/v1/keys:import", admin, object{"keys": []object{
		{"userId": "ada", "secret": "legacy-secret-0003"}, {"userId": "ada", "secret": "legacy-secret-0002"}, {"userId": "ada", "secret": "legacy-secret-0003"}}})
	if got := fields(again); got != "[keys[1].digest keys[2].digest]" {
		t.Errorf("duplicates: %s", got)
	}
	if got := h.reason("legacy-secret-0003"); got != "KEY_NOT_FOUND" {
		t.Errorf("half an import: %s", got)
	}
	bad := h.call(400, "POST", "/v1/keys:import", admin, object{"keys": []object{
		{"userId": "ada"}, {"userId": "", "digest": "zz"}, {"userId": "ada", "secret": "short"}, {"userId": "ada", "secret": "legacy-secret-0004", "scopes": []string{"not ok"}}}})
	if got := fields(bad); got != "[keys[0].digest keys[1].userId keys[1].digest keys[2].secret keys[3].scopes[0]]" {
		t.Errorf("faults: %s", got)
	}
	if got := fields(h.call(400, "POST", "/v1/keys:import", admin, object{"keys": []object{{"userId": "nobody", "secret": "legacy-secret-0005"}}})); got != "[keys[0].userId]" {
		t.Errorf("an unknown user: %s", got)
	}
	if events := h.trail("acme"); events[len(events)-1].text("action") != "keystile.keys.import" {
		t.Errorf("audited as %v", events[len(events)-1])
	}
}
