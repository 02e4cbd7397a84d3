//go:build gateways

package gateways

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestNginx(t *testing.T) {
	path := program(t, "NGINX", "nginx")
	testGateway(t, &gateway{
		folder: "nginx", h2c: true, h2cApart: true,
		command: func(t *testing.T, copied string) *exec.Cmd {
			// Started by root, nginx works as somebody else, who has to get here.
			if err := os.Chmod(filepath.Dir(copied), 0o755); err != nil {
				t.Fatal(err)
			}
			return exec.CommandContext(t.Context(), path, "-p", copied, "-c", filepath.Join(copied, "nginx.conf"), "-g", "daemon off;")
		},
	})
}

// nginx makes a 500 of every answer it does not know. Both ways to a right 429 hold
// with a door that says so, and what was not decided is 503.
func TestNginxLimits(t *testing.T) {
	path := program(t, "NGINX", "nginx")
	w := start(t, &gateway{
		folder: "nginx",
		command: func(t *testing.T, copied string) *exec.Cmd {
			if err := os.Chmod(filepath.Dir(copied), 0o755); err != nil {
				t.Fatal(err)
			}
			quiet(t, copied)
			return exec.CommandContext(t.Context(), path, "-p", copied, "-c", filepath.Join(copied, "nginx.conf"), "-g", "daemon off;")
		},
	})
	door := w.standIn(t)
	over := func(code int) http.HandlerFunc {
		return status(code, "X-Keystile-Reason", "RATE_LIMITED", "X-Keystile-Status", "429", "Retry-After", "7", "X-Keystile-Decision", "dec_1")
	}
	for name, c := range map[string]struct {
		path   string
		answer http.HandlerFunc
		want   int
	}{
		"by its status":        {"/orders/7", over(429), 429},
		"by a header":          {"/quiet/7", over(403), 429},
		"a refusal":            {"/quiet/7", status(403, "X-Keystile-Reason", "PERMISSION_DENIED"), 403},
		"an outage":            {"/orders/7", status(503), 503},
		"an answer of no door": {"/orders/7", status(302, "Location", "/"), 503},
		"not found":            {"/orders/7", status(404), 503},
	} {
		door.answers(c.answer)
		r := w.send(w.request("GET", c.path, "X-API-Key: x"))
		if r.StatusCode != c.want || len(w.upstream.take()) != 0 {
			t.Errorf("%s: got %d, want %d", name, r.StatusCode, c.want)
		}
		if c.want == 429 && (r.Header.Get("Retry-After") != "7" || r.Header.Get("X-Keystile-Reason") != "RATE_LIMITED") {
			t.Errorf("%s: the client is told %v", name, r.Header)
		}
	}
}

// quiet adds a location that takes the second way, as deploy/nginx/README.md has it.
func quiet(t *testing.T, copied string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(copied, "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "deploy", "nginx", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, recipe, ok := strings.Cut(string(readme), "auth_request_set $keystile_meant")
	recipe, _, ok2 := strings.Cut(recipe, "```")
	if !ok || !ok2 {
		t.Fatal("the README has no recipe")
	}
	recipe = "auth_request_set $keystile_meant" + recipe
	settings, location, ok := strings.Cut(recipe, "location @refused")
	if !ok {
		t.Fatal("the recipe has no location")
	}
	// The recipe leaves out what its location has to repeat.
	added := "location /quiet/ {\nauth_request /_keystile;\n" + settings +
		"auth_request_set $keystile_reason $upstream_http_x_keystile_reason;\nproxy_pass http://backend;\n}\nlocation @refused" + location
	text := strings.Replace(string(config), "        location / {", added+"\n        location / {", 1)
	if err := os.WriteFile(filepath.Join(copied, "nginx.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
