package server_test

import (
	"fmt"
	"testing"
)

// Nobody loosens limits of their own key or user; whoever may write those of others
// may tighten its own, too.
func TestEscalationByLimits(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, _ := h.clerks()
	h.role("acme", "registrar", "keystile.keys.*", "keystile.users.update", "orders.read")
	registrar := h.member("acme", "registrar", "registrar")
	h.user("acme", "eve", "registrar")
	others, _ := h.key("acme", "eve", nil)
	sibling, _ := h.key("acme", "registrar", nil)
	own := h.call(200, "GET", "/v1/whoami", registrar, nil).text("identity", "keyId")
	keyLimits := func(rates ...object) object {
		return object{"key": object{"rateLimits": rates}, "updateMask": "rateLimits"}
	}
	userLimits := func(quotas ...object) object {
		return object{"user": object{"tenantId": "acme", "quotas": quotas}, "updateMask": "quotas"}
	}
	for _, id := range []string{own, sibling, others} {
		h.call(200, "PATCH", "/v1/keys/"+id, admin, object{"key": object{"rateLimits": []object{rateOf("m", 10)}}})
	}
	for _, id := range []string{"registrar", "eve"} {
		h.call(200, "PATCH", "/v1/users/"+id, admin, userLimits(quotaOf("q", 100, "DAY")))
	}
	for _, id := range []string{own, sibling} {
		call := "PATCH /v1/keys/" + id
		h.fails(403, "raises its own limit", registrar, call, keyLimits(rateOf("m", 11)))
		h.fails(403, "raises its own burst", registrar, call, keyLimits(with(rateOf("m", 10), object{"burst": 11})))
		h.fails(403, "removes its own limit", registrar, call, keyLimits())
		h.fails(403, "renames its own limit", registrar, call, keyLimits(rateOf("n", 10)))
		h.fails(403, "shows that it could", registrar, call, with(keyLimits(), object{"validateOnly": true}))
		h.fails(200, "leaves it as it is", registrar, call, keyLimits(rateOf("m", 10)))
		h.fails(200, "changes its name", registrar, call, object{"key": object{"displayName": "x"}})
		h.fails(200, "adds a limit", registrar, call, keyLimits(rateOf("m", 10), rateOf("n", 1)))
		h.fails(200, "lowers its own limit", registrar, call, keyLimits(rateOf("m", 9), rateOf("n", 1)))
		h.fails(403, "raises it again", registrar, call, keyLimits(rateOf("m", 10), rateOf("n", 1)))
		h.fails(403, "removes what it added", registrar, call, keyLimits(rateOf("m", 9)))
	}
	h.fails(200, "raises another's limit", registrar, "PATCH /v1/keys/"+others, keyLimits(rateOf("m", 11)))
	h.fails(200, "removes another's limit", registrar, "PATCH /v1/keys/"+others, keyLimits())
	call := "PATCH /v1/users/registrar"
	h.fails(403, "raises its own user's quota", registrar, call, userLimits(quotaOf("q", 101, "DAY")))
	h.fails(403, "shortens its period", registrar, call, userLimits(quotaOf("q", 100, "HOUR")))
	h.fails(403, "removes it", registrar, call, userLimits())
	h.fails(200, "lowers it", registrar, call, userLimits(quotaOf("q", 99, "DAY")))
	h.fails(200, "removes another user's", registrar, "PATCH /v1/users/eve", userLimits())

	// An administrator may, since it may make limits whole again.
	self := h.call(200, "GET", "/v1/whoami", admin, nil).text("identity", "keyId")
	h.fails(200, "an admin bounds itself", admin, "PATCH /v1/keys/"+self, keyLimits(rateOf("m", 10)))
	h.fails(200, "and no longer", admin, "PATCH /v1/keys/"+self, keyLimits())
	_, narrow := h.key("acme", "admin", object{"scopes": []string{"keystile.keys.*", "orders.*"}})
	h.fails(403, "but not by a key without that scope", narrow, "PATCH /v1/keys/"+self, keyLimits(rateOf("m", 10)))
	h.fails(403, "which sets none on a stronger key", narrow, "PATCH /v1/keys/"+self, keyLimits())

	eventually(t, func() bool {
		for _, e := range h.trail("acme") {
			if e.text("outcome") == "REFUSED" && e.text("action") == "/keystile.v1.DirectoryService/UpdateUser" {
				return true
			}
		}
		return false
	})
}

// A tenant's limits are the operator's bound on it.
func TestEscalationByATenantsLimits(t *testing.T) {
	h := newHouse(t, houseOptions{})
	admin, _ := h.clerks()
	_, scoped := h.key("system", "admin", object{"scopes": []string{"keystile.tenants.update", "keystile.tenants.read"}})
	limits := object{"tenant": object{"rateLimits": []object{rateOf("m", 10)}, "quotas": []object{quotaOf("q", 1, "DAY")}}}
	const call = "PATCH /v1/tenants/acme"
	h.fails(403, "a tenant's admin bounds it", admin, call, limits)
	h.fails(404, "a key of the operator's that does not reach", scoped, call, limits)
	h.fails(200, "the operator bounds it", h.root, call, limits)
	for _, mask := range []string{"rateLimits", "quotas", "displayName,quotas"} {
		h.fails(403, "a tenant's admin takes "+mask+" away", admin, call, object{"tenant": object{}, "updateMask": mask})
	}
	h.fails(200, "a tenant's admin changes its name", admin, call, object{"tenant": object{"displayName": "Acme"}})
	out := h.call(200, "GET", "/v1/tenants/acme", admin, nil)
	if got := fmt.Sprint(out.at("tenant", "rateLimits"), out.at("tenant", "quotas")); got !=
		"[map[burst:10 exact:false name:m period:60s requests:10]] [map[limit:1 name:q period:DAY refill:REPLACE timeZone:]]" {
		t.Errorf("the tenant's limits: %s", got)
	}
}
