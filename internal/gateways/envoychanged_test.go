//go:build gateways

package gateways

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keystile/keystile/internal/tlstest"
)

// TestEnvoyHeaderMap: without encode_raw_headers Envoy sends headers in another
// form, with repeated ones joined. Here Keystile alone sees to forged ones, too.
func TestEnvoyHeaderMap(t *testing.T) {
	w := start(t, envoy(t, envoyGRPC, "encode_raw_headers: true", "encode_raw_headers: false", `(?i)x[-_.]keystile[-_.].*`, "nothing"))
	t.Run("credentials and refusals", func(t *testing.T) { testCredentials(t, w) })
	t.Run("forgeries", func(t *testing.T) { testForgeries(t, w) })
	t.Run("paths", func(t *testing.T) { testPaths(t, w) })
	t.Run("preflights", func(t *testing.T) { testPreflights(t, w) })
	good, reader := w.keystile.keys["good"], w.keystile.keys["reader"]
	for name, headers := range map[string][]string{
		"joined by the client":             {"X-API-Key: " + good + "," + reader},
		"joined by the client, a blank":    {"X-API-Key: " + good + ", " + reader},
		"joined bearers":                   {"Authorization: Bearer " + good + ",Bearer " + reader},
		"joined by Envoy":                  {"X-API-Key: " + good, "X-API-Key: " + reader},
		"joined by Envoy, the other order": {"Authorization: Bearer " + reader, "Authorization: Bearer " + good},
	} {
		w.refused(t, name, w.send(w.request("GET", "/orders/7", headers...)), 401, "KEY_MALFORMED")
	}
	w.allowed(t, "the same key twice", w.send(w.request("GET", "/orders/7", "X-API-Key: "+good, "X-API-Key: "+good)), "/orders/7")
	// Keystile is told of such paths with a '!' in place of each byte, and can't know.
	for _, path := range []string{"/orders/\xff", "/orders/\xc0\xae\xc0\xae/admin", "/orders/7?x=\xff", "/orders/é"} {
		if r, got := w.sendHTTP2(t, path, good), w.upstream.take(); r.StatusCode != http.StatusBadRequest || len(got) != 0 {
			t.Errorf("%q: %d, the upstream got %+v", path, r.StatusCode, got)
		}
	}
	if r := w.sendHTTP2(t, "/orders/7", good); r.StatusCode != http.StatusOK {
		t.Errorf("a plain path over HTTP/2: %d", r.StatusCode)
	}
	w.upstream.take()
}

// TestEnvoyFailureModeAllow: where the operator lets pass what could not be decided,
// a refusal stays one, and nothing that a client can send makes an error of it.
func TestEnvoyFailureModeAllow(t *testing.T) {
	for name, config := range map[string]string{"grpc": envoyGRPC, "http": envoyHTTP} {
		t.Run(name, func(t *testing.T) {
			w := start(t, envoy(t, config, "failure_mode_allow: false", "failure_mode_allow: true"))
			testEnvoyUnreadable(t, w)
			for key, reason := range map[string]string{"missing": "KEY_MISSING", "unknown": "KEY_NOT_FOUND", "revoked": "KEY_REVOKED", "suspended": "INVALID_USER"} {
				var headers []string
				if secret := w.keystile.keys[key]; secret != "" {
					headers = append(headers, "X-API-Key: "+secret)
				}
				w.refused(t, key, w.send(w.request("GET", "/orders/7", headers...)), 401, reason)
			}
			for name, break_ := range map[string]func(*valve){"down": (*valve).shut, "silent": (*valve).hang} {
				break_(w.http)
				break_(w.grpc)
				r := w.send(w.request("GET", "/orders/7", "X-Keystile-User: forged", "X.Keystile.User: forged", "X-API-Key: "+w.keystile.keys["revoked"]))
				got := w.upstream.take()
				if r.StatusCode != http.StatusOK || len(got) != 1 {
					t.Fatalf("%s: an error is no error to Envoy: %d, %+v", name, r.StatusCode, got)
				}
				for header := range got[0].header {
					if strings.Contains(strings.ToLower(header), "keystile") {
						t.Errorf("%s: %s goes upstream, and nobody has checked it", name, header)
					}
				}
			}
		})
	}
}

