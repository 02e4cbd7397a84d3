//go:build gateways

package gateways

import (
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// traefik is deploy/traefik, with texts replaced in its copy.
func traefik(t *testing.T, replace ...string) *gateway {
	path := program(t, "TRAEFIK", "traefik")
	return &gateway{
		folder: "traefik", bodies: true, cleans: true, h2c: true,
		command: func(t *testing.T, copied string) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), path, "--configFile=traefik.yaml")
			cmd.Dir = copied
			cmd.Env = append(os.Environ(), "KEYSTILE_CALLER="+callersKey)
			return cmd
		},
		replace: func(*world) []string { return replace },
	}
}

func TestTraefik(t *testing.T) {
	testGateway(t, traefik(t), testForwardAuthQuestion, testTunnels, testStripped,
		func(t *testing.T, w *world) {
			t.Run("other answers", func(t *testing.T) {
				testOtherAnswers(t, w, 0, map[string]http.HandlerFunc{
					"302": status(302, "Location", "/"), "401 of something else": status(401), "404": status(404), "500": status(500),
				})
			})
		})
}

// The lines that dynamic.yaml has as comments, for a route that is bound.
func TestTraefikBound(t *testing.T) {
	testBound(t, start(t, traefik(t,
		"    #   orders:", "    orders:", "    #     entryPoints", "      entryPoints", "    #     rule", "      rule",
		"    #     middlewares", "      middlewares", "    #     service", "      service",
		"    # ask-orders-read:", "    ask-orders-read:", "    #   forwardAuth", "      forwardAuth", "    #     <<", "        <<",
		"    #     address", "        address", "permission=orders.read", "permission=orders.admin",
	)))
}
