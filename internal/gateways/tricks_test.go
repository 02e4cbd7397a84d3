//go:build gateways

package gateways

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/keystile/keystile/server/access"
)

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// testForgeries: what a client says in the gateway's or Keystile's name.
func testForgeries(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	for name, headers := range map[string][]string{
		"identity":           {"X-Keystile-User: forged", "X-Keystile-Tenant: forged", "X-Keystile-Roles: forged", "X-Keystile-Decision: forged"},
		"underscores":        {"X_Keystile_User: forged", "X-Keystile_Tenant: forged", "x_keystile_roles: forged"},
		"dots":               {"X.Keystile.User: forged", "X.Keystile-Roles: forged"},
		"case and doubles":   {"x-keystile-user: forged", "X-KEYSTILE-USER: forged"},
		"the gateway's key":  {"X-Keystile-Caller: forged"},
		"connection":         {"Connection: close, X-Keystile-User, X-Keystile-Tenant, X-API-Key"},
		"connection, forged": {"X-Keystile-User: forged", "Connection: X-Keystile-User, close"},
	} {
		r := w.send(w.request("GET", "/orders/7", append(headers, key)...))
		if !w.answeredItself(t, name, r) {
			w.allowed(t, name, r, "/orders/7")
		}
	}
	// The request is judged, and not what its client says that it is.
	reader := "X-API-Key: " + w.keystile.keys["reader"]
	for name, headers := range map[string][]string{
		"forwarded uri":    {"X-Forwarded-Uri: /orders/7", "X-Forwarded-Method: GET", "X-Forwarded-Host: api.acme.test"},
		"original uri":     {"X-Original-URI: /orders/7", "X-Original-Method: GET", "X-Original-URL: /orders/7"},
		"underscores":      {"X_Forwarded_Uri: /orders/7", "X_Original_URI: /orders/7"},
		"envoy's":          {"X-Envoy-Original-Path: /orders/7", ":path: /orders/7"},
		"rewrite":          {"X-Rewrite-URL: /orders/7", "X-HTTP-Method-Override: GET"},
		"connection names": {"Connection: close, X-Forwarded-Uri, X-Original-URI, X-Forwarded-Host"},
	} {
		r := w.send(w.request("GET", "/admin/7", append(headers, reader)...))
		if !w.answeredItself(t, name, r) {
			w.refused(t, name, r, 403, "PERMISSION_DENIED")
		}
	}
	for name, headers := range map[string][]string{
		"client address":             {"X-Forwarded-For: 203.0.113.7"},
		"client address, twice":      {"X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.7"},
		"client address, as a proxy": {"X-Forwarded-For: 203.0.113.7, 127.0.0.1", "X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7"},
	} {
		w.refused(t, name, w.send(w.request("GET", "/orders/7", append(headers, "X-API-Key: "+w.keystile.keys["elsewhere"])...)), 403, "CLIENT_IP_DENIED")
	}
}

// testPaths: what is let through is what the upstream gets, and what two readers
// could read differently gets nowhere.
func testPaths(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["reader"]
	for _, path := range []string{
		"/orders/7", "/orders/a%20b", "/orders/%C3%A9", "/orders/7/", "/orders/a:b@c", "/orders/7?next=/admin/7&x=%2e%2e%2f", "/orders/7?",
		"/orders/7?api_key=" + w.keystile.keys["good"], "/orders/" + strings.Repeat("a", 8<<10),
	} {
		w.allowed(t, path, w.send(w.request("GET", path, key)), path)
	}
	for _, path := range []string{
		"/orders/..%2fadmin/7", "/orders/../admin/7", "/orders/./7", "//orders/7", "/orders//7", "/orders/%2e%2e/admin/7", "/orders/7%00",
		"/orders\\7", "/orders/%5c7", "/orders/%252e%252e/admin", "/orders/..;/admin/7", "/orders/%2f", "/orders/7/..", "/orders/%zz",
		"/./orders/7", "/..", "/orders/..", "/orders/7#admin", "/orders/\xff", "/orders/%ff",
	} {
		r := w.send(w.request("GET", path, key))
		got := w.upstream.take()
		if r.StatusCode != http.StatusOK {
			if len(got) != 0 {
				t.Errorf("%q: refused with %d, and reached the upstream as %q", path, r.StatusCode, got[0].uri)
			}
			if reason := r.Header.Get("X-Keystile-Reason"); !w.mayRefuse(r.StatusCode, reason) {
				t.Errorf("%q: refused with %d %q", path, r.StatusCode, reason)
			}
			continue
		}
		// It was let through: then it must be plain by now, and an order.
		if len(got) != 1 || !w.mayBePlain(path) {
			t.Errorf("%q: let through", path)
			continue
		}
		if read, ok := access.ReadPath(got[0].uri); !ok || !strings.HasPrefix(read.String(), "/orders") {
			t.Errorf("%q: the upstream got %q", path, got[0].uri)
		}
	}
	// An absolute target leads where its own host says, or nowhere.
	r := w.send(w.request("GET", "http://api.acme.test/orders/7", key))
	if got := w.upstream.take(); r.StatusCode == http.StatusOK && (len(got) != 1 || got[0].uri != "/orders/7") {
		t.Errorf("absolute form: %d %+v", r.StatusCode, got)
	}
	r = w.send(w.request("GET", "http://other.test/orders/7", key))
	if got := w.upstream.take(); r.StatusCode == http.StatusOK && got[0].host != "api.acme.test" {
		t.Errorf("absolute form with another host: %d %+v", r.StatusCode, got)
	}
}

// mayRefuse tells whether a path that two readers could read differently may be
// refused so: by Keystile as what it is, or by a proxy that can't read it. What a proxy
// resolves first is refused as what it comes to.
func (w *world) mayRefuse(status int, reason string) bool {
	return status == http.StatusForbidden && (reason == "REQUEST_MALFORMED" || w.gateway.cleans) || status == http.StatusBadRequest && reason == ""
}

// mayBePlain tells whether a path may have become plain on the way: where the proxy
// resolves it for door and upstream alike, or encodes a '#' for both.
func (w *world) mayBePlain(path string) bool { return w.gateway.cleans || strings.Contains(path, "#") }
