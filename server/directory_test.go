package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// api makes an API of a tenant with routes, as "METHOD PATH [PERMISSION]" on
// every host.
func (h *house) api(tenant, id string, more object, routes ...string) {
	h.t.Helper()
	body := object{"id": id, "tenantId": tenant}
	for k, v := range more {
		body[k] = v
	}
	var list []object
	for _, r := range routes {
		parts := append(strings.Fields(r), "")
		list = append(list, object{"hosts": []string{"*"}, "methods": []string{parts[0]}, "path": parts[1], "permission": parts[2]})
	}
	body["routes"] = list
	h.call(200, "POST", "/v1/apis", h.root, object{"api": body})
}

// asked asks about a request by a key.
func (h *house) asked(secret, call string) object {
	h.t.Helper()
	p := strings.SplitN(call, " ", 3)
	return h.call(200, "POST", "/v1/keys:check", "", object{
		"key": secret, "request": object{"method": p[0], "host": p[1], "path": p[2]},
	})
}

func (h *house) hosts(tenant string, hosts ...string) {
	h.t.Helper()
	h.call(200, "PATCH", "/v1/tenants/"+tenant, h.root, object{"tenant": object{"hosts": hosts}})
}

func TestUsersLife(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	h.user("acme", "ada", "developer")
	_, secret := h.key("acme", "ada", nil)
	h.call(200, "POST", "/v1/users/ada:suspend", admin, nil)
	if got := h.call(200, "POST", "/v1/keys:check", "", object{"key": secret}).text("message"); got != "invalid user associated with this key" {
		t.Errorf("suspended: %s", got)
	}
	h.call(200, "POST", "/v1/users/ada:activate", admin, object{"tenantId": "acme"})
	if got := h.reason(secret); got != "ALLOWED" {
		t.Errorf("activated: %s", got)
	}
	h.call(200, "PATCH", "/v1/users/ada", admin, object{"user": object{"roles": []string{"guest"}, "displayName": "Ada"}, "updateMask": "roles"})
	read := h.call(200, "GET", "/v1/users/ada", admin, nil)
	if fmt.Sprint(read.at("user", "roles")) != "[guest]" || read.text("user", "displayName") != "" {
		t.Errorf("updated: %v", read)
	}
	h.call(409, "PATCH", "/v1/users/ada", admin, object{"user": object{"displayName": "x"}, "etag": "1"})
	if out := h.call(400, "DELETE", "/v1/users/ada", admin, nil); !strings.Contains(out.text("detail"), "1 live keys") {
		t.Errorf("deleting a user with a live key: %v", out)
	}
	out := h.call(200, "DELETE", "/v1/users/ada?cascade=true", admin, nil)
	if out.text("cascade", "keys") != "1" || out.text("user", "state") != "DELETED" {
		t.Errorf("deleted: %v", out)
	}
	if got := h.reason(secret); got != "KEY_NOT_FOUND" {
		t.Errorf("its key: %s", got)
	}
	h.call(404, "POST", "/v1/users/ada:activate", admin, nil)
	if h.call(200, "GET", "/v1/users/ada", admin, nil).text("user", "deleteTime") == "" {
		t.Error("a deleted user is not shown as such")
	}
	if n := len(h.call(200, "GET", "/v1/users", admin, nil).at("users").([]any)); n != 1 {
		t.Errorf("%d users listed", n)
	}
	if n := len(h.call(200, "GET", "/v1/users?showDeleted=true", admin, nil).at("users").([]any)); n != 2 {
		t.Errorf("%d users listed with deleted ones", n)
	}
	h.call(409, "POST", "/v1/users", admin, object{"user": object{"id": "ada", "kind": "PERSON"}})
	h.pass(31 * 24 * time.Hour)
	if out := h.call(200, "POST", "/v1/tenants:purge", h.root, nil); out.text("users") != "1" || out.text("keys") != "1" {
		t.Errorf("purged: %v", out)
	}
	h.call(400, "POST", "/v1/tenants:purge", h.root, object{"retention": "60s"})
	h.call(404, "GET", "/v1/users/ada", admin, nil)
}

func TestTenantsLife(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	secret := h.member("acme", "ada", "developer")
	h.hosts("acme", "api.acme.test", "*.apps.acme.test")
	for host, fields := range map[string]string{
		"API.acme.test.": "[tenant.hosts[0]]", "x.y.apps.acme.test": "[tenant.hosts[0]]", "*.acme.test": "[tenant.hosts[0]]", "*": "[tenant.hosts[0]]",
	} {
		out := h.call(400, "PATCH", "/v1/tenants/beta", h.root, object{"tenant": object{"hosts": []string{host}}})
		if fieldsOf(out) != fields {
			t.Errorf("claiming %s: %v", host, out)
		}
	}
	h.hosts("beta", "acme.test", "apps.acme.test")
	h.call(200, "POST", "/v1/tenants/acme:suspend", h.root, nil)
	if got := h.reason(secret); got != "TENANT_SUSPENDED" {
		t.Errorf("suspended: %s", got)
	}
	h.call(403, "GET", "/v1/whoami", secret, nil)
	h.call(200, "POST", "/v1/tenants/acme:activate", h.root, nil)
	h.call(400, "DELETE", "/v1/tenants/acme", h.root, nil)
	h.api("acme", "orders", nil, "GET /orders/**")
	out := h.call(200, "DELETE", "/v1/tenants/acme?cascade=true", h.root, nil)
	if out.text("cascade", "users") != "1" || out.text("cascade", "keys") != "1" || out.text("cascade", "apis") != "1" {
		t.Errorf("deleted: %v", out)
	}
	h.call(400, "PATCH", "/v1/tenants/beta", h.root, object{"tenant": object{"hosts": []string{"api.acme.test"}}})
	h.pass(31 * 24 * time.Hour)
	h.call(200, "POST", "/v1/tenants:purge", h.root, nil)
	h.hosts("beta", "api.acme.test")
	h.call(409, "POST", "/v1/tenants", h.root, object{"tenant": object{"id": "acme"}})
	h.call(400, "POST", "/v1/tenants/system:suspend", h.root, nil)
	h.call(400, "DELETE", "/v1/tenants/system?cascade=true", h.root, nil)
}

