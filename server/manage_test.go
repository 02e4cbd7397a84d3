package server_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// object is a JSON object, read loosely.
type object map[string]any

// at follows a path of names; nil when it leads nowhere.
func (o object) at(names ...string) any {
	var v any = map[string]any(o)
	for _, n := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[n]
	}
	return v
}

func (o object) text(names ...string) string {
	s, _ := o.at(names...).(string)
	return s
}

// call makes a REST call that must be answered with a status.
func (h *house) call(want int, method, path, secret string, body any) object {
	h.t.Helper()
	code, raw, _ := h.send(method, path, secret, body)
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		h.t.Fatalf("%s %s: status %d, no JSON: %s", method, path, code, raw)
	}
	if code != want {
		h.t.Fatalf("%s %s: status %d, want %d: %s", method, path, code, want, raw)
	}
	h.note(out.text("secret"))
	return out
}

func (h *house) tenant(id string) {
	h.t.Helper()
	h.call(200, "POST", "/v1/tenants", h.root, object{"tenant": object{"id": id, "displayName": "A tenant"}})
}

func (h *house) user(tenant, id string, roles ...string) {
	h.t.Helper()
	h.call(200, "POST", "/v1/users", h.root, object{"user": object{"id": id, "tenantId": tenant, "kind": "PERSON", "roles": roles}})
}

// key issues a key as the operator, and gives its id and secret.
func (h *house) key(tenant, user string, more object) (id, secret string) {
	h.t.Helper()
	body := object{"tenantId": tenant, "userId": user, "displayName": "test"}
	for k, v := range more {
		body[k] = v
	}
	out := h.call(200, "POST", "/v1/keys", h.root, object{"key": body})
	return out.text("key", "id"), out.text("secret")
}

// member makes a user with a role and a key, and gives the secret.
func (h *house) member(tenant, user, role string) string {
	h.t.Helper()
	h.user(tenant, user, role)
	_, secret := h.key(tenant, user, nil)
	return secret
}

func (h *house) reason(secret string) string {
	h.t.Helper()
	return h.call(200, "POST", "/v1/keys:check", "", object{"key": secret}).text("reason")
}

func TestLifeOfAKey(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, secret := h.key("acme", "ada", object{
		"scopes": []string{"orders.read"}, "allowedCidrs": []string{"203.0.113.7/24", "2001:db8::1"},
		"labels": object{"team": "core"}, "expireTime": time.Now().Add(time.Hour).Format(time.RFC3339),
	})
	read := h.call(200, "GET", "/v1/keys/"+id, h.root, nil)
	if got := fmt.Sprint(read.at("key", "allowedCidrs")); got != "[203.0.113.0/24 2001:db8::1/128]" {
		t.Errorf("allowedCidrs %s", got)
	}
	if read.text("key", "currentSecret", "lastFour") != secret[len(secret)-4:] || read.text("key", "createdBy") != "system/admin" {
		t.Errorf("key %v", read)
	}
	check := h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "permission": "orders.read", "clientIp": "203.0.113.9", "cost": 1})
	if check.at("allowed") != true || check.text("identity", "keyId") != id || fmt.Sprint(check.at("identity", "permissions")) != "[orders.read]" {
		t.Errorf("check %v", check)
	}
	if w, ok := check.at("warnings").([]any); !ok || len(w) != 1 {
		t.Errorf("a key that ends in an hour gives warnings %v", check.at("warnings"))
	}
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "x"}, "updateMask": "displayName,allowedCidrs"})
	read = h.call(200, "GET", "/v1/keys/"+id, h.root, nil)
	if read.text("key", "displayName") != "x" || len(read.at("key", "allowedCidrs").([]any)) != 0 || read.text("key", "expireTime") == "" {
		t.Errorf("after the update: %v", read)
	}

	h.call(200, "POST", "/v1/keys/"+id+":disable", h.root, nil)
	if got := h.reason(secret); got != "KEY_DISABLED" {
		t.Errorf("disabled: %s", got)
	}
	h.call(200, "POST", "/v1/keys/"+id+":enable", h.root, object{})
	if got := h.reason(secret); got != "ALLOWED" {
		t.Errorf("enabled: %s", got)
	}
	h.pass(2 * time.Hour)
	if got := h.reason(secret); got != "KEY_EXPIRED" {
		t.Errorf("after its end: %s", got)
	}
	h.pass(-2 * time.Hour)
	h.call(200, "POST", "/v1/keys/"+id+":revoke", h.root, object{"reason": "KEY_COMPROMISE", "note": "seen in a gist"})
	out := h.call(200, "POST", "/v1/keys:check", "", object{"key": secret})
	if out.text("reason") != "KEY_REVOKED" || out.text("message") != "the API key was revoked (KEY_COMPROMISE)" {
		t.Errorf("revoked: %v", out)
	}
	for _, op := range []string{":enable", ":disable", ":rotate"} {
		h.call(400, "POST", "/v1/keys/"+id+op, h.root, nil)
	}
	if note := h.call(200, "POST", "/v1/keys/"+id+":revoke", h.root, nil).text("note"); note == "" {
		t.Error("a second revocation says nothing")
	}
	h.call(200, "DELETE", "/v1/keys/"+id, h.root, nil)
	if got := h.reason(secret); got != "KEY_NOT_FOUND" {
		t.Errorf("deleted: %s", got)
	}
	h.call(404, "DELETE", "/v1/keys/"+id, h.root, nil)
	if h.call(200, "GET", "/v1/keys/"+id, h.root, nil).text("key", "deleteTime") == "" {
		t.Error("a deleted key is not shown as such")
	}
}