// testEnvoyUnreadable: what is no text, or too much, is refused. The one way to let
// it in would be an error.
func testEnvoyUnreadable(t *testing.T, w *world) {
	good, reader := "X-API-Key: "+w.keystile.keys["good"], "X-API-Key: "+w.keystile.keys["reader"]
	for name, raw := range map[string]string{
		"path":                w.request("GET", "/orders/\xff", good),
		"path, no key":        w.request("GET", "/orders/\xff\xfe"),
		"path, cut character": w.request("GET", "/orders/\xc3", good),
		"query, no key":       w.request("GET", "/orders/7?x=\xff"),
		"api key":             w.request("GET", "/orders/7", "X-API-Key: 0123456789abcdef\xff\xfe"),
		"bearer":              w.request("GET", "/orders/7", "Authorization: Bearer 0123456789abcdef\xff"),
		"basic":               w.request("GET", "/orders/7", "Authorization: Basic "+base64Of("0123456789abcdef\xff:")),
		"scheme":              w.request("GET", "/orders/7", "Authorization: \xff "+w.keystile.keys["good"]),
		"beside a good one":   w.request("GET", "/orders/7", good, "Authorization: Bearer 0123456789abcdef\xff"),
		"another header":      w.request("GET", "/orders/7", "X-Other: \xff\xfe"),
		"header, no right":    w.request("GET", "/admin/7", "X-Other: \xff", reader),
		"name of a header":    w.request("GET", "/orders/7", "X-\xff: 1"),
		"cookie":              w.request("GET", "/orders/7", "Cookie: a=\xff"),
		"host":                strings.Replace(w.request("GET", "/orders/7", good), "api.acme.test", "api\xff.acme.test", 1),
		"origin":              w.request("OPTIONS", "/open/7", "Origin: \xff"),
		"method":              w.request("G\xffT", "/orders/7", good),
		"large header":        w.request("GET", "/orders/7", "X-Other: "+strings.Repeat("\xff", 50<<10)),
		"large path":          w.request("GET", "/orders/"+strings.Repeat("a", 50<<10)),
		"large key":           w.request("GET", "/orders/7", "X-API-Key: "+strings.Repeat("a", 50<<10)),
		"too large":           w.request("GET", "/orders/7", "X-Other: "+strings.Repeat("a", 100<<10)),
		"many headers":        w.request("GET", "/orders/7", strings.Split(strings.TrimSuffix(strings.Repeat("X-Other: 1\n", 90), "\n"), "\n")...),
	} {
		r := w.send(raw)
		if got := w.upstream.take(); len(got) != 0 || r.StatusCode < 400 && r.StatusCode != 0 || r.StatusCode >= 500 {
			t.Errorf("not readable, %s: %d %q, the upstream got %d calls", name, r.StatusCode, r.Header.Get("X-Keystile-Reason"), len(got))
		}
	}
	// Over HTTP/2 such a path gets through Envoy to Keystile.
	for _, c := range []struct {
		path, key string
		status    int
		reason    string
	}{
		{"/orders/\xff", "missing", 401, "KEY_MISSING"}, {"/orders/\xff", "good", 403, "REQUEST_MALFORMED"}, {"/orders/\xc3", "good", 403, "REQUEST_MALFORMED"},
		{"/orders/7?x=\xff", "missing", 401, "KEY_MISSING"}, {"/orders/7?x=\xff", "unknown", 401, "KEY_NOT_FOUND"},
	} {
		w.refused(t, "not readable over HTTP/2, "+c.path, w.sendHTTP2(t, c.path, w.keystile.keys[c.key]), c.status, c.reason)
	}
}

// sendHTTP2 sends a path as it is, with a key if one is given.
func (w *world) sendHTTP2(t *testing.T, path, key string) reply {
	t.Helper()
	transport := &http.Transport{
		Protocols:   &http.Protocols{},
		DialContext: func(context.Context, string, string) (net.Conn, error) { return w.dial(), nil },
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://api.acme.test/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.URL.Opaque, req.Header = "//api.acme.test"+path, http.Header{"X-Other": {"\xff"}}
	if key != "" {
		req.Header.Set("X-Api-Key", key)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Errorf("HTTP/2, %q: %v", path, err)
		return reply{Response: &http.Response{Header: http.Header{}}}
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	return reply{resp, body}
}

// commented gives the parts of a configuration that are there as comments: each
// follows an empty comment, and goes on to the next line that is no comment.
func commented(t *testing.T, config string) (out [][2]string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "envoy", config))
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "#":
			inside = !inside
			if inside {
				out = append(out, [2]string{})
			}
		case !strings.HasPrefix(trimmed, "#"):
			inside = false
		case inside:
			block := &out[len(out)-1]
			block[0] += line
			block[1] += strings.Replace(line, "# ", "", 1)
		}
	}
	return out
}

