package server_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// lastOperator are the calls that would take the last admin of everything out of
// use; user is system/admin, and key its only one.
func lastOperator(key string) map[string]object {
	future := time.Now().Add(time.Hour).Format(time.RFC3339)
	system := func(more object) object {
		more["tenantId"] = "system"
		return more
	}
	patch := func(fields object, mask string) object { return object{"key": fields, "updateMask": mask} }
	return map[string]object{
		"POST /v1/users/admin:suspend":                             system(object{}),
		"DELETE /v1/users/admin?tenantId=system":                   nil,
		"DELETE /v1/users/admin?tenantId=system&cascade=true":      nil,
		"DELETE /v1/users/admin?cascade=true":                      nil,
		"PATCH /v1/users/admin #no roles":                          {"user": system(object{"roles": []string{}}), "updateMask": "roles"},
		"PATCH /v1/users/admin #developer":                         {"user": system(object{"roles": []string{"developer"}})},
		"PATCH /v1/users/admin #a role with everything":            {"user": system(object{"roles": []string{"almighty"}})},
		"DELETE /v1/keys/" + key:                                   nil,
		"POST /v1/keys/" + key + ":revoke":                         {},
		"POST /v1/keys/" + key + ":disable":                        {},
		"POST /v1/keys:revokeSelf":                                 {},
		"POST /v1/keys:manage #revoke":                             {"revoke": object{"id": key}},
		"PATCH /v1/keys/" + key + " #an end":                       patch(object{"expireTime": future}, "expireTime"),
		"PATCH /v1/keys/" + key + " #a beginning":                  patch(object{"startTime": future}, "startTime"),
		"PATCH /v1/keys/" + key + " #scopes":                       patch(object{"scopes": []string{"keystile.*", "*"}}, "scopes"),
		"PATCH /v1/keys/" + key + " #networks":                     patch(object{"allowedCidrs": []string{"127.0.0.0/8"}}, "allowedCidrs"),
		"PATCH /v1/keys/" + key + " #APIs":                         patch(object{"apis": []string{"orders"}}, "apis"),
		"POST /v1/tenants/system:suspend":                          {},
		"DELETE /v1/tenants/system":                                nil,
		"DELETE /v1/tenants/system?cascade=true":                   nil,
		"DELETE /v1/tenants/system?cascade=true&validateOnly=true": nil,
		"POST /v1/tenants/system:suspend #dry":                     {"validateOnly": true},
		"POST /v1/users/admin:suspend #dry":                        system(object{"validateOnly": true}),
	}
}

// refusedAll makes calls that must be refused for what they would leave behind.
func (h *house) refusedAll(what, secret string, calls map[string]object) {
	h.t.Helper()
	for call, body := range calls {
		method, path := splitCall(call)
		var sent any
		if body != nil {
			sent = body
		}
		code, raw, _ := h.send(method, path, secret, sent)
		if code != 400 || decode(h, raw).text("reason") != "FAILED_PRECONDITION" {
			h.t.Errorf("%s: %s: %d %s", what, call, code, raw)
		}
	}
}

// splitCall takes "METHOD PATH #what it does" apart.
func splitCall(call string) (method, path string) {
	for i := range len(call) {
		if call[i] == ' ' && method == "" {
			method = call[:i]
			path = call[i+1:]
		}
		if call[i] == '#' {
			path = call[len(method)+1 : i-1]
		}
	}
	return method, path
}

// Nobody, the operator least of all, takes the last operator away.
func TestEscalationAgainstTheLastOperator(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.role("system", "almighty", "*", "keystile.*")
	key := h.keyOf("system", "admin")
	h.refusedAll("the only one", h.root, lastOperator(key))
	h.call(200, "GET", "/v1/whoami", h.root, nil)

	// Others that are not for good, or not for everything, do not count.
	h.user("system", "deputy", "almighty")
	_, deputy := h.key("system", "deputy", nil)
	h.user("system", "gone", "admin")
	h.key("system", "gone", nil)
	h.call(200, "DELETE", "/v1/users/gone?tenantId=system&cascade=true", h.root, nil)
	h.user("system", "away", "admin")
	h.key("system", "away", nil)
	h.call(200, "POST", "/v1/users/away:suspend", h.root, object{"tenantId": "system"})
	h.user("system", "keyless", "admin")
	future := time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, weak := range []object{
		{"scopes": []string{"keystile.*", "*"}}, {"expireTime": future}, {"startTime": future}, {"allowedCidrs": []string{"127.0.0.1"}}, {"apis": []string{"orders"}},
	} {
		h.key("system", "keyless", weak)
	}
	off, _ := h.key("system", "keyless", nil)
	h.call(200, "POST", "/v1/keys/"+off+":disable", h.root, nil)
	h.tenant("acme")
	h.member("acme", "admin", "admin")
	h.refusedAll("the only one that counts", h.root, lastOperator(key))
	calls := lastOperator(key)
	delete(calls, "POST /v1/keys:revokeSelf")
	// A deputy without the role's name holds as much, and may no more.
	h.refusedAll("by a deputy", deputy, calls)
	h.call(200, "GET", "/v1/whoami", h.root, nil)

	// With another one it may go, and then that one is the last.
	h.user("system", "second", "admin")
	secondID, second := h.key("system", "second", nil)
	h.call(200, "POST", "/v1/users/admin:suspend", second, nil)
	h.call(401, "GET", "/v1/whoami", h.root, nil)
	h.refusedAll("the second", second, map[string]object{
		"POST /v1/users/second:suspend": {}, "DELETE /v1/users/second?cascade=true": nil, "POST /v1/keys/" + secondID + ":revoke": {},
		"POST /v1/keys:revokeSelf": {}, "PATCH /v1/users/second": {"user": object{"roles": []string{"almighty"}}},
	})
	h.call(200, "GET", "/v1/whoami", second, nil)
}

