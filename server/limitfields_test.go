package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// bearer is a kind of record that bears limits: how one is made with them, and how
// its are changed and read.
type bearer struct {
	at, path string
	create   func(limits object) (path string, body object)
	update   func(limits object) object
}

// with puts limits among the fields of a record.
func with(record, limits object) object {
	for name, value := range limits {
		record[name] = value
	}
	return record
}

// bearers need the tenant acme with the user ada and the key id.
func bearers(key string) map[string]bearer {
	one := func(kind, path string, record func() object) bearer {
		return bearer{
			at: kind + ".", path: path,
			create: func(limits object) (string, object) {
				made := with(record(), limits)
				made["id"] = "new"
				if kind == "key" {
					delete(made, "id")
				}
				collection, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
				return "/v1/" + collection, object{kind: made, "validateOnly": true}
			},
			update: func(limits object) object {
				changed := with(object{"tenantId": "acme"}, limits)
				if kind == "tenant" {
					delete(changed, "tenantId")
				}
				return object{kind: changed}
			},
		}
	}
	return map[string]bearer{
		"key":    one("key", "/v1/keys/"+key, func() object { return object{"tenantId": "acme", "userId": "ada"} }),
		"user":   one("user", "/v1/users/ada", func() object { return object{"tenantId": "acme", "kind": "PERSON"} }),
		"tenant": one("tenant", "/v1/tenants/acme", func() object { return object{} }),
		"API":    one("api", "/v1/apis/orders", func() object { return object{"tenantId": "acme"} }),
		"plan":   one("plan", "/v1/plans/gold", func() object { return object{"tenantId": "acme"} }),
	}
}

func limitsHouse(t *testing.T) (h *house, key string) {
	t.Helper()
	h = newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "ada", "developer")
	h.api("acme", "orders", nil, "GET /orders")
	h.plan("acme", "gold")
	key, _ = h.key("acme", "ada", nil)
	return h, key
}

// Each record keeps its limits; what a mask does not name stays, and an empty list
// that it names goes.
func TestLimitsAreSetAndTakenAway(t *testing.T) {
	h, key := limitsHouse(t)
	for name, b := range bearers(key) {
		patch := func(status int, body object) object {
			t.Helper()
			return h.call(status, "PATCH", b.path, h.root, body)
		}
		shown := func(out object) string {
			t.Helper()
			kind := strings.TrimSuffix(b.at, ".")
			return fmt.Sprint(out.at(kind, "rateLimits"), out.at(kind, "quotas"))
		}
		both := object{"rateLimits": []object{{"name": "m", "requests": 10, "period": "60s", "burst": 20, "exact": true}}, "quotas": []object{quotaOf("q", 7, "MONTH")}}
		rates, quotas := `[map[burst:20 exact:true name:m period:60s requests:10]]`, `[map[limit:7 name:q period:MONTH refill:REPLACE timeZone:]]`
		path, body := b.create(both)
		if got := shown(h.call(200, "POST", path, h.root, body)); got != rates+" "+quotas {
			t.Errorf("%s, created: got %s", name, got)
		}
		if got := shown(patch(200, b.update(both))); got != rates+" "+quotas {
			t.Errorf("%s, set: got %s", name, got)
		}
		query := "?tenantId=acme"
		if b.at == "key." || b.at == "tenant." {
			query = ""
		}
		if got := shown(h.call(200, "GET", b.path+query, h.root, nil)); got != rates+" "+quotas {
			t.Errorf("%s, read: got %s", name, got)
		}
		masked := b.update(object{"quotas": []object{quotaOf("q", 8, "TOTAL")}})
		masked["updateMask"] = "rateLimits"
		if got := shown(patch(200, masked)); got != "[] "+quotas {
			t.Errorf("%s, rate limits taken away: got %s", name, got)
		}
		masked["updateMask"] = "quotas"
		if got := shown(patch(200, masked)); got != "[] [map[limit:8 name:q period:TOTAL refill:REPLACE timeZone:]]" {
			t.Errorf("%s, quotas replaced: got %s", name, got)
		}
		if got := fields(patch(400, b.update(object{"rateLimits": []object{rateOf("q", 1)}}))); got != "["+b.at+"quotas[0].name]" {
			t.Errorf("%s, a name that is taken: got %s", name, got)
		}
	}
}

