package server

import (
	"net/http"
	"strings"
)

// Paths tells the parts of the HTTP listener apart by the path as the client
// wrote it: no mux stands before the doors, which would clean or redirect what
// they have to judge.
func Paths(gateways *GatewayDoors, api, docs http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if gateways.Serves(r.RequestURI) {
			gateways.ServeHTTP(w, r)
			return
		}
		path := r.URL.Path
		if path == "/openapi.json" || path == "/docs" || strings.HasPrefix(path, "/docs/") {
			docs.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}
