package server_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func hostsOf(hosts ...string) object {
	return object{"tenant": object{"hosts": hosts}, "updateMask": "hosts"}
}

// landlords gives two tenants with admins, of whom acme has hosts and an API.
func (h *house) landlords() (acme, beta string) {
	h.t.Helper()
	h.tenant("acme")
	h.tenant("beta")
	h.hosts("acme", "api.acme.test", "*.shop.test")
	return h.member("acme", "admin", "admin"), h.member("beta", "admin", "admin")
}

func (h *house) hostsAre(tenant, want string) {
	h.t.Helper()
	if got := fmt.Sprint(h.call(200, "GET", "/v1/tenants/"+tenant, h.root, nil).at("tenant", "hosts")); got != want {
		h.t.Errorf("%s has the hosts %s, want %s", tenant, got, want)
	}
}

// Hosts are the operator's to set.
func TestEscalationByOwnHosts(t *testing.T) {
	h := newHouse(t, houseOptions{})
	acme, _ := h.landlords()
	h.role("system", "clerk", "keystile.tenants.update", "keystile.tenants.read")
	clerk := h.member("system", "clerk", "clerk")
	for name, body := range map[string]object{
		"more":                 {"tenant": object{"hosts": []string{"api.acme.test", "*.shop.test", "more.test"}}},
		"the same":             {"tenant": object{"hosts": []string{"api.acme.test", "*.shop.test"}}},
		"fewer":                hostsOf("api.acme.test"),
		"none":                 hostsOf(),
		"beside a name":        {"tenant": object{"displayName": "x", "hosts": []string{"more.test"}}, "updateMask": "displayName,hosts"},
		"only to be validated": {"tenant": object{"hosts": []string{"more.test"}}, "validateOnly": true},
	} {
		h.fails(403, "an admin sets hosts: "+name, acme, "PATCH /v1/tenants/acme", body)
		h.fails(404, "the operator's clerk without reach sets hosts: "+name, clerk, "PATCH /v1/tenants/acme", body)
		h.fails(403, "the operator's clerk sets the operator's: "+name, clerk, "PATCH /v1/tenants/system", body)
	}
	// A mask that does not name them leaves them alone.
	h.fails(200, "an admin changes its name", acme, "PATCH /v1/tenants/acme", object{"tenant": object{"displayName": "x", "hosts": []string{"more.test"}}, "updateMask": "displayName"})
	h.hostsAre("acme", "[api.acme.test *.shop.test]")
}

// No two tenants' hosts overlap, whichever of them is wider, and however they are
// written.
func TestEscalationByOverlappingHosts(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.landlords()
	taken := []string{
		"api.acme.test", "API.Acme.TEST", "api.acme.test.", "API.acme.test.", "*.acme.test", "*.test", "*.ACME.test.", "*",
		"*.shop.test", "*.Shop.Test.", "a.shop.test", "A.SHOP.TEST.", "a.b.shop.test", "*.a.shop.test", "*.a.b.shop.test",
	}
	malformed := []string{
		"api.acme.test:443", "api.acme.test.:80", "*.shop.test:443", "*:443", "api.acme.test/", "http://api.acme.test", "api.acme.test..", ".acme.test", "*acme.test",
		"api.*.test", "api%2eacme.test", "api.acme.test ", "api.acme\u3002test", "äpi.acme.test", "api.acme.test\u0000", "",
	}
	for _, host := range append(taken, malformed...) {
		h.fails(400, "beta claims "+host, h.root, "PATCH /v1/tenants/beta", hostsOf(host))
		h.fails(400, "among others", h.root, "PATCH /v1/tenants/beta", hostsOf("api.beta.test", host))
		h.fails(400, "only to be validated", h.root, "PATCH /v1/tenants/beta", object{"tenant": object{"hosts": []string{host}}, "validateOnly": true})
		h.fails(400, "a new tenant claims "+host, h.root, "POST /v1/tenants", object{"tenant": object{"id": "gamma", "hosts": []string{host}}})
		h.fails(400, "the operator's own", h.root, "PATCH /v1/tenants/system", hostsOf(host))
	}
	h.hostsAre("beta", "[]")
	free := []string{"acme.test", "shop.test", "xapi.acme.test", "a.api.acme.test", "api.acme.test.evil.test", "shop.test.evil.test", "ashop.test"}
	h.fails(200, "beta claims what only looks alike", h.root, "PATCH /v1/tenants/beta", hostsOf(free...))
	// And the other way round: who is wide can't be dug into, nor who is narrow be covered.
	for _, host := range append(free, "*.acme.test", "*.evil.test", "*") {
		h.fails(400, "acme claims "+host, h.root, "PATCH /v1/tenants/acme", hostsOf("api.acme.test", host))
	}
	h.fails(200, "acme widens inside its own", h.root, "PATCH /v1/tenants/acme", hostsOf("api.acme.test", "*.shop.test", "*.a.shop.test", "b.shop.test"))
	h.fails(200, "what is given up", h.root, "PATCH /v1/tenants/acme", hostsOf("api.acme.test"))
	h.fails(200, "is free at once", h.root, "PATCH /v1/tenants/beta", hostsOf("*.shop.test"))
}