func TestRotation(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, first := h.key("acme", "ada", nil)
	rotate := func(body any) string {
		t.Helper()
		out := h.call(200, "POST", "/v1/keys/"+id+":rotate", h.root, body)
		if out.text("key", "id") != id {
			t.Errorf("the id changed to %s", out.text("key", "id"))
		}
		return out.text("secret")
	}
	expect := func(secret, want string) {
		t.Helper()
		if got := h.reason(secret); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	second := rotate(nil)
	expect(first, "ALLOWED")
	expect(second, "ALLOWED")
	warned := h.call(200, "POST", "/v1/keys:check", "", object{"key": first})
	w, _ := warned.at("warnings").([]any)
	if len(w) != 1 || object(w[0].(map[string]any)).text("kind") != "SECRET_SUPERSEDED" || object(w[0].(map[string]any)).text("time") == "" {
		t.Errorf("warnings %v", w)
	}
	h.pass(24*time.Hour - time.Minute)
	expect(first, "ALLOWED")
	h.pass(time.Minute + time.Second)
	expect(first, "KEY_SUPERSEDED")
	expect(second, "ALLOWED")
	third := rotate(object{"gracePeriod": "3600s"})
	expect(second, "ALLOWED")
	fourth := rotate(object{"gracePeriod": "3600s"})
	expect(second, "KEY_SUPERSEDED")
	expect(third, "ALLOWED")
	fifth := rotate(object{"gracePeriod": "0s"})
	expect(fourth, "KEY_SUPERSEDED")
	expect(third, "KEY_SUPERSEDED")
	expect(fifth, "ALLOWED")
	for _, bad := range []string{"-1s", "7776001s"} {
		out := h.call(400, "POST", "/v1/keys/"+id+":rotate", h.root, object{"gracePeriod": bad})
		if fields(out) != "[gracePeriod]" {
			t.Errorf("gracePeriod %s: %v", bad, out)
		}
	}
}

// fields lists the fields that a problem names.
func fields(problem object) string {
	var out []string
	list, _ := problem.at("errors").([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		out = append(out, object(m).text("field"))
	}
	return fmt.Sprint(out)
}

func TestValidationNamesEveryField(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	out := h.call(400, "POST", "/v1/keys", h.root, object{
		"key": object{
			"tenantId": "Acme", "userId": "", "displayName": "a\u0000b", "scopes": []string{"ok.read", "not ok"},
			"allowedCidrs": []string{"10.0.0.0/33"}, "labels": object{"Bad": "x"}, "expireTime": "2001-01-01T00:00:00Z",
		},
		"requestId": "has blank",
	})
	want := "[requestId key.tenantId key.userId key.displayName key.scopes[1] key.allowedCidrs[0] key.labels[0] key.expireTime]"
	if got := fields(out); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if got := fields(h.call(400, "POST", "/v1/keys", h.root, object{"key": object{"id": "key_x", "userId": "ada", "state": "ACTIVE"}})); got != "[key.id key.state]" {
		t.Errorf("output-only fields: %s", got)
	}
	if got := fields(h.call(400, "POST", "/v1/keys", h.root, object{"key": object{"userId": "ada"}})); got != "[key.tenantId]" {
		t.Errorf("the operator must name the tenant: %s", got)
	}
	if got := fields(h.call(400, "POST", "/v1/users", h.root, object{"user": object{"id": ".x", "tenantId": "acme", "roles": []string{"nosuch", "", "nosuch"}}})); got != "[user.id user.kind user.roles[1] user.roles[2]]" {
		t.Errorf("user: %s", got)
	}
	if got := fields(h.call(400, "POST", "/v1/users", h.root, object{"user": object{"id": "x", "tenantId": "acme", "kind": "PERSON", "roles": []string{"admin", "nosuch"}}})); got != "[user.roles[1]]" {
		t.Errorf("unknown role: %s", got)
	}
	if got := fields(h.call(400, "POST", "/v1/keys:check", "", object{"key": "x", "permission": "a.*", "clientIp": "1.2.3.4:5", "cost": -1, "keyTenant": "A"})); got != "[permission keyTenant clientIp cost]" {
		t.Errorf("check: %s", got)
	}
	h.call(400, "POST", "/v1/keys:manage", h.root, object{})
	h.call(400, "POST", "/v1/keys:batchCheck", "", object{"checks": []object{}})
}

func TestRequestIDRepeats(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	body := object{"key": object{"tenantId": "acme", "userId": "ada"}, "requestId": "once"}
	first := h.call(200, "POST", "/v1/keys", h.root, body)
	again := h.call(200, "POST", "/v1/keys", h.root, body)
	if again.text("key", "id") != first.text("key", "id") || again.text("secret") != "" || again.text("note") == "" {
		t.Errorf("repeated: %v", again)
	}
	body["key"].(object)["displayName"] = "other"
	if got := fields(h.call(400, "POST", "/v1/keys", h.root, body)); got != "[requestId]" {
		t.Errorf("another request under the same id: %s", got)
	}
	id := first.text("key", "id")
	rotated := h.call(200, "POST", "/v1/keys/"+id+":rotate", h.root, object{"requestId": "turn"})
	repeated := h.call(200, "POST", "/v1/keys/"+id+":rotate", h.root, object{"requestId": "turn"})
	if repeated.text("secret") != "" || repeated.text("key", "etag") != rotated.text("key", "etag") {
		t.Errorf("a repeated rotation rotated again: %v", repeated)
	}
	user := object{"user": object{"id": "bo", "tenantId": "acme", "kind": "PERSON"}, "requestId": "bo-1"}
	h.call(200, "POST", "/v1/users", h.root, user)
	if h.call(200, "POST", "/v1/users", h.root, user).text("note") == "" {
		t.Error("a repeated user says nothing")
	}
	h.call(409, "POST", "/v1/users", h.root, object{"user": user["user"]})
}

func TestEtagAndValidateOnly(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	id, _ := h.key("acme", "ada", nil)
	old := h.call(200, "GET", "/v1/keys/"+id, h.root, nil).text("key", "etag")
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "a"}, "etag": old})
	stale := h.call(409, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "b"}, "etag": old})
	if stale.text("reason") != "CONFLICT" {
		t.Errorf("stale etag: %v", stale)
	}
	h.call(409, "DELETE", "/v1/keys/"+id+"?etag="+old, h.root, nil)
	dry := h.call(200, "POST", "/v1/keys", h.root, object{"key": object{"tenantId": "acme", "userId": "ada"}, "validateOnly": true})
	if dry.text("secret") != "" || dry.text("note") == "" || dry.text("key", "id") != "" {
		t.Errorf("validated only: %v", dry)
	}
	if n := len(h.call(200, "GET", "/v1/keys?tenantId=acme", h.root, nil).at("keys").([]any)); n != 1 {
		t.Errorf("%d keys after validating only", n)
	}
	if got := fields(h.call(400, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "x"}, "updateMask": "state"})); got != "[updateMask]" {
		t.Errorf("mask of an output field: %s", got)
	}
	h.call(400, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{}})
	if got := fields(h.call(400, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "x", "state": "ACTIVE"}})); got != "[key.state]" {
		t.Errorf("an output field without a mask: %s", got)
	}
	if got := fields(h.call(400, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "x", "tenantId": "system", "userId": "bo"}})); got != "[key.tenantId key.userId]" {
		t.Errorf("moving a key: %s", got)
	}
}

