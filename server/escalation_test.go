package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// fails makes a call, "METHOD PATH", that must end with a status, and goes on if
// it does not.
func (h *house) fails(want int, what, secret, call string, body any) {
	h.t.Helper()
	method, path, _ := strings.Cut(call, " ")
	code, raw, _ := h.send(method, path, secret, body)
	if code != want {
		h.t.Errorf("%s: %s: status %d, want %d: %s", what, call, code, want, raw)
	}
	h.note(decode(h, raw).text("secret"))
}

// role makes a role, as the operator.
func (h *house) role(tenant, id string, permissions ...string) {
	h.t.Helper()
	h.call(200, "POST", "/v1/roles", h.root, object{"role": object{"id": id, "tenantId": tenant, "permissions": permissions}})
}

// clerks gives a tenant with an admin, and a clerk who may write all that is in
// it, but holds little.
func (h *house) clerks() (admin, clerk string) {
	h.t.Helper()
	h.tenant("acme")
	h.role("acme", "clerk", "keystile.roles.*", "keystile.users.*", "keystile.keys.*", "orders.read")
	return h.member("acme", "admin", "admin"), h.member("acme", "clerk", "clerk")
}

func roleOf(tenant, id string, permissions ...string) object {
	return object{"role": object{"id": id, "tenantId": tenant, "permissions": permissions}}
}

func userOf(tenant, id string, roles ...string) object {
	return object{"user": object{"id": id, "tenantId": tenant, "kind": "PERSON", "roles": roles}}
}

// A role holds no more than who writes it.
func TestEscalationByRole(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, clerk := h.clerks()
	h.role("acme", "small")
	for _, p := range []string{"*", "orders.*", "orders.write", "keystile.*", "keystile.keys.*.x", "keystile.audit.read", "keystile.tenants.*", "keystilex.read", "keystile"} {
		want := 403
		if p == "keystile.keys.*.x" {
			want = 400
		}
		h.fails(want, "a clerk writes a role with "+p, clerk, "POST /v1/roles", roleOf("acme", "new", p))
		h.fails(want, "beside what it holds", clerk, "POST /v1/roles", roleOf("acme", "new", "orders.read", p))
		h.fails(want, "a clerk widens a role to "+p, clerk, "PATCH /v1/roles/small", roleOf("acme", "small", p))
		h.fails(want, "a clerk widens its own role to "+p, clerk, "PATCH /v1/roles/clerk", roleOf("acme", "clerk", p))
	}
	h.fails(403, "not even an admin holds what only looks like management", admin, "POST /v1/roles", roleOf("acme", "new", "keystilex.read"))
	h.fails(200, "a clerk gives on what it holds", clerk, "POST /v1/roles", roleOf("acme", "same", "orders.read", "keystile.keys.read"))
	_, narrow := h.key("acme", "clerk", object{"scopes": []string{"keystile.roles.*", "orders.*"}})
	h.fails(403, "what the scopes took away can't be given", narrow, "POST /v1/roles", roleOf("acme", "new", "keystile.keys.read"))
	h.fails(403, "a scope gives nothing", narrow, "POST /v1/roles", roleOf("acme", "new", "orders.write"))
	for _, builtIn := range []string{"admin", "developer", "guest"} {
		h.fails(400, "a role is called like a built-in one", admin, "POST /v1/roles", roleOf("acme", builtIn, "orders.read"))
		h.fails(400, "a built-in role is changed", h.root, "PATCH /v1/roles/"+builtIn, roleOf("acme", builtIn, "*"))
		h.fails(400, "a built-in role is deleted", h.root, "DELETE /v1/roles/"+builtIn+"?tenantId=acme&cascade=true", nil)
	}
	// Nor does a record that bears such a name, however it came there, hold anything.
	h.write(func(tx storage.Tx) error {
		return tx.CreateRole(&storage.Role{TenantID: "acme", ID: "guest", Permissions: []string{"*", "keystile.*"}})
	})
	h.fails(403, "a guest by a planted role", h.member("acme", "gil", "guest"), "GET /v1/users", nil)
}