// Of two claims at the same time one wins.
func TestEscalationByRacingClaims(t *testing.T) {
	h := newHouse(t, houseOptions{})
	const tenants = 6
	for i := range tenants {
		h.tenant(fmt.Sprintf("t%d", i))
	}
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range tenants {
		all.Go(func() {
			host := []string{"api.race.test", "*.race.test", "*"}[i%3]
			if code, _, _ := h.send("PATCH", fmt.Sprintf("/v1/tenants/t%d", i), h.root, hostsOf(host)); code == 200 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d tenants have hosts that overlap", won.Load())
	}
}

// Who is suspended keeps its hosts, and who is deleted keeps them until it is purged.
func TestEscalationByDeadHosts(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.landlords()
	claims := func(want int, when string) {
		t.Helper()
		for _, host := range []string{"api.acme.test", "*.acme.test", "x.shop.test"} {
			h.fails(want, "beta claims "+host+" "+when, h.root, "PATCH /v1/tenants/beta", object{"tenant": object{"hosts": []string{host}}, "validateOnly": true})
		}
	}
	h.call(200, "POST", "/v1/tenants/acme:suspend", h.root, nil)
	claims(400, "of the suspended")
	h.call(200, "DELETE", "/v1/tenants/acme?cascade=true", h.root, nil)
	claims(400, "of the deleted")
	h.fails(404, "a deleted tenant's hosts are taken away", h.root, "PATCH /v1/tenants/acme", hostsOf())
	h.fails(409, "a deleted tenant's id is used again", h.root, "POST /v1/tenants", object{"tenant": object{"id": "acme", "hosts": []string{"api.acme.test"}}})
	h.fails(400, "a purge before the time", h.root, "POST /v1/tenants:purge", object{"retention": "1s"})
	h.fails(200, "a purge that is not due", h.root, "POST /v1/tenants:purge", nil)
	claims(400, "before it is due to be purged")
	h.pass(31 * 24 * time.Hour)
	claims(400, "when it is due")
	h.fails(200, "a purge that is only to be validated", h.root, "POST /v1/tenants:purge", object{"validateOnly": true})
	claims(400, "after that")
	for range 3 {
		// A purge takes so much at once; what belongs to the tenant goes first.
		h.fails(200, "the purge", h.root, "POST /v1/tenants:purge", nil)
	}
	h.call(404, "GET", "/v1/tenants/acme", h.root, nil)
	claims(200, "after the purge")
}

// A route's hosts lie inside its own tenant's, and these stay around them.
func TestEscalationByRouteHosts(t *testing.T) {
	h := newHouse(t, houseOptions{})
	acme, beta := h.landlords()
	h.hosts("beta", "api.beta.test")
	apiOf := func(id string, hosts ...string) object {
		return object{"api": object{"id": id, "routes": []object{{"hosts": hosts, "methods": []string{"*"}, "path": "/**"}}}}
	}
	h.fails(200, "inside", acme, "POST /v1/apis", apiOf("orders", "api.acme.test", "a.shop.test", "*.b.shop.test"))
	outside := []string{
		"api.beta.test", "API.BETA.TEST.", "*.test", "*.acme.test", "acme.test", "shop.test", "a.api.acme.test", "api.acme.test.evil.test", "nobodys.test",
		"api.acme.test:443", "api.acme.test..", "*:80", "",
	}
	for _, host := range outside {
		h.fails(400, "a route at "+host, acme, "POST /v1/apis", apiOf("new", host))
		h.fails(400, "among others", acme, "POST /v1/apis", apiOf("new", "x.shop.test", host))
		h.fails(400, "a route comes to "+host, acme, "PATCH /v1/apis/orders", apiOf("orders", "api.acme.test", host))
		if !strings.Contains(host, "beta") && !strings.Contains(host, "BETA") {
			h.fails(400, "beta has a route at "+host, beta, "POST /v1/apis", apiOf("new", host))
		}
	}
	for name, hosts := range map[string][]string{
		"none": {}, "without one": {"*.shop.test"}, "an exact one in place of a wildcard": {"api.acme.test", "a.shop.test"},
		"a narrower wildcard": {"api.acme.test", "*.a.shop.test", "a.shop.test"}, "others": {"new.test"},
	} {
		h.fails(400, "hosts are narrowed under routes: "+name, h.root, "PATCH /v1/tenants/acme", hostsOf(hosts...))
	}
	h.hostsAre("acme", "[api.acme.test *.shop.test]")
	h.fails(200, "as far as routes let them", h.root, "PATCH /v1/tenants/acme", hostsOf("api.acme.test", "a.shop.test", "*.b.shop.test"))
	// A retired API's routes still decide what is refused, and so still stand.
	h.fails(200, "the API is retired", acme, "POST /v1/apis/orders:retire", nil)
	h.fails(400, "hosts are narrowed under a retired API", h.root, "PATCH /v1/tenants/acme", hostsOf("a.shop.test"))
	h.fails(200, "the API is deleted", acme, "DELETE /v1/apis/orders", nil)
	h.fails(200, "and hosts after it", h.root, "PATCH /v1/tenants/acme", hostsOf("a.shop.test"))
}

// The host * of a route is every host of its tenant, and of no other; a tenant
// without hosts is reached by name alone.
func TestEscalationByAnyHost(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.landlords()
	h.hosts("beta", "api.beta.test")
	h.tenant("delta")
	for _, tenant := range []string{"acme", "delta"} {
		h.api(tenant, "all", object{"visibility": "PUBLIC"}, "GET /**")
	}
	_, secret := h.key("acme", "admin", nil)
	for call, want := range map[string]string{
		"GET api.acme.test /x": "acme/all", "GET API.ACME.TEST.:443 /x": "acme/all", "GET a.b.shop.test /x": "acme/all",
		"GET api.beta.test /x": "", "GET API.BETA.TEST.:443 /x": "", "GET acme.test /x": "", "GET shop.test /x": "", "GET nobodys.test /x": "", "GET  /x": "",
	} {
		got := h.asked(secret, call)
		if api := apiName(got.text("apiTenantId"), got.text("apiId")); api != want || (want == "") != (got.text("reason") == "API_NOT_FOUND") {
			t.Errorf("%s leads to %q by %s, want %q", call, api, got.text("reason"), want)
		}
	}
}
