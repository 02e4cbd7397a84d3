package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// question is what Envoy asks of GET /orders/7 with these headers in its map.
func question(headers map[string]string) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: "203.0.113.7", PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: 4711}},
		}}},
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: "GET", Host: "api.acme.test", Path: "/orders/7?x=1", Headers: headers,
		}},
	}}
}

// raw is the same with the headers in a list, as encode_raw_headers has it.
func raw(pairs ...string) *authv3.CheckRequest {
	q := question(nil)
	list := &corev3.HeaderMap{}
	for i := 0; i+1 < len(pairs); i += 2 {
		list.Headers = append(list.Headers, &corev3.HeaderValue{Key: pairs[i], RawValue: []byte(pairs[i+1])})
	}
	q.Attributes.Request.Http.HeaderMap = list
	return q
}

func read(t *testing.T, q *authv3.CheckRequest, o Options) Call {
	t.Helper()
	names := o.Names()
	call, err := ReadEnvoy(string(encoded(t, q)), &o, &names)
	if err != nil {
		t.Fatal(err)
	}
	return call
}

// answered is what Envoy makes of an answer.
func answered(t *testing.T, call *Call, r *Reply, names *Names, o *Options) *authv3.CheckResponse {
	t.Helper()
	wire, err := AnswerEnvoy(call, r, names, o)
	if err != nil {
		t.Fatal(err)
	}
	out := &authv3.CheckResponse{}
	if err := proto.Unmarshal(wire, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadEnvoy(t *testing.T) {
	for name, q := range map[string]*authv3.CheckRequest{
		"map":               question(map[string]string{":path": "/forged", "authorization": "Bearer " + one, "x-api-key": one}),
		"map, joined alike": question(map[string]string{"authorization": "Bearer " + one + ",Bearer " + one}),
		"map, other case":   question(map[string]string{"Authorization": "Bearer " + one}),
		"list":              raw("authorization", "Bearer "+one),
		"list, repeated":    raw("x-api-key", one, "x-api-key", one),
		"list, value":       {Attributes: question(nil).Attributes},
	} {
		if name == "list, value" {
			q.Attributes.Request.Http.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{{Key: "X-Api-Key", Value: one}}}
		}
		call := read(t, q, Options{})
		if call.Secret.Reveal() != one {
			t.Errorf("%s: no key was read", name)
		}
		if want := (access.HTTPCall{Method: "GET", Host: "api.acme.test", Path: "/orders/7?x=1"}); call.HTTP != want {
			t.Errorf("%s: got %+v, want %+v", name, call.HTTP, want)
		}
		if call.ClientIP.String() != "203.0.113.7" {
			t.Errorf("%s: got client %v", name, call.ClientIP)
		}
	}
}

func TestReadEnvoyOfAlteredText(t *testing.T) {
	same := []string{":method", "GET", ":path", "/orders/7?x=1", ":authority", "api.acme.test", ":scheme", "https", "x-api-key", one}
	if call := read(t, raw(same...), Options{}); call.HTTP.Path != "/orders/7?x=1" {
		t.Errorf("the same: got %+v", call.HTTP)
	}
	for i, other := range map[int]string{1: "G\xff", 3: "/orders/7?x=1\xff", 5: "api.acme.tes\xff"} {
		pairs := slices.Clone(same)
		pairs[i] = other
		if call := read(t, raw(pairs...), Options{}); call.HTTP.Path != unreadable {
			t.Errorf("%s %q: got %+v", pairs[i-1], other, call.HTTP)
		}
	}
}

func TestReadEnvoyRefusesTwoCredentials(t *testing.T) {
	for name, q := range map[string]*authv3.CheckRequest{
		"map":               question(map[string]string{"authorization": "Bearer " + one, "x-api-key": other}),
		"map, joined":       question(map[string]string{"x-api-key": one + "," + other}),
		"map, joined other": question(map[string]string{"x-api-key": other + "," + one}),
		"map, bearers":      question(map[string]string{"authorization": "Bearer " + one + ",Bearer " + other}),
		"list":              raw("x-api-key", one, "x-api-key", other),
		"list, other order": raw("x-api-key", other, "x-api-key", one),
		"list, both kinds":  raw("x-api-key", other, "authorization", "Bearer "+one),
	} {
		if form := read(t, q, Options{}).Secret.Form(); form != access.Malformed {
			t.Errorf("%s: got form %d, want malformed", name, form)
		}
	}
	both := question(map[string]string{"x-api-key": one})
	both.Attributes.Request.Http.HeaderMap = raw("x-api-key", other).Attributes.Request.Http.HeaderMap
	if form := read(t, both, Options{}).Secret.Form(); form != access.Malformed {
		t.Errorf("map and list differ: got form %d", form)
	}
}

// What Envoy's network filter sends, and what nobody should: no request at all.
func TestReadEnvoyWithoutARequest(t *testing.T) {
	for _, q := range []*authv3.CheckRequest{nil, {}, {Attributes: &authv3.AttributeContext{}}, {Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}}} {
		call := read(t, q, Options{})
		aim := access.NewAim("", storage.APIRef{}, &call.HTTP)
		if call.Secret.Form() != access.Missing || call.ClientIP.IsValid() || !aim.Malformed {
			t.Errorf("got %+v", call)
		}
	}
}

