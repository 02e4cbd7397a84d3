//go:build gateways

package gateways

import (
	"net/http"
	"testing"
)

// ownAnswers says which of the shared cases a proxy may answer by itself, by folder
// and case, and with which status. A case that is not here is asked about.
var ownAnswers = map[string]map[string]int{
	"caddy": {},
	"envoy": {
		"envoy's": http.StatusBadRequest, "connection names": http.StatusBadRequest,
		// A key that is named in Connection is for this hop alone, and is not passed on.
		"connection": http.StatusUnauthorized, "upstream down": http.StatusServiceUnavailable,
	},
	"haproxy": {"envoy's": http.StatusBadRequest, "upstream down": http.StatusServiceUnavailable},
	"nginx":   {"envoy's": http.StatusBadRequest, "two bearers": http.StatusBadRequest},
	"traefik": {"envoy's": http.StatusBadRequest, "connection": http.StatusUnauthorized},
}

// answeredItself tells whether the proxy has answered a case by itself, where it may.
func (w *world) answeredItself(t *testing.T, name string, r reply) bool {
	t.Helper()
	status, may := ownAnswers[w.gateway.folder][name]
	if !may || r.StatusCode != status {
		return false
	}
	if got := w.upstream.take(); len(got) != 0 {
		t.Errorf("%s: answered with %d, and reached the upstream: %+v", name, status, got)
	}
	return true
}
