//go:build gateways

package gateways

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// identity is what the upstream is told of ada's good key, the decision aside.
func (w *world) identity(key string) map[string]string {
	return map[string]string{
		"X-Keystile-Tenant": "acme", "X-Keystile-User": "ada", "X-Keystile-Key": key,
		"X-Keystile-Roles": "developer", "X-Keystile-Api": "orders",
	}
}

// allowed wants a call to have reached the upstream as it was sent, once, with an
// identity that is true and without its key.
func (w *world) allowed(t *testing.T, name string, r reply, uri string) seen {
	t.Helper()
	got := w.upstream.take()
	if r.StatusCode != http.StatusOK || len(got) != 1 {
		t.Errorf("%s: status %d, %d calls upstream, reason %q", name, r.StatusCode, len(got), r.Header.Get("X-Keystile-Reason"))
		return seen{header: http.Header{}}
	}
	if uri != "" && got[0].uri != uri {
		t.Errorf("%s: the upstream got %.200q, the client sent %.200q", name, got[0].uri, uri)
	}
	w.trueIdentity(t, name, got[0].header)
	return got[0]
}

// trueIdentity wants nothing that could be taken for an identity header but what
// Keystile says, and no credential.
func (w *world) trueIdentity(t *testing.T, name string, header http.Header) {
	t.Helper()
	for _, want := range []string{"X-Keystile-Tenant", "X-Keystile-User"} {
		if got := header.Values(want); len(got) != 1 || got[0] != map[string]string{"X-Keystile-Tenant": "acme", "X-Keystile-User": "ada"}[want] {
			t.Errorf("%s: %s is %q", name, want, got)
		}
	}
	for key, values := range header {
		plain := strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(key))
		switch {
		case plain == "authorization" || plain == "x-api-key" || plain == "x-keystile-caller":
			t.Errorf("%s: %s goes upstream", name, key)
		case strings.HasPrefix(plain, "x-keystile-"):
			if strings.ToLower(key) != plain || len(values) != 1 || strings.Contains(values[0], "forged") || strings.Contains(values[0], "root") {
				t.Errorf("%s: %s: %q goes upstream", name, key, values)
			}
		}
	}
}

// refused wants a call to have reached the client alone, with the reason.
func (w *world) refused(t *testing.T, name string, r reply, status int, reason string) {
	t.Helper()
	if got := w.upstream.take(); len(got) != 0 {
		t.Errorf("%s: it reached the upstream: %+v", name, got)
	}
	if r.StatusCode != status || r.Header.Get("X-Keystile-Reason") != reason {
		t.Errorf("%s: got %d %q, want %d %q", name, r.StatusCode, r.Header.Get("X-Keystile-Reason"), status, reason)
		return
	}
	if (r.Header.Get("Www-Authenticate") != "") != (status == http.StatusUnauthorized) {
		t.Errorf("%s: WWW-Authenticate %q on %d", name, r.Header.Values("Www-Authenticate"), status)
	}
	if !strings.HasPrefix(r.Header.Get("X-Keystile-Decision"), "dec_") {
		t.Errorf("%s: no decision id", name)
	}
	if w.gateway.bodies && (r.Request == nil || r.Request.Method != http.MethodHead) {
		var problem struct{ Reason, Remedy, DecisionID string }
		if err := json.Unmarshal(r.body, &problem); err != nil || problem.Reason != reason || problem.Remedy == "" || problem.DecisionID == "" {
			t.Errorf("%s: the body is %s", name, r.body)
		}
	}
}

// testLimited: a call more than a limit has room for is refused, and the client told
// which limit that was, and when to come back.
func testLimited(t *testing.T, w *world) {
	t.Helper()
	w.keystile.issue("limited", object{"rateLimits": []object{{"name": "daily", "requests": 1, "period": "86400s"}}})
	limited := "X-API-Key: " + w.keystile.keys["limited"]
	w.allowed(t, "within the limit", w.send(w.request("GET", "/orders/7", limited)), "/orders/7")
	r := w.send(w.request("GET", "/orders/7", limited))
	w.refused(t, "over the limit", r, http.StatusTooManyRequests, "RATE_LIMITED")
	for name, want := range map[string]string{"RateLimit": `"daily";r=0;t=`, "RateLimit-Policy": `"daily";q=1;w=86400`} {
		if got := r.Header.Get(name); !strings.HasPrefix(got, want) {
			t.Errorf("over the limit: %s is %q, want %q", name, got, want)
		}
	}
	if after, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || after < 86000 || after > 86400 {
		t.Errorf("over the limit: Retry-After is %q", r.Header.Get("Retry-After"))
	}
}