// TestEnvoyCommented: what the configurations hold as comments works, too.
func TestEnvoyCommented(t *testing.T) {
	path := program(t, "ENVOY", "envoy")
	authority := tlstest.NewAuthority(t, "proxies")
	pair := authority.Client("envoy")
	for config, want := range map[string]int{envoyGRPC: 4, envoyHTTP: 4} {
		blocks := commented(t, config)
		if len(blocks) != want {
			t.Errorf("%s: %d parts, want %d: %q", config, len(blocks), want, blocks)
		}
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "envoy", config))
		if err != nil {
			t.Fatal(err)
		}
		all := string(text)
		for _, block := range blocks {
			all = strings.Replace(all, block[0], block[1], 1)
		}
		folder := t.TempDir()
		all = strings.ReplaceAll(all, "/etc/envoy/tls/", folder+"/")
		tlstest.Write(t, folder, "envoy.pem", pair.Cert)
		tlstest.Write(t, folder, "envoy-key.pem", pair.Key)
		tlstest.Write(t, folder, "keystile-ca.pem", authority.PEM)
		file := tlstest.Write(t, folder, config, []byte(all))
		if out, err := exec.CommandContext(t.Context(), path, "--mode", "validate", "-c", file).CombinedOutput(); err != nil {
			t.Errorf("%s with all its comments: %v\n%s", config, err, out)
		}
	}
}

// TestEnvoyOptions: Envoy's own key, a route without a check, and a mistake in what
// a route binds.
func TestEnvoyOptions(t *testing.T) {
	for name, config := range map[string]string{"grpc": envoyGRPC, "http": envoyHTTP} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("KEYSTILE_CHECK_AUTH", "key")
			var edits []string
			for _, block := range commented(t, config) {
				for _, part := range []string{"path: /healthz", "KEYSTILE_CALLER_KEY"} {
					if strings.Contains(block[0], part) {
						edits = append(edits, block[0], block[1])
					}
				}
			}
			if len(edits) != 4 {
				t.Fatalf("the parts are %q", edits)
			}
			if config == envoyGRPC {
				edits = append(edits, "permission: reports.read", "permision: reports.read")
			}
			g := envoy(t, config, edits...)
			addresses := g.replace
			g.replace = func(w *world) []string {
				t.Setenv("KEYSTILE_CALLER_KEY", w.keystile.callerKey())
				return addresses(w)
			}
			w := start(t, g)
			good := "X-API-Key: " + w.keystile.keys["good"]
			w.allowed(t, "Envoy's own key", w.send(w.request("GET", "/orders/7", good, "X-Keystile-Caller: forged")), "/orders/7")
			w.refused(t, "no key", w.send(w.request("GET", "/orders/7")), 401, "KEY_MISSING")
			if code := w.askedWithoutKey(t); code != http.StatusServiceUnavailable {
				t.Errorf("who has no key of a gateway's is answered %d", code)
			}

			r := w.send(w.request("GET", "/healthz?x=1", "X-Keystile-User: forged", "X_Keystile_User: forged", "X.Keystile.User: forged"))
			got := w.upstream.take()
			if r.StatusCode != http.StatusOK || len(got) != 1 {
				t.Fatalf("the route without a check: %d %+v", r.StatusCode, got)
			}
			for header := range got[0].header {
				if strings.Contains(strings.ToLower(header), "keystile") {
					t.Errorf("the route without a check: %s goes upstream", header)
				}
			}
			for _, path := range []string{"/healthz/../orders/7", "/healthz/", "/healthz;x", "/healthz%2f..%2forders", "/healthz/orders/7", "//healthz", "/orders/../healthz"} {
				r := w.send(w.request("GET", path))
				if got := w.upstream.take(); r.StatusCode < 400 || len(got) != 0 {
					t.Errorf("%q is not checked: %d %+v", path, r.StatusCode, got)
				}
			}
			if config == envoyGRPC {
				r := w.send(w.request("GET", "/reports/7", good))
				if got := w.upstream.take(); r.StatusCode != http.StatusServiceUnavailable || len(got) != 0 {
					t.Errorf("a mistyped binding: %d %+v", r.StatusCode, got)
				}
			}
		})
	}
}

// callerKey makes a key for a gateway.
func (k *keystile) callerKey() string {
	k.t.Helper()
	k.call("POST", "/v1/roles", object{"role": object{"id": "gateway", "tenantId": "system", "permissions": []string{"keystile.keys.check", "keystile.tenants.reach"}}})
	k.call("POST", "/v1/users", object{"user": object{"id": "envoy", "tenantId": "system", "kind": "SERVICE_ACCOUNT", "roles": []string{"gateway"}}})
	out := k.call("POST", "/v1/keys", object{"key": object{"tenantId": "system", "userId": "envoy"}})
	secret, _ := out["secret"].(string)
	return secret
}

// askedWithoutKey asks Keystile as somebody who is no gateway.
func (w *world) askedWithoutKey(t *testing.T) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+w.keystile.web+"/ext-authz/orders/7", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.acme.test"
	req.Header.Set("X-API-Key", w.keystile.keys["good"])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