// Every bad field is named at once.
func TestEveryBadLimitIsNamed(t *testing.T) {
	h, key := limitsHouse(t)
	rate := func(name string, more object) object {
		return with(object{"name": name, "requests": 10, "period": "60s"}, more)
	}
	quota := func(name string, more object) object {
		return with(object{"name": name, "limit": 10, "period": "DAY"}, more)
	}
	limits := object{
		"rateLimits": []object{
			rate("", nil), rate("Big", nil), rate(strings.Repeat("a", 33), object{"period": "0.999s"}), rate("a", object{"requests": 0, "period": nil}),
			rate("b", object{"requests": 1_000_000_001, "period": "2678400.001s"}), rate("c", object{"period": "1.0005s", "burst": -1}),
			rate("a", object{"burst": 1_000_000_001}), rate("d", object{"requests": 1, "period": "2678400s", "burst": 12}),
			rate("e", object{"requests": 1, "period": "2678400s", "burst": 11}), rate("f", object{"period": "-1s"}),
		},
		"quotas": []object{
			quota("1q", nil), quota("b", nil), quota("g", object{"limit": 0}), quota("h", object{"limit": "1000000000000001"}),
			quota("i", object{"period": nil}), quota("j", object{"timeZone": "Mars/Olympus"}), quota("k", object{"timeZone": "Local"}),
			quota("l", object{"period": "TOTAL", "timeZone": "UTC", "refill": "ADD"}), quota("m", object{"timeZone": "../Europe/Berlin"}),
			quota("n", object{"timeZone": "Europe/Berlin", "refill": "ADD", "limit": "1000000000000000"}),
		},
	}
	want := []string{
		"rateLimits[0].name", "rateLimits[1].name", "rateLimits[2].name", "rateLimits[2].period", "rateLimits[3].period", "rateLimits[3].requests",
		"rateLimits[4].period", "rateLimits[4].requests", "rateLimits[5].period", "rateLimits[5].burst", "rateLimits[6].burst", "rateLimits[7].burst",
		"rateLimits[9].period", "quotas[0].name", "quotas[2].limit", "quotas[3].limit", "quotas[4].period", "quotas[5].timeZone", "quotas[6].timeZone",
		"quotas[7].timeZone", "quotas[7].refill", "quotas[8].timeZone", "rateLimits[6].name", "quotas[1].name",
	}
	for name, b := range bearers(key) {
		expected := fmt.Sprint(prefixed(b.at, want))
		path, body := b.create(limits)
		if got := fields(h.call(400, "POST", path, h.root, body)); got != expected {
			t.Errorf("%s, created: got\n%s, want\n%s", name, got, expected)
		}
		if got := fields(h.call(400, "PATCH", b.path, h.root, b.update(limits))); got != expected {
			t.Errorf("%s, changed: got\n%s, want\n%s", name, got, expected)
		}
	}
	route := object{"hosts": []string{"*"}, "methods": []string{"GET"}, "path": "/other"}
	got := fields(h.call(400, "PATCH", "/v1/apis/orders", h.root, object{"api": object{"tenantId": "acme", "routes": []object{route, with(route, limits)}}}))
	expected := fmt.Sprint(append(prefixed("api.routes[0].", want), prefixed("api.routes[1].", want)...))
	if got != expected {
		t.Errorf("routes: got\n%s, want\n%s", got, expected)
	}
	got = fields(h.call(400, "POST", "/v1/keys:import", h.root, object{"tenantId": "acme", "keys": []object{
		with(object{"secret": "issued-by-others-0001", "userId": "ada"}, limits),
	}}))
	if expected := fmt.Sprint(prefixed("keys[0].", want)); got != expected {
		t.Errorf("import: got\n%s, want\n%s", got, expected)
	}
	many := object{"rateLimits": []object{}, "quotas": []object{}}
	for i := range 11 {
		many["rateLimits"] = append(many["rateLimits"].([]object), rate(fmt.Sprintf("r%d", i), nil))
		many["quotas"] = append(many["quotas"].([]object), quota(fmt.Sprintf("q%d", i), nil))
	}
	for name, b := range bearers(key) {
		if got := fields(h.call(400, "PATCH", b.path, h.root, b.update(many))); got != "["+b.at+"rateLimits "+b.at+"quotas]" {
			t.Errorf("%s, eleven of each: got %s", name, got)
		}
	}
}

func prefixed(at string, names []string) (out []string) {
	for _, name := range names {
		out = append(out, at+name)
	}
	return out
}

// Routes and imported keys keep their limits.
func TestRoutesAndImportedKeysBearLimits(t *testing.T) {
	h, _ := limitsHouse(t)
	out := h.call(200, "PATCH", "/v1/apis/orders", h.root, object{"api": object{"tenantId": "acme", "routes": []object{{
		"hosts": []string{"*"}, "methods": []string{"GET"}, "path": "/orders", "rateLimits": []object{rateOf("m", 5)}, "quotas": []object{quotaOf("q", 6, "HOUR")},
	}, {"hosts": []string{"*"}, "methods": []string{"GET"}, "path": "/others"}}}})
	routes := out.at("api", "routes").([]any)
	first, second := object(routes[0].(map[string]any)), object(routes[1].(map[string]any))
	if fmt.Sprint(first.at("rateLimits"), first.at("quotas")) !=
		"[map[burst:5 exact:false name:m period:60s requests:5]] [map[limit:6 name:q period:HOUR refill:REPLACE timeZone:]]" ||
		len(second.at("rateLimits").([]any)) != 0 {
		t.Errorf("routes: %v", routes)
	}
	out = h.call(200, "POST", "/v1/keys:import", h.root, object{"tenantId": "acme", "keys": []object{
		{"secret": h.note("issued-by-others-0001"), "userId": "ada", "rateLimits": []object{rateOf("m", 5)}, "quotas": []object{quotaOf("q", 6, "HOUR")}},
		{"secret": h.note("issued-by-others-0002"), "userId": "ada"},
	}})
	for i, want := range []int{1, 0} {
		k := h.call(200, "GET", fmt.Sprint("/v1/keys/", out.at("keyIds").([]any)[i]), h.root, nil)
		if len(k.at("key", "rateLimits").([]any)) != want || len(k.at("key", "quotas").([]any)) != want {
			t.Errorf("imported key %d: %v", i, k)
		}
	}
}