func TestReadEnvoyPreflight(t *testing.T) {
	q := question(map[string]string{"origin": "https://app.test", "access-control-request-method": "DELETE"})
	q.Attributes.Request.Http.Method = "OPTIONS"
	if got := read(t, q, Options{}).HTTP.Preflight; got != "DELETE" {
		t.Errorf("got %q", got)
	}
	delete(q.Attributes.Request.Http.Headers, "origin")
	if got := read(t, q, Options{}).HTTP.Preflight; got != "" {
		t.Errorf("without an origin: got %q", got)
	}
	twice := raw("origin", "https://app.test", "access-control-request-method", "GET", "access-control-request-method", "DELETE")
	if got := read(t, twice, Options{}).HTTP.Preflight; got != "" {
		t.Errorf("two methods: got %q", got)
	}
}

func good() *Reply {
	key := &storage.Key{ID: "key_1", TenantID: "acme", UserID: "ada", Secrets: []storage.Secret{{}}}
	api := &storage.API{TenantID: "acme", ID: "orders", State: storage.APIDeprecated, DeprecateTime: time.Unix(1000, 0), SunsetTime: time.Unix(2000, 0)}
	return &Reply{
		Verdict: access.Verdict{Reason: access.Allowed, Warnings: []access.Warning{{Kind: access.APIDeprecated, Time: time.Unix(2000, 0)}}},
		Grant: &access.Grant{
			Key: key, User: &storage.User{TenantID: "acme", ID: "ada", Roles: []string{"admin", "auditor"}},
			Target: access.Target{API: api, Pattern: "/orders/{id}"},
		},
		DecisionID: "dec_1", Documentation: "https://docs.test/errors#x",
	}
}

