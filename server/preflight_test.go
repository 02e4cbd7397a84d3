package server_test

import (
	"net/http"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/storage"
)

// A browser's preflight carries no key. It is let through to the APIs that allow
// it, for the methods they have, and to no other.
func TestPreflight(t *testing.T) {
	h := newHouse(t, houseOptions{})
	open := orders(func(a *storage.API) { a.AllowPreflight = true })
	open.Routes[1].Methods = []string{"DELETE"}
	closed := orders(func(a *storage.API) {
		a.ID = "closed"
		a.Routes[0].Path = "/closed/{id}"
		a.Routes[0].Permission = ""
		a.Routes = a.Routes[:1]
	})
	retired := orders(func(a *storage.API) {
		a.ID, a.State, a.AllowPreflight = "retired", storage.APIRetired, true
		a.Routes[0].Path, a.Routes[0].Permission, a.Routes = "/retired/{id}", "", a.Routes[:1]
	})
	secret := h.stage(scene{apis: []storage.API{open, closed, retired}}, 0)
	for _, c := range []struct {
		name, method, path, origin, asked, key string
		want                                   string
	}{
		{name: "open", method: "OPTIONS", path: "/orders/7", origin: "https://app.test", asked: "GET"},
		{name: "open, another method", method: "OPTIONS", path: "/orders/7", origin: "https://app.test", asked: "DELETE"},
		{name: "open, a method without a route", method: "OPTIONS", path: "/orders/7", origin: "https://app.test", asked: "PUT", want: "KEY_MISSING"},
		{name: "closed", method: "OPTIONS", path: "/closed/7", origin: "https://app.test", asked: "GET", want: "KEY_MISSING"},
		{name: "retired", method: "OPTIONS", path: "/retired/7", origin: "https://app.test", asked: "GET", want: "KEY_MISSING"},
		{name: "no API", method: "OPTIONS", path: "/other", origin: "https://app.test", asked: "GET", want: "KEY_MISSING"},
		{name: "ambiguous", method: "OPTIONS", path: "/orders/../orders/7", origin: "https://app.test", asked: "GET", want: "KEY_MISSING"},
		{name: "no origin", method: "OPTIONS", path: "/orders/7", asked: "GET", want: "KEY_MISSING"},
		{name: "no method asked for", method: "OPTIONS", path: "/orders/7", origin: "https://app.test", want: "KEY_MISSING"},
		{name: "not OPTIONS", method: "GET", path: "/orders/7", origin: "https://app.test", asked: "GET", want: "KEY_MISSING"},
		{name: "with a bad key", method: "OPTIONS", path: "/orders/7", origin: "https://app.test", asked: "GET", key: "sk-foreign-0123456789abcdef", want: "KEY_NOT_FOUND"},
		{name: "with a good key", method: "OPTIONS", path: "/closed/7", origin: "https://app.test", asked: "GET", key: secret, want: "API_NOT_FOUND"},
	} {
		q := asking{secret: c.key, call: c.method + " api." + tenantOf(0) + ".test " + c.path}
		req := envoyRequest(q)
		headers := req.GetAttributes().GetRequest().GetHttp().GetHeaders()
		extra := ""
		for name, value := range map[string]string{"origin": c.origin, "access-control-request-method": c.asked} {
			if value != "" {
				headers[name] = value
				extra += name + ": " + value + "\r\n"
			}
		}
		resp, err := authv3.NewAuthorizationClient(h.conn).Check(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want == "" {
			want = "ALLOWED"
		}
		if got := resp.GetDynamicMetadata().AsMap()["reason"]; got != want || (resp.GetOkResponse() != nil) != (want == "ALLOWED") {
			t.Errorf("%s at ext_authz: got %v, want %s", c.name, got, want)
		}
		if _, told := resp.GetDynamicMetadata().AsMap()["user"]; told && c.key == "" {
			t.Errorf("%s at ext_authz: a caller is made up: %v", c.name, resp.GetDynamicMetadata())
		}
		for _, path := range []string{gateway.ExtAuthzPath, gateway.ForwardAuthPath, gateway.AuthRequestPath} {
			request := strings.Replace(httpDoor{path}.request(q), "Connection: close", extra+"Connection: close", 1)
			for _, send := range []func(string) (*http.Response, []byte){h.raw, h.plainly} {
				resp, _ := send(request)
				got := resp.Header.Get(gateway.HeaderReason)
				if resp.StatusCode == 200 {
					got = "ALLOWED"
					if values, ok := resp.Header["X-Keystile-User"]; !ok || c.key == "" && values[0] != "" {
						t.Errorf("%s at %s: %v", c.name, path, resp.Header)
					}
				}
				if got != want {
					t.Errorf("%s at %s: got %s, want %s", c.name, path, got, want)
				}
			}
		}
	}
}

// Who may ask: with CheckAuthKey a gateway presents a key of its own, which is
// not its client's, and asks about the keys it may ask about.
func TestGatewayPresentsItsOwnKey(t *testing.T) {
	h := newHouse(t, houseOptions{checkAuth: "key"})
	secret := h.stage(scene{apis: []storage.API{orders()}}, 0)
	other := h.stage(scene{apis: []storage.API{orders()}}, 1)
	q := asking{secret: secret, call: "GET api." + tenantOf(0) + ".test /orders/7"}
	for _, path := range []string{gateway.ExtAuthzPath, gateway.ForwardAuthPath, gateway.AuthRequestPath} {
		plain := httpDoor{path}.request(q)
		with := func(key string) string {
			return strings.Replace(plain, "Connection: close", gateway.HeaderCaller+": "+key+"\r\nConnection: close", 1)
		}
		for name, c := range map[string]struct {
			request, reason string
			status          int
		}{
			"its own key":             {with(h.root), "", 200},
			"none":                    {plain, "GATEWAY_REFUSED", 503},
			"its client's":            {with(secret), "GATEWAY_REFUSED", 503},
			"an unknown one":          {with("sk-foreign-0123456789abcdef"), "GATEWAY_REFUSED", 503},
			"two":                     {strings.Replace(with(h.root), "Connection: close", gateway.HeaderCaller+": x\r\nConnection: close", 1), "GATEWAY_REFUSED", 503},
			"its own, a bad client's": {strings.Replace(with(h.root), secret, other[:12], 1), "KEY_MALFORMED", 401},
		} {
			for _, send := range []func(string) (*http.Response, []byte){h.raw, h.plainly} {
				resp, body := send(c.request)
				if resp.StatusCode != c.status || resp.Header.Get(gateway.HeaderReason) != c.reason {
					t.Errorf("%s, %s: got %d %s", path, name, resp.StatusCode, body)
				}
			}
		}
	}
	_, err := authv3.NewAuthorizationClient(h.conn).Check(t.Context(), envoyRequest(q))
	if err == nil || errorReason(statusOf(err)) != "GATEWAY_REFUSED" {
		t.Errorf("ext_authz without the gateway's key: %v", err)
	}
}