// Who had a role has no part in another one that is given its name.
func TestEscalationByReusedRoleName(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, _ := h.clerks()
	h.role("acme", "shop", "orders.read")
	secret := h.member("acme", "ada", "shop")
	h.fails(400, "a role that somebody has is deleted", admin, "DELETE /v1/roles/shop", nil)
	h.fails(200, "with cascade", admin, "DELETE /v1/roles/shop?cascade=true", nil)
	h.fails(200, "the name is used again", admin, "POST /v1/roles", roleOf("acme", "shop", "keystile.*"))
	h.fails(403, "who had the first", secret, "GET /v1/users", nil)
}

// Operator permissions can be held in the operator's tenant alone, by who was
// given them by somebody who holds them.
func TestEscalationToOperator(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, _ := h.clerks()
	h.tenant("beta")
	h.role("acme", "small")
	h.role("system", "ops", "keystile.tenants.read")
	_, scoped := h.key("system", "admin", object{"scopes": []string{"keystile.roles.*", "keystile.users.*", "keystile.keys.*", "keystile.tenants.read"}})
	for _, p := range []string{"keystile.tenants.reach", "keystile.tenants.create", "keystile.tenants.suspend", "keystile.tenants.activate", "keystile.tenants.delete", "keystile.tenants.purge"} {
		h.fails(400, "an admin writes a role with "+p, admin, "POST /v1/roles", roleOf("acme", "new", p))
		h.fails(400, "without naming the tenant", admin, "POST /v1/roles", object{"role": object{"id": "new", "permissions": []string{p}}})
		h.fails(400, "the operator gives it to a tenant", h.root, "POST /v1/roles", roleOf("acme", "new", p))
		h.fails(400, "an admin widens a role to "+p, admin, "PATCH /v1/roles/small", object{"role": object{"permissions": []string{p}}})
		h.fails(404, "an admin says it is the operator's", admin, "POST /v1/roles", roleOf("system", "new", p))
		h.fails(404, "or changes the operator's", admin, "PATCH /v1/roles/small", roleOf("system", "small", p))
		h.fails(403, "a scoped operator writes a role with "+p, scoped, "POST /v1/roles", roleOf("system", "new", p))
		h.fails(403, "a scoped operator widens a role to "+p, scoped, "PATCH /v1/roles/ops", roleOf("system", "ops", "keystile.tenants.read", p))
		h.fails(200, "the operator may", h.root, "PATCH /v1/roles/ops", object{"role": object{"tenantId": "system", "permissions": []string{p}}, "validateOnly": true})
		h.fails(200, "the operator may, its tenant being the default", h.root, "PATCH /v1/roles/ops", object{"role": object{"permissions": []string{p}}, "validateOnly": true})
	}
	for _, p := range []string{"keystile.tenants.*", "keystile.*", "*"} {
		h.fails(403, "a scoped operator writes a role with "+p, scoped, "POST /v1/roles", roleOf("system", "new", p))
	}
	h.fails(403, "a scoped operator makes an admin", scoped, "POST /v1/users", userOf("system", "x", "admin"))
	h.fails(404, "a scoped operator has no reach", scoped, "GET /v1/users/admin?tenantId=acme", nil)
	// Reach that is held in another tenant, by wildcard or planted in the store, does nothing.
	h.fails(200, "an admin gives on what it holds", admin, "POST /v1/roles", roleOf("acme", "wide", "keystile.tenants.*", "keystile.users.*"))
	h.write(func(tx storage.Tx) error {
		return tx.CreateRole(&storage.Role{TenantID: "acme", ID: "planted", Permissions: []string{access.PermTenantsReach, access.PermTenantsCreate, access.PermTenantsSuspend, "keystile.users.*"}})
	})
	for _, role := range []string{"wide", "planted"} {
		secret := h.member("acme", role, role)
		h.fails(404, role+" reads another tenant's users", secret, "GET /v1/users?tenantId=beta", nil)
		h.fails(404, role+" makes a user of the operator", secret, "POST /v1/users", userOf("system", "x"))
		h.fails(403, role+" makes a tenant", secret, "POST /v1/tenants", object{"tenant": object{"id": "gamma"}})
		h.fails(403, role+" suspends a tenant", secret, "POST /v1/tenants/beta:suspend", nil)
		h.fails(403, role+" purges", secret, "POST /v1/tenants:purge", nil)
	}
	// The operator's own developer has no reach either.
	h.fails(404, "the operator's developer reads keys", h.member("system", "dev", "developer"), "GET /v1/keys?tenantId=acme", nil)
}