// testCredentials: every way to present a key, and every class of refusal.
func testCredentials(t *testing.T, w *world) {
	good := w.keystile.keys["good"]
	for name, header := range map[string]string{
		"bearer": "Authorization: Bearer " + good, "scheme in another case": "authorization: bEaReR " + good,
		"api key": "X-API-Key: " + good, "basic": "Authorization: Basic " + base64Of(good+":"),
	} {
		got := w.allowed(t, name, w.send(w.request("GET", "/orders/7?x=1&tenant=evil&permission=none", header)), "/orders/7?x=1&tenant=evil&permission=none")
		for header, want := range w.identity(w.keystile.id) {
			if got.header.Get(header) != want {
				t.Errorf("%s: %s is %q, want %q", name, header, got.header.Get(header), want)
			}
		}
		if !strings.HasPrefix(got.header.Get("X-Keystile-Decision"), "dec_") {
			t.Errorf("%s: no decision id", name)
		}
	}
	w.allowed(t, "the same key twice", w.send(w.request("GET", "/orders/7", "X-API-Key: "+good, "Authorization: Bearer "+good)), "/orders/7")
	w.allowed(t, "key bound to the client's network", w.send(w.request("GET", "/orders/7", "X-API-Key: "+w.keystile.keys["here"])), "/orders/7")

	for key, want := range map[string]struct {
		status int
		reason string
	}{
		"missing": {401, "KEY_MISSING"}, "malformed": {401, "KEY_MALFORMED"}, "unknown": {401, "KEY_NOT_FOUND"},
		"suspended": {401, "INVALID_USER"}, "revoked": {401, "KEY_REVOKED"}, "disabled": {401, "KEY_DISABLED"},
		"superseded": {401, "KEY_SUPERSEDED"}, "expired": {401, "KEY_EXPIRED"}, "elsewhere": {403, "CLIENT_IP_DENIED"},
	} {
		var headers []string
		if secret := w.keystile.keys[key]; secret != "" {
			headers = append(headers, "X-API-Key: "+secret)
		}
		w.refused(t, key, w.send(w.request("GET", "/orders/7", headers...)), want.status, want.reason)
	}
	testLimited(t, w)
	key := func(name string) string { return "X-API-Key: " + w.keystile.keys[name] }
	w.refused(t, "no route", w.send(w.request("GET", "/nothing", key("good"))), 403, "API_NOT_FOUND")
	w.refused(t, "no such host", w.send(strings.Replace(w.request("GET", "/orders/7", key("good")), "api.acme.test", "other.test", 1)), 403, "API_NOT_FOUND")
	w.refused(t, "scope lacks it", w.send(w.request("GET", "/admin/7", key("reader"))), 403, "PERMISSION_DENIED")
	w.refused(t, "no subscription", w.send(w.request("GET", "/paid/7", key("good"))), 403, "SUBSCRIPTION_REQUIRED")
	for name, headers := range map[string][]string{
		"two keys":                    {key("good"), "Authorization: Bearer " + w.keystile.keys["reader"]},
		"two keys, other way round":   {"Authorization: Bearer " + w.keystile.keys["reader"], key("good")},
		"two api keys":                {key("good"), key("reader")},
		"two api keys, other order":   {key("reader"), key("good")},
		"two bearers":                 {"Authorization: Bearer " + w.keystile.keys["good"], "Authorization: Bearer " + w.keystile.keys["reader"]},
		"a bad one beside a good one": {key("good"), "Authorization: Basic !"},
	} {
		if r := w.send(w.request("GET", "/orders/7", headers...)); !w.answeredItself(t, name, r) {
			w.refused(t, name, r, 401, "KEY_MALFORMED")
		}
	}
}
