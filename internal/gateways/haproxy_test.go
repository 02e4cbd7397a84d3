//go:build gateways

package gateways

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// haproxy is deploy/haproxy, with texts replaced in its copy.
func haproxy(t *testing.T, replace ...string) *gateway {
	path := program(t, "HAPROXY", "haproxy")
	return &gateway{
		folder: "haproxy", bodies: true, h2c: true,
		command: func(t *testing.T, copied string) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), path, "-db", "-f", filepath.Join(copied, "haproxy.cfg"))
			cmd.Env = append(os.Environ(), "KEYSTILE_CALLER="+callersKey)
			return cmd
		},
		replace: func(*world) []string { return replace },
	}
}

func TestHAProxy(t *testing.T) {
	testGateway(t, haproxy(t), testForwardAuthQuestion, testTunnels, testStripped,
		func(t *testing.T, w *world) {
			t.Run("other answers", func(t *testing.T) {
				testOtherAnswers(t, w, http.StatusServiceUnavailable, map[string]http.HandlerFunc{
					"200 of something else": status(200), "204": status(204), "302": status(302, "Location", "/"), "404": status(404), "500": status(500),
					"401 of something else": status(401, "WWW-Authenticate", "Basic"), "one identity header": status(200, "X-Keystile-User", "ada"),
					"no status that is known": status(299, "X-Keystile-Reason", "ALLOWED"),
				})
			})
		},
		func(t *testing.T, w *world) {
			t.Run("deprecation", func(t *testing.T) {
				s := w.standIn(t)
				s.answers(yes("Deprecation", "@1000", "Sunset", "Thu, 01 Jan 1970 00:33:20 GMT"))
				r := w.send(w.request("GET", "/orders/7"))
				if r.Header.Get("Deprecation") != "@1000" || r.Header.Get("Sunset") != "Thu, 01 Jan 1970 00:33:20 GMT" {
					t.Errorf("the client is told %v", r.Header)
				}
			})
		})
}

// What is wrong in the script or in the rules ends at the rule behind the question:
// an error, no question at all, a second question that is not answered.
func TestHAProxyFailsClosed(t *testing.T) {
	const ask = "    http-request lua.keystile /forward-auth"
	w := start(t, haproxy(t,
		"local headers = txn.http:req_get_headers()", `local headers = txn.http:req_get_headers() if txn.f:path() == "/orders/error" then error("on purpose") end`,
		ask+"\n", ask+" unless { path /orders/unasked }\n    http-request lua.keystile /nowhere if { path /orders/second }\n",
		// The script strips forged headers by itself.
		"    option http-restrict-req-hdr-names delete\n", "",
	))
	for _, path := range []string{"/orders/error", "/orders/unasked", "/orders/second"} {
		r := w.send(w.request("GET", path, "X-API-Key: "+w.keystile.keys["good"]))
		if got := w.upstream.take(); r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("X-Keystile-Reason") != "STORE_UNAVAILABLE" || len(got) != 0 {
			t.Errorf("%s: status %d, reason %q, %d calls upstream", path, r.StatusCode, r.Header.Get("X-Keystile-Reason"), len(got))
		}
	}
	// The same program in the same place, with what has been left as it was.
	w.allowed(t, "as shipped", w.send(w.request("GET", "/orders/7", "X-API-Key: "+w.keystile.keys["good"])), "/orders/7")
	testForgeries(t, w)
}

func TestHAProxyDoesNotStartWithoutItsScript(t *testing.T) {
	path, folder := program(t, "HAPROXY", "haproxy"), t.TempDir()
	config := filepath.Join(folder, "haproxy.cfg")
	check := func() error { return exec.CommandContext(t.Context(), path, "-c", "-f", config).Run() }
	for _, name := range []string{"haproxy.cfg", "keystile.lua"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", "haproxy", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := check(); err != nil {
		t.Errorf("as shipped: %v", err)
	}
	script := filepath.Join(folder, "keystile.lua")
	if err := os.WriteFile(script, []byte("this is not Lua"), 0o600); err != nil {
		t.Fatal(err)
	}
	if check() == nil {
		t.Error("it starts with a broken script")
	}
	if err := os.Remove(script); err != nil {
		t.Fatal(err)
	}
	if check() == nil {
		t.Error("it starts without its script")
	}
}

// The lines that haproxy.cfg has as comments, for a route that is bound.
func TestHAProxyBound(t *testing.T) {
	testBound(t, start(t, haproxy(t,
		"    #   acl orders", "    acl orders", "    #   http-request lua", "    http-request lua",
		"    http-request lua.keystile /forward-auth\n", "\n", "permission=orders.read", "permission=orders.admin",
	)))
}
