//go:build gateways

package gateways

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestCaddy(t *testing.T) {
	path := program(t, "CADDY", "caddy")
	testGateway(t, &gateway{
		folder: "caddy", bodies: true, h2c: true,
		replace: func(w *world) []string { return []string{"http://:8000", "http://:" + port(w.proxy)} },
		command: func(t *testing.T, copied string) *exec.Cmd {
			cmd := exec.CommandContext(t.Context(), path, "run", "--adapter", "caddyfile", "--config", filepath.Join(copied, "Caddyfile"))
			cmd.Env = append(os.Environ(), "HOME="+copied, "XDG_DATA_HOME="+copied, "XDG_CONFIG_HOME="+copied)
			return cmd
		},
	})
}