// Two operators who suspend each other at the same time leave one.
func TestEscalationOfOperatorsAgainstEachOther(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.user("system", "second", "admin")
	_, second := h.key("system", "second", nil)
	var done atomic.Int32
	var both sync.WaitGroup
	for victim, by := range map[string]string{"admin": second, "second": h.root} {
		both.Go(func() {
			if code, _, _ := h.send("POST", "/v1/users/"+victim+":suspend", by, nil); code == 200 {
				done.Add(1)
			}
		})
	}
	both.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of two operators suspended the other", done.Load())
	}
}

// The API's tenant decides about a subscription, and nobody else.
func TestEscalationBySubscription(t *testing.T) {
	h := newHouse(t, houseOptions{})
	for _, tenant := range []string{"acme", "beta", "gamma"} {
		h.tenant(tenant)
	}
	h.hosts("acme", "api.acme.test")
	acme, beta, gamma := h.member("acme", "admin", "admin"), h.member("beta", "admin", "admin"), h.member("gamma", "admin", "admin")
	bo, dev := h.member("beta", "bo", "developer"), h.member("acme", "dev", "developer")
	h.api("acme", "orders", object{"subscriptionRequired": true}, "GET /orders")
	ask := object{"subscription": object{"userId": "bo", "apiId": "orders", "apiTenantId": "acme"}}
	id := h.call(200, "POST", "/v1/subscriptions", bo, ask).text("subscription", "id")
	reason := func(want string) {
		t.Helper()
		if got := h.asked(bo, "GET api.acme.test /orders").text("reason"); got != want {
			t.Errorf("the call is %s, want %s", got, want)
		}
	}
	decide := func(what, secret string, want int) {
		t.Helper()
		for _, move := range []string{"approve", "reject", "pause", "resume"} {
			h.fails(want, what, secret, "POST /v1/subscriptions/"+id+":"+move, nil)
			h.fails(want, what+", only to be validated", secret, "POST /v1/subscriptions/"+id+":"+move, object{"validateOnly": true})
		}
	}
	nobodyElse := func() {
		t.Helper()
		decide("the subscriber", bo, 403)
		decide("the subscriber's own admin", beta, 403)
		decide("a third tenant's admin", gamma, 404)
		decide("the API's tenant's developer", dev, 403)
	}
	nobodyElse()
	reason("SUBSCRIPTION_PENDING")
	sub := func(fields object, mask string) object { return object{"subscription": fields, "updateMask": mask} }
	for _, mask := range []string{"state", "plan", "expireTime", "userId", "tenantId", "apiId", "reason", "*"} {
		h.fails(400, "the subscriber changes "+mask, bo, "PATCH /v1/subscriptions/"+id, sub(object{"state": "APPROVED", "plan": "gold"}, mask))
		h.fails(400, "its admin changes "+mask, beta, "PATCH /v1/subscriptions/"+id, sub(object{"state": "APPROVED", "plan": "gold"}, mask))
	}
	_, _, _ = h.send("PATCH", "/v1/subscriptions/"+id, bo, sub(object{"note": "x", "state": "APPROVED", "plan": "gold"}, ""))
	reason("SUBSCRIPTION_PENDING")
	for _, extra := range []object{{"state": "APPROVED"}, {"plan": "gold"}, {"expireTime": "2099-01-01T00:00:00Z"}} {
		extra["userId"], extra["apiId"], extra["apiTenantId"] = "bo", "orders", "acme"
		h.fails(400, "a subscription comes decided", beta, "POST /v1/subscriptions", object{"subscription": extra})
	}
	h.fails(403, "a user asks for its whole tenant", bo, "POST /v1/subscriptions", object{"subscription": object{"apiId": "orders", "apiTenantId": "acme"}})
	h.fails(403, "a user asks for another", bo, "POST /v1/subscriptions", object{"subscription": object{"userId": "admin", "apiId": "orders", "apiTenantId": "acme"}})
	h.fails(404, "an admin asks for another tenant", gamma, "POST /v1/subscriptions", object{"subscription": object{"tenantId": "beta", "userId": "bo", "apiId": "orders", "apiTenantId": "acme"}})

	h.call(200, "POST", "/v1/subscriptions/"+id+":approve", acme, nil)
	reason("ALLOWED")
	h.call(200, "POST", "/v1/subscriptions/"+id+":pause", acme, nil)
	nobodyElse()
	reason("SUBSCRIPTION_PAUSED")
	h.fails(400, "asking again beside it", bo, "POST /v1/subscriptions", ask)
	h.call(200, "DELETE", "/v1/subscriptions/"+id, bo, nil)
	id = h.call(200, "POST", "/v1/subscriptions", bo, ask).text("subscription", "id")
	reason("SUBSCRIPTION_PENDING")
	h.call(200, "POST", "/v1/subscriptions/"+id+":reject", acme, object{"reason": "no"})
	nobodyElse()
	reason("SUBSCRIPTION_REJECTED")

	// Inside its own tenant a user approves as little.
	id = h.call(200, "POST", "/v1/subscriptions", dev, object{"subscription": object{"userId": "dev", "apiId": "orders"}}).text("subscription", "id")
	decide("a user of the API's tenant, for itself", dev, 403)
	decide("the other tenant's admin", beta, 404)
}