func TestPages(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	h.user("acme", "bo", "developer")
	for range 5 {
		h.key("acme", "ada", nil)
	}
	seen := map[string]bool{}
	token := ""
	for page := range 3 {
		out := h.call(200, "GET", "/v1/keys?tenantId=acme&pageSize=2&pageToken="+token, h.root, nil)
		for _, k := range out.at("keys").([]any) {
			seen[object(k.(map[string]any)).text("id")] = true
		}
		if token = out.text("nextPageToken"); (token == "") != (page == 2) {
			t.Fatalf("page %d has token %q", page, token)
		}
		h.key("acme", "bo", nil) // newer than every page
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 keys seen", len(seen))
	}
	token = h.call(200, "GET", "/v1/keys?tenantId=acme&pageSize=2", h.root, nil).text("nextPageToken")
	for _, query := range []string{"tenantId=acme&userId=ada", "tenantId=system", "tenantId=acme&showDeleted=true"} {
		if got := fields(h.call(400, "GET", "/v1/keys?"+query+"&pageToken="+token, h.root, nil)); got != "[pageToken]" {
			t.Errorf("token at %s: %s", query, got)
		}
	}
	for _, bad := range []string{"x", "e30", token + "A"} {
		h.call(400, "GET", "/v1/keys?tenantId=acme&pageToken="+bad, h.root, nil)
	}
	h.call(400, "GET", "/v1/keys?tenantId=acme&pageSize=1001", h.root, nil)
}

func decode(h *house, raw []byte) object {
	h.t.Helper()
	var out object
	if err := json.Unmarshal(raw, &out); err != nil {
		h.t.Fatalf("%v in %s", err, raw)
	}
	h.note(out.text("secret"))
	return out
}
