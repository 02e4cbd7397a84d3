//go:build gateways

package gateways

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// caddy is deploy/caddy, with the key that it is to present as its own. Edits change
// the copied file further.
func caddy(t *testing.T, caller func() string, edits ...func(t *testing.T, config string)) *gateway {
	path := program(t, "CADDY", "caddy")
	return &gateway{
		folder: "caddy", bodies: true, h2c: true,
		replace: func(w *world) []string { return []string{"http://:8000", "http://:" + port(w.proxy)} },
		command: func(t *testing.T, copied string) *exec.Cmd {
			config := filepath.Join(copied, "Caddyfile")
			for _, edit := range edits {
				edit(t, config)
			}
			cmd := exec.CommandContext(t.Context(), path, "run", "--adapter", "caddyfile", "--config", config)
			cmd.Env = append(os.Environ(), "HOME="+copied, "XDG_DATA_HOME="+copied, "XDG_CONFIG_HOME="+copied)
			if key := caller(); key != "" {
				cmd.Env = append(cmd.Env, "KEYSTILE_CALLER="+key)
			}
			return cmd
		},
	}
}

func TestCaddy(t *testing.T) {
	testGateway(t, caddy(t, func() string { return callersKey }), testForwardAuthQuestion, testTunnels, testStripped,
		func(t *testing.T, w *world) {
			t.Run("deprecation", func(t *testing.T) {
				testDeprecation(t, w, "X-Keystile-Deprecation: @1", "X-Keystile-Sunset: Thu, 01 Jan 1970 00:33:20 GMT")
			})
		},
		func(t *testing.T, w *world) {
			t.Run("other answers", func(t *testing.T) {
				answers := otherAnswers()
				// Caddy sees that these are not Keystile's, where nginx can't.
				answers["401 of something else"] = status(http.StatusUnauthorized, "WWW-Authenticate", "Basic")
				answers["403 of something else"] = status(http.StatusForbidden)
				testOtherAnswers(t, w, http.StatusServiceUnavailable, answers)
			})
		})
}

// The lines that the Caddyfile has as comments, for a location that is bound.
func TestCaddyBound(t *testing.T) {
	w := start(t, caddy(t, func() string { return "" }, func(t *testing.T, config string) {
		uncomment(t, config, "\t\t", 7)
		edit(t, config, "\t\tforward_auth 127.0.0.1", "\t\t#forward_auth 127.0.0.1", "permission=orders.read", "permission=orders.admin")
	}))
	testBound(t, w)
}

// With --check-auth=key Caddy asks with its own key, and no client with its.
func TestCaddyCaller(t *testing.T) {
	key := ""
	testCaller(t, caddy(t, func() string { return key }), func(w *world) { key = w.keystile.keys["caller"] })
}
