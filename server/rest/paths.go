package rest

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
)

// paths finds which methods a path takes. It asks a mux of the same kind and
// settings as the one that serves, so that both read a path alike.
type paths struct {
	mux     *runtime.ServeMux
	methods []string
}

type matchedKey struct{}

func newPaths(table []*route) (*paths, error) {
	p := &paths{methods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete}}
	p.mux = runtime.NewServeMux(
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithRoutingErrorHandler(func(context.Context, *runtime.ServeMux, runtime.Marshaler, http.ResponseWriter, *http.Request, int) {
		}),
	)
	for _, t := range table {
		err := p.mux.HandlePath(t.method, t.pattern, func(_ http.ResponseWriter, r *http.Request, params map[string]string) {
			if matched, ok := r.Context().Value(matchedKey{}).(*bool); ok {
				*matched = clearParams(params)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("rest: route %s: %w", t.pattern, err)
		}
	}
	return p, nil
}

// allowed lists the methods for an Allow header; empty when the path is unknown.
func (p *paths) allowed(r *http.Request) string {
	var found []string
	for _, method := range p.methods {
		matched := false
		ask := (&http.Request{Method: method, URL: r.URL, Header: http.Header{}}).
			WithContext(context.WithValue(r.Context(), matchedKey{}, &matched))
		p.mux.ServeHTTP(nil, ask)
		if !matched {
			continue
		}
		found = append(found, method)
		if method == http.MethodGet {
			found = append(found, http.MethodHead)
		}
	}
	return strings.Join(found, ", ")
}
