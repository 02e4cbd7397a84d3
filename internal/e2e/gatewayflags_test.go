package e2e

import (
	"net/http"
	"testing"
)

// What the flags say about gateways is what their doors do.
func TestGatewayFlags(t *testing.T) {
	usual := serve(t)
	set := serve(t, "--trusted-proxies", "", "--identity-header-prefix", "X-Acme-", "--credential-query", "token", "--credential-cookie", "session")
	for _, s := range []*server{usual, set} {
		root := s.root()
		s.acme(root)
		out := s.call("POST", "/v1/keys", root, object{"key": object{"tenantId": "acme", "userId": "ada", "allowedCidrs": []string{"203.0.113.0/24"}}})
		bound, _ := out["secret"].(string)
		_, secret := s.key(root)

		asks := func(uri string, headers ...string) (int, http.Header) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.web+"/auth-request?permission=orders.read", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Original-Method", "GET")
			req.Header.Set("X-Original-URI", uri)
			for i := 0; i < len(headers); i += 2 {
				req.Header.Set(headers[i], headers[i+1])
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return resp.StatusCode, resp.Header
		}
		for _, c := range []struct {
			name       string
			uri        string
			headers    []string
			usual, set int
		}{
			{"a header", "/", []string{"X-API-Key", secret}, 200, 200},
			{"a query parameter", "/?token=" + secret, nil, 401, 200},
			{"a cookie", "/", []string{"Cookie", "session=" + secret}, 401, 200},
			{"a client behind a proxy", "/", []string{"X-API-Key", bound, "X-Forwarded-For", "203.0.113.9"}, 200, 403},
		} {
			want, name := c.usual, "X-Keystile-User"
			if s == set {
				want, name = c.set, "X-Acme-User"
			}
			code, header := asks(c.uri, c.headers...)
			if code != want || code == 200 && header.Get(name) != "ada" {
				t.Errorf("%s, flags set: %v: status %d %v, want %d", c.name, s == set, code, header, want)
			}
		}
	}
}