// A user is given no more than who gives it, and neither is a key.
func TestEscalationByUser(t *testing.T) {
	h := newHouse(t, houseOptions{})
	_, clerk := h.clerks()
	h.user("acme", "boss", "admin")
	bossID, _ := h.key("acme", "boss", nil)
	h.user("acme", "ada")
	for _, role := range []string{"admin", "developer", "guest"} {
		h.fails(403, "a clerk makes a user that is "+role, clerk, "POST /v1/users", userOf("acme", "new", role))
		h.fails(403, "among others", clerk, "POST /v1/users", userOf("acme", "new", "clerk", role))
		h.fails(403, "a clerk makes a user "+role, clerk, "PATCH /v1/users/ada", userOf("acme", "ada", role))
		h.fails(403, "a clerk makes itself "+role, clerk, "PATCH /v1/users/clerk", userOf("acme", "clerk", "clerk", role))
	}
	h.fails(403, "a clerk changes who goes on being more", clerk, "PATCH /v1/users/boss", object{"user": object{"displayName": "x"}})
	h.fails(200, "a clerk makes another", clerk, "POST /v1/users", userOf("acme", "clerk-2", "clerk"))
	h.call(200, "POST", "/v1/users/boss:suspend", h.root, object{"tenantId": "acme"})
	h.fails(403, "a clerk activates who is more", clerk, "POST /v1/users/boss:activate", nil)
	h.fails(403, "a clerk gives who is more a new name, suspended or not", clerk, "PATCH /v1/users/boss", object{"user": object{"displayName": "x"}})
	if got := h.call(200, "GET", "/v1/users/boss?tenantId=acme", h.root, nil).text("user", "state"); got != "SUSPENDED" {
		t.Errorf("the boss is %s", got)
	}
	h.call(200, "POST", "/v1/users/boss:activate", h.root, object{"tenantId": "acme"})
	h.fails(403, "a clerk makes a key for who is more", clerk, "POST /v1/keys", object{"key": object{"userId": "boss"}})
	h.fails(403, "a clerk rotates the key of who is more", clerk, "POST /v1/keys/"+bossID+":rotate", nil)
	mine, theirs := object{"secret": "foreign-secret-00001", "userId": "clerk"}, object{"secret": "foreign-secret-00002", "userId": "boss"}
	h.fails(403, "a clerk imports a secret for who is more", clerk, "POST /v1/keys:import", object{"keys": []object{theirs}})
	h.fails(403, "a clerk imports a digest for who is more", clerk, "POST /v1/keys:import", object{"keys": []object{{"digest": strings.Repeat("ab", 32), "userId": "boss"}}})
	h.fails(403, "hidden among its own", clerk, "POST /v1/keys:import", object{"keys": []object{mine, theirs}})
	if got := h.reason("foreign-secret-00001") + " " + h.reason("foreign-secret-00002"); got != "KEY_NOT_FOUND KEY_NOT_FOUND" {
		t.Errorf("of a refused import: %s", got)
	}
	theirs["scopes"] = []string{"orders.read"}
	h.fails(200, "narrowed to what it holds", clerk, "POST /v1/keys:import", object{"keys": []object{mine, theirs}})
	h.fails(403, "and the narrow key is widened", clerk, "PATCH /v1/keys/"+h.keyOf("acme", "boss"), object{"key": object{"scopes": []string{"*"}}})
}

// keyOf gives a user's newest key.
func (h *house) keyOf(tenant, user string) string {
	h.t.Helper()
	list, _ := h.call(200, "GET", "/v1/keys?tenantId="+tenant+"&userId="+user, h.root, nil).at("keys").([]any)
	if len(list) == 0 {
		h.t.Fatalf("%s/%s has no key", tenant, user)
	}
	return object(list[0].(map[string]any)).text("id")
}