func TestAnswerEnvoyAllowed(t *testing.T) {
	o := Options{CredentialQuery: "api_key", CredentialCookie: "key"}
	names := o.Names()
	q := question(map[string]string{
		"authorization": "Bearer " + one, "cookie": "a=b; key=" + one, "x_keystile_user": "root", "x-keystile-user": "root",
		"x.keystile.new": "1", "x-other": "2",
	})
	q.Attributes.Request.Http.Path = "/orders/7?api_key=" + one
	call := read(t, q, o)
	out := answered(t, &call, good(), &names, &o)
	if out.GetStatus() == nil || out.GetStatus().GetCode() != 0 || out.GetOkResponse() == nil {
		t.Fatalf("got %v", out)
	}
	got := map[string]string{}
	for _, h := range out.GetOkResponse().GetHeaders() {
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD || h.GetAppend() != nil { //nolint:staticcheck // old releases read it
			t.Errorf("%s would be added beside the client's own", h.GetHeader().GetKey())
		}
		got[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	for name, want := range map[string]string{
		"x-keystile-tenant": "acme", "x-keystile-user": "ada", "x-keystile-key": "key_1", "x-keystile-roles": "admin,auditor",
		"x-keystile-api": "orders", "x-keystile-decision": "dec_1", "cookie": "a=b",
	} {
		if value, ok := got[name]; !ok || value != want {
			t.Errorf("%s: got %q, want %q", name, value, want)
		}
	}
	remove := out.GetOkResponse().GetHeadersToRemove()
	for _, name := range []string{"authorization", "x_keystile_user", "x_keystile_tenant", "x.keystile.new"} {
		if !slices.Contains(remove, name) {
			t.Errorf("%s goes upstream: %v", name, remove)
		}
	}
	for _, name := range []string{"x-keystile-user", "x-other", "cookie"} {
		if slices.Contains(remove, name) {
			t.Errorf("%s is removed", name)
		}
	}
	if got := out.GetOkResponse().GetQueryParametersToRemove(); len(got) != 1 || got[0] != "api_key" {
		t.Errorf("the key's parameter goes upstream: %v", got)
	}
	added := map[string]string{}
	for _, h := range out.GetOkResponse().GetResponseHeadersToAdd() {
		added[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	if added["deprecation"] != "@1000" || added["sunset"] != "Thu, 01 Jan 1970 00:33:20 GMT" {
		t.Errorf("the client is told %v", added)
	}
	meta := out.GetDynamicMetadata().AsMap()
	for name, want := range map[string]any{"tenant": "acme", "user": "ada", "key_id": "key_1", "reason": "ALLOWED", "decision_id": "dec_1"} {
		if meta[name] != want {
			t.Errorf("metadata %s: got %v, want %v", name, meta[name], want)
		}
	}
}

// An allowed preflight has no caller: the headers are there, and empty.
func TestAnswerEnvoyWithoutACaller(t *testing.T) {
	o := Options{}
	names := o.Names()
	r := &Reply{Verdict: access.Verdict{Reason: access.Allowed}, Grant: &access.Grant{}, DecisionID: "dec_1"}
	out := answered(t, &Call{}, r, &names, &o)
	if n := len(out.GetOkResponse().GetHeaders()); n != 6 {
		t.Errorf("%d headers, want 6", n)
	}
	for _, h := range out.GetOkResponse().GetHeaders() {
		if h.GetHeader().GetKey() != "x-keystile-decision" && h.GetHeader().GetValue() != "" {
			t.Errorf("%v", h)
		}
	}
}

// Every reason but one refuses, with its own status and never with code 0; so do
// the zero verdict and a reason that does not exist.
func TestAnswerEnvoyRefused(t *testing.T) {
	o := Options{}
	names := o.Names()
	reasons := []access.Reason{access.NoReason, 255}
	for _, e := range access.Entries() {
		if e.Reason != access.Allowed {
			reasons = append(reasons, e.Reason)
		}
	}
	for _, reason := range reasons {
		r := good()
		r.Verdict = access.Verdict{Reason: reason}
		out := answered(t, &Call{}, r, &names, &o)
		entry := reason.Entry()
		if code := codes.Code(out.GetStatus().GetCode()); code == codes.OK || out.GetDeniedResponse() == nil {
			t.Fatalf("%s is let through: %v", entry.Name, out)
		}
		if got := int(out.GetDeniedResponse().GetStatus().GetCode()); got != entry.HTTPStatus {
			t.Errorf("%s: status %d, want %d", entry.Name, got, entry.HTTPStatus)
		}
		body := out.GetDeniedResponse().GetBody()
		for _, part := range []string{`"reason":"` + entry.Name + `"`, `"remedy":"`, `"decisionId":"dec_1"`, "https://docs.test/errors#x"} {
			if !strings.Contains(body, part) {
				t.Errorf("%s: no %s in %s", entry.Name, part, body)
			}
		}
		headers := map[string]string{}
		for _, h := range out.GetDeniedResponse().GetHeaders() {
			headers[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
		}
		challenge := map[bool]string{true: `Bearer realm="keystile"`}[entry.HTTPStatus == 401]
		if entry.HTTPStatus == 401 && reason != access.KeyMissing {
			challenge += `, error="invalid_token"`
		}
		if headers["x-keystile-reason"] != entry.Name || headers["www-authenticate"] != challenge || headers["content-type"] != "application/problem+json" {
			t.Errorf("%s: headers %v", entry.Name, headers)
		}
		if out.GetDynamicMetadata().AsMap()["reason"] != entry.Name {
			t.Errorf("%s: metadata %v", entry.Name, out.GetDynamicMetadata())
		}
		if _, told := out.GetDynamicMetadata().AsMap()["tenant"]; told != reason.Identified() {
			t.Errorf("%s: whose key it was is told: %t", entry.Name, told)
		}
	}
}
