//go:build gateways

package gateways

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nginx is deploy/nginx. Edits change the copied files further.
func nginx(t *testing.T, edits ...func(t *testing.T, copied string)) *gateway {
	path := program(t, "NGINX", "nginx")
	return &gateway{
		folder: "nginx", h2c: true, h2cApart: true,
		command: func(t *testing.T, copied string) *exec.Cmd {
			// Started by root, nginx works as somebody else, who has to get here.
			if err := os.Chmod(filepath.Dir(copied), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, edit := range edits {
				edit(t, copied)
			}
			return exec.CommandContext(t.Context(), path, "-p", copied, "-c", filepath.Join(copied, "nginx.conf"), "-g", "daemon off;")
		},
	}
}

func TestNginx(t *testing.T) {
	testGateway(t, nginx(t), testNginxQuestion, testNginxLimits, testTunnels, testStripped,
		func(t *testing.T, w *world) { t.Run("deprecation", func(t *testing.T) { testDeprecation(t, w) }) },
		func(t *testing.T, w *world) {
			t.Run("other answers", func(t *testing.T) {
				testOtherAnswers(t, w, http.StatusServiceUnavailable, otherAnswers())
			})
		},
		func(t *testing.T, w *world) {
			t.Run("own addresses", func(t *testing.T) {
				for _, path := range []string{"/_keystile", "/_keystile?permission=none", "/@undecided"} {
					r := w.send(w.request("GET", path, "X-API-Key: "+w.keystile.keys["good"]))
					if got := w.upstream.take(); len(got) != 0 || r.StatusCode != http.StatusNotFound && r.StatusCode != http.StatusForbidden {
						t.Errorf("%s: %d, %d calls upstream", path, r.StatusCode, len(got))
					}
				}
			})
		})
}

// testNginxQuestion: /auth-request is told of the request as it stands, by nginx alone.
func testNginxQuestion(t *testing.T, w *world) {
	t.Run("question", func(t *testing.T) {
		s := w.standIn(t)
		s.answers(yes())
		target := "/orders/7?tenant=evil&permission=none"
		r := w.send(w.request("DELETE", target, "X-API-Key: one", "X-API-Key: two", "Authorization: Bearer three",
			"Origin: https://app.test", "Access-Control-Request-Method: PUT", "Cookie: session=private", "Content-Length: 5", "Expect: 100-continue",
			"X-Original-Method: GET", "X-Original-URI: /forged", "X-Forwarded-For: 203.0.113.7", "X-Keystile-Caller: forged", "X_Keystile_Caller: forged") + "hello")
		w.allowed(t, "two keys, as far as nginx goes", r, target)
		q := s.question(t)
		if q.uri != "/auth-request" || q.host != "api.acme.test" || q.method != http.MethodGet {
			t.Errorf("it was asked at %s %s %s", q.method, q.host, q.uri)
		}
		for name, want := range map[string][]string{
			"X-Original-Method": {"DELETE"}, "X-Original-Uri": {target}, "X-Api-Key": {"one", "two"}, "Authorization": {"Bearer three"},
			"Origin": {"https://app.test"}, "Access-Control-Request-Method": {"PUT"}, "X-Forwarded-For": {clientAddress},
			"X-Keystile-Caller": nil, "X_keystile_caller": nil, "Cookie": nil, "Content-Length": nil, "Expect": nil,
		} {
			if got := q.header.Values(name); !slices.Equal(got, want) {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// overLimit is how Keystile refuses what is over a limit, with a status.
func overLimit(code int) http.HandlerFunc {
	return status(code, "X-Keystile-Reason", "RATE_LIMITED", "X-Keystile-Status", "429", "Retry-After", "7", "RateLimit", "r=0",
		"RateLimit-Policy", "q=1", "X-Keystile-Decision", "dec_1")
}

// toldOfLimit wants the client to know what Keystile said of the limit.
func (w *world) toldOfLimit(t *testing.T, r reply) {
	t.Helper()
	if got := w.upstream.take(); r.StatusCode != http.StatusTooManyRequests || len(got) != 0 {
		t.Errorf("over a limit: %d, %d calls upstream", r.StatusCode, len(got))
	}
	for name, want := range map[string]string{
		"Retry-After": "7", "RateLimit": "r=0", "RateLimit-Policy": "q=1", "X-Keystile-Reason": "RATE_LIMITED", "X-Keystile-Decision": "dec_1",
	} {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("over a limit: %s is %q, want %q", name, got, want)
		}
	}
}

// testNginxLimits: the shipped way to a 429.
func testNginxLimits(t *testing.T, w *world) {
	t.Run("limits", func(t *testing.T) {
		w.standIn(t).answers(overLimit(http.StatusTooManyRequests))
		w.toldOfLimit(t, w.send(w.request("GET", "/orders/7", "X-API-Key: x")))
	})
}

// The other way to a 429, as deploy/nginx/README.md has it.
func TestNginxQuietLimits(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "deploy", "nginx", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, recipe, found := strings.Cut(string(readme), "  ```\n")
	recipe, _, ended := strings.Cut(recipe, "  ```\n")
	if !found || !ended {
		t.Fatal("the README has no recipe")
	}
	w := start(t, nginx(t, func(t *testing.T, copied string) {
		edit(t, filepath.Join(copied, "nginx.conf"), "http://keystile/auth-request;", "http://keystile/auth-request?limit_status=403;",
			"        location / {", recipe+"\n        location / {")
	}))
	// The real door knows the argument, and goes on refusing as it did.
	testCredentials(t, w)
	s := w.standIn(t)
	s.answers(overLimit(http.StatusForbidden))
	w.toldOfLimit(t, w.send(w.request("GET", "/orders/7", "X-API-Key: x")))
	if q := s.question(t); q.uri != "/auth-request?limit_status=403" {
		t.Errorf("it was asked at %q", q.uri)
	}
	if log := w.log.String(); strings.Contains(log, "unexpected status") {
		t.Errorf("nginx logs an error for it: %s", log)
	}
}

// The lines that nginx.conf has as comments, for a location that is bound.
func TestNginxBound(t *testing.T) {
	testBound(t, start(t, nginx(t, func(t *testing.T, copied string) {
		config := filepath.Join(copied, "nginx.conf")
		uncomment(t, config, "        ", 9)
		edit(t, config, "permission=orders.read", "permission=orders.admin")
	})))
}

// With --check-auth=key nginx asks with its own key, and no client with its.
func TestNginxCaller(t *testing.T) {
	key := ""
	g := nginx(t, func(t *testing.T, copied string) {
		if key != "" {
			edit(t, filepath.Join(copied, "keystile_ask.conf"), `X-Keystile-Caller ""`, `X-Keystile-Caller "`+key+`"`)
		}
	})
	testCaller(t, g, func(w *world) { key = w.keystile.keys["caller"] })
}
