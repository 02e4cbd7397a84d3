package server_test

import (
	"crypto/sha256"
	"encoding/hex"
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
	h.clock.Move(31 * 24 * time.Hour)
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
	h.clock.Move(31 * 24 * time.Hour)
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
	h.clock.Move(2 * time.Hour)
	ask("SUBSCRIPTION_EXPIRED")
	h.clock.Move(-2 * time.Hour)
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

// The tenant of an API sees what was decided about its API, and nothing else of
// another tenant's key.
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
	h.clock.Move(48 * time.Hour)
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