// A scope narrows, and a key that is restricted to APIs manages nothing.
func TestEscalationByKey(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.clerks()
	h.user("acme", "dev", "developer")
	h.api("acme", "orders", nil, "GET /orders")
	keys := map[string]string{
		"scope *":                        second(h.key("acme", "admin", object{"scopes": []string{"*"}})),
		"scope * of the operator":        second(h.key("system", "admin", object{"scopes": []string{"*"}})),
		"a developer's scope keystile.*": second(h.key("acme", "dev", object{"scopes": []string{"keystile.users.*", "keystile.roles.*", "*"}})),
		"restricted":                     second(h.key("acme", "admin", object{"apis": []string{"orders"}})),
		"restricted, scope keystile.*":   second(h.key("acme", "admin", object{"apis": []string{"orders"}, "scopes": []string{"keystile.*", "*"}})),
		"restricted, of the operator":    second(h.key("system", "admin", object{"apis": []string{"orders"}})),
	}
	id, own := h.key("acme", "admin", object{"apis": []string{"orders"}})
	for name, secret := range keys {
		for call, body := range map[string]any{
			"POST /v1/keys": object{"key": object{"tenantId": "acme", "userId": "dev"}}, "POST /v1/keys/" + id + ":rotate": nil, "DELETE /v1/keys/" + id: nil,
			"POST /v1/users": userOf("acme", "x"), "GET /v1/users": nil, "POST /v1/users/dev:suspend": object{"tenantId": "acme"},
			"POST /v1/roles": roleOf("acme", "x"), "POST /v1/apis": object{"api": object{"id": "x", "tenantId": "acme"}}, "GET /v1/apis": nil,
			"PATCH /v1/tenants/acme": object{"tenant": object{"displayName": "x"}}, "POST /v1/tenants": object{"tenant": object{"id": "x"}}, "GET /v1/auditEvents": nil,
			"POST /v1/keys:explain": object{"keyId": id}, "POST /v1/keys:import": object{"tenantId": "acme", "keys": []object{{"secret": "foreign-secret-00003", "userId": "dev"}}},
		} {
			h.fails(403, name, secret, call, body)
		}
	}
	h.fails(403, "a restricted key frees itself", own, "PATCH /v1/keys/"+id, object{"key": object{}, "updateMask": "apis"})
	_, clerk := h.key("acme", "admin", object{"scopes": []string{"keystile.keys.*", "orders.read"}})
	h.fails(403, "a lesser key frees it", clerk, "PATCH /v1/keys/"+id, object{"key": object{}, "updateMask": "apis"})
	h.fails(403, "a lesser key rotates it", clerk, "POST /v1/keys/"+id+":rotate", nil)
	h.fails(400, "an API called keystile", h.root, "POST /v1/keys", object{"key": object{"tenantId": "acme", "userId": "admin", "apis": []string{"keystile"}}})
}

// No name of an API, a route's permission or a secret's prefix comes near Keystile's own.
func TestEscalationByReservedName(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, _ := h.clerks()
	h.api("acme", "billing", nil, "GET /billing")
	h.api("acme", "orders", nil, "GET /orders")
	apiOf := func(tenant, id, permission string) object {
		return object{"api": object{"id": id, "tenantId": tenant, "routes": []object{{"hosts": []string{"*"}, "methods": []string{"GET"}, "path": "/x", "permission": permission}}}}
	}
	for _, id := range []string{"keystile", "keystilex", "keystile-keys", "keystile_", "Keystile"} {
		h.fails(400, "an API is called "+id, admin, "POST /v1/apis", apiOf("acme", id, ""))
		h.fails(400, "an API of the operator is called "+id, h.root, "POST /v1/apis", apiOf("system", id, ""))
	}
	for _, p := range []string{"keystile.keys.create", "keystile.orders.read", "keystile", "billing.read", "ordersx.read", "orders", "orders.", "orders.*", "*", "keystile.*"} {
		h.fails(400, "a route's permission is "+p, admin, "POST /v1/apis", apiOf("acme", "shop", p))
		h.fails(400, "a route's permission becomes "+p, admin, "PATCH /v1/apis/orders", apiOf("acme", "orders", p))
		h.fails(400, "a route of the operator's", h.root, "POST /v1/apis", apiOf("system", "shop", p))
	}
	h.fails(200, "its own", admin, "PATCH /v1/apis/orders", apiOf("acme", "orders", "orders.secret.read"))
	for _, prefix := range []string{"keystile", "keystile_", "keystilex", "keystile_live"} {
		h.fails(400, "a tenant's prefix", h.root, "POST /v1/tenants", object{"tenant": object{"id": "new", "secretPrefix": prefix}})
		h.fails(400, "a tenant's prefix becomes", admin, "PATCH /v1/tenants/acme", object{"tenant": object{"secretPrefix": prefix}})
		h.fails(400, "a policy's prefix", admin, "PATCH /v1/tenants/acme", object{"tenant": object{"keyPolicy": object{"allowedPrefixes": []string{"ks", prefix}}}})
		h.fails(400, "a key's prefix", admin, "POST /v1/keys", object{"key": object{"userId": "admin", "secretPrefix": prefix}})
	}
}