func fieldsOf(problem object) string { return fields(problem) }

func TestRolesAndTheirEffect(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	h.call(200, "POST", "/v1/roles", admin, object{"role": object{"id": "clerk", "permissions": []string{"orders.read", "keystile.keys.read"}}})
	secret := h.member("acme", "cleo", "clerk")
	may := func(permission string) any {
		t.Helper()
		return h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "permission": permission}).at("allowed")
	}
	if may("orders.read") != true || may("orders.write") != false {
		t.Error("the role does not hold what it says")
	}
	h.call(200, "GET", "/v1/keys", secret, nil)
	h.call(200, "PATCH", "/v1/roles/clerk", admin, object{"role": object{"permissions": []string{"orders.*"}}})
	if may("orders.write") != true {
		t.Error("a wider role is not in force")
	}
	h.call(403, "GET", "/v1/keys", secret, nil)
	h.call(400, "DELETE", "/v1/roles/clerk", admin, nil)
	h.call(200, "DELETE", "/v1/roles/clerk?cascade=true", admin, nil)
	if may("orders.read") != false {
		t.Error("a removed role still holds")
	}
	for _, id := range []string{"admin", "developer", "guest"} {
		h.call(400, "POST", "/v1/roles", admin, object{"role": object{"id": id, "permissions": []string{"*"}}})
		if h.call(200, "GET", "/v1/roles/"+id, admin, nil).at("role", "builtIn") != true {
			t.Errorf("%s is not built in", id)
		}
	}
	var ids []string
	token := ""
	h.call(200, "POST", "/v1/roles", admin, object{"role": object{"id": "Zed"}})
	for {
		page := h.call(200, "GET", "/v1/roles?pageSize=2&pageToken="+token, admin, nil)
		for _, r := range page.at("roles").([]any) {
			ids = append(ids, object(r.(map[string]any)).text("id"))
		}
		if token = page.text("nextPageToken"); token == "" {
			break
		}
	}
	if fmt.Sprint(ids) != "[admin developer guest Zed]" {
		t.Errorf("roles listed: %v", ids)
	}
}

// The tenant of an API sees what was decided about its API, and nothing else of
// another tenant's key.

// What lets preflights through is off unless somebody asks for it, and changes by
// the mask alone.
func TestAnAPIAllowsPreflights(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	is := func(step string, out object, want bool) {
		t.Helper()
		if got := out.at("api", "allowPreflight"); got != want {
			t.Errorf("%s: got %v, want %t", step, got, want)
		}
		if got := h.call(200, "GET", "/v1/apis/orders", admin, nil).at("api", "allowPreflight"); got != want {
			t.Errorf("%s, read again: got %v, want %t", step, got, want)
		}
	}
	change := func(mask string, api object) object {
		t.Helper()
		body := object{"api": api}
		if mask != "" {
			body["updateMask"] = mask
		}
		return h.call(200, "PATCH", "/v1/apis/orders", admin, body)
	}
	is("created", h.call(200, "POST", "/v1/apis", admin, object{"api": object{"id": "orders", "subscriptionRequired": true}}), false)
	is("allowed", change("", object{"allowPreflight": true}), true)
	if events := h.trail("acme"); events[len(events)-1].at("before", "allowPreflight") == true ||
		events[len(events)-1].at("after", "allowPreflight") != true {
		t.Errorf("audited as %v", events[len(events)-1])
	}
	is("renamed", change("displayName", object{"displayName": "Orders", "allowPreflight": false}), true)
	is("renamed without a mask", change("", object{"displayName": "Orders"}), true)
	out := change("allowPreflight", object{"displayName": "x", "subscriptionRequired": false})
	is("no longer", out, false)
	if out.text("api", "displayName") != "Orders" || out.at("api", "subscriptionRequired") != true {
		t.Errorf("the mask let more change: %v", out)
	}
	is("retired", h.call(200, "POST", "/v1/apis/orders:retire", admin, nil), false)
	if made := h.call(200, "POST", "/v1/apis", admin, object{"api": object{"id": "open", "allowPreflight": true}}); made.at("api", "allowPreflight") != true {
		t.Errorf("created open: %v", made)
	}
	if found := h.call(200, "GET", "/v1/apis?filter=allowPreflight%3Dtrue", admin, nil).at("apis").([]any); len(found) != 1 {
		t.Errorf("those that allow preflights: %v", found)
	}
	if out := h.call(400, "PATCH", "/v1/apis/open", admin, object{"api": object{"state": "RETIRED"}, "updateMask": "state"}); !strings.Contains(fmt.Sprint(out), "allowPreflight") {
		t.Errorf("the mask's text: %v", out)
	}
}