// Nothing moves from one tenant, or one user, to another.
func TestEscalationByMoving(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, _ := h.clerks()
	h.tenant("beta")
	h.user("acme", "ada", "developer")
	h.user("acme", "twin", "guest")
	h.user("beta", "twin", "guest")
	h.role("acme", "shop", "orders.read")
	h.api("acme", "orders", nil, "GET /orders")
	id, _ := h.key("acme", "ada", nil)
	for _, tenant := range []string{"beta", "system", "nosuch"} {
		h.fails(404, "an admin moves a user", admin, "PATCH /v1/users/ada", userOf(tenant, "ada", "admin"))
		h.fails(404, "the operator moves a user", h.root, "PATCH /v1/users/ada", userOf(tenant, "ada", "admin"))
		h.fails(404, "an admin changes a namesake", admin, "PATCH /v1/users/twin", userOf(tenant, "twin", "admin"))
		h.fails(404, "an admin makes a user there", admin, "POST /v1/users", userOf(tenant, "new"))
		h.fails(404, "an admin makes a role there", admin, "POST /v1/roles", roleOf(tenant, "new", "orders.read"))
		h.fails(404, "an admin moves a role", admin, "PATCH /v1/roles/shop", roleOf(tenant, "shop", "orders.read"))
		h.fails(404, "an admin moves an API", admin, "PATCH /v1/apis/orders", object{"api": object{"tenantId": tenant, "displayName": "x"}})
		h.fails(404, "an admin makes a key there", admin, "POST /v1/keys", object{"key": object{"tenantId": tenant, "userId": "admin"}})
		h.fails(404, "an admin imports a key there", admin, "POST /v1/keys:import", object{"tenantId": tenant, "keys": []object{{"secret": "foreign-secret-00004", "userId": "admin"}}})
	}
	for _, mask := range []string{"tenantId", "user.tenantId", "id", "*", "state"} {
		h.fails(400, "a mask of "+mask, h.root, "PATCH /v1/users/ada", object{"user": object{"tenantId": "acme"}, "updateMask": mask})
	}
	for _, mask := range []string{"tenantId", "userId", "secretPrefix", "*"} {
		h.fails(400, "a key's mask of "+mask, admin, "PATCH /v1/keys/"+id, object{"key": object{"tenantId": "beta", "userId": "admin"}, "updateMask": mask})
	}
	h.fails(400, "another id than the path's", admin, "PATCH /v1/users/ada", userOf("acme", "twin", "guest"))
	// What a mask does not name, or can't, changes nothing.
	_, _, _ = h.send("PATCH", "/v1/keys/"+id, admin, object{"key": object{"tenantId": "beta", "userId": "admin", "displayName": "x"}})
	key := h.call(200, "GET", "/v1/keys/"+id, admin, nil)
	if got := key.text("key", "tenantId") + "/" + key.text("key", "userId"); got != "acme/ada" {
		t.Errorf("the key is of %s", got)
	}
	for user, want := range map[string]string{"acme ada": "[developer]", "acme twin": "[guest]", "beta twin": "[guest]"} {
		tenant, name, _ := strings.Cut(user, " ")
		if got := fmt.Sprint(h.call(200, "GET", "/v1/users/"+name+"?tenantId="+tenant, h.root, nil).at("user", "roles")); got != want {
			t.Errorf("%s has %s, want %s", user, got, want)
		}
	}
	h.call(404, "GET", "/v1/users/ada?tenantId=beta", h.root, nil)
	h.call(404, "GET", "/v1/users/ada?tenantId=system", h.root, nil)
}
