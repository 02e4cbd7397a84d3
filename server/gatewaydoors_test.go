package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/gateway"
)

// atGateway fills in what a gateway can't leave out: there always is a request,
// and where none is asked about, a permission that everybody but guests holds
// stands in its place.
func atGateway(q asking) asking {
	switch {
	case q.call != "":
	case q.api != "":
		q.call = "GET api." + q.apiHostTenant + ".test /orders/7"
	default:
		q.call = "GET any.test /"
		if q.permission == "" {
			q.permission = "matrix.any"
		}
	}
	return q
}

// envoyDoor asks as Envoy does over gRPC.
type envoyDoor struct{}

func (envoyDoor) name() string { return "ext_authz" }

func (envoyDoor) carries(asking) bool { return true }

func (envoyDoor) tells(want told) told { return want }

func (envoyDoor) ask(t *testing.T, h *house, q asking) told {
	t.Helper()
	full := atGateway(q)
	resp, err := authv3.NewAuthorizationClient(h.conn).Check(t.Context(), envoyRequest(full))
	if err != nil {
		s := status.Convert(err)
		if s.Code() != codes.Unavailable {
			t.Fatalf("the error is %v, want UNAVAILABLE", err)
		}
		return told{Reason: errorReason(s), HTTPStatus: http.StatusServiceUnavailable, Code: "UNAVAILABLE"}
	}
	meta := resp.GetDynamicMetadata().AsMap()
	text := func(name string) string { v, _ := meta[name].(string); return v }
	out := told{
		Allowed: resp.GetStatus().GetCode() == 0 && resp.GetOkResponse() != nil, Reason: text("reason"), HTTPStatus: 200,
		Code:   code.Code_name[resp.GetStatus().GetCode()],
		Tenant: text("tenant"), User: text("user"), Key: text("key_id"),
		API: apiName(text("api_tenant"), text("api")), Route: text("route"),
	}
	if d := resp.GetDeniedResponse(); d != nil {
		out.HTTPStatus = int(d.GetStatus().GetCode())
		out.Message = detailOf(t, []byte(d.GetBody()))
	} else {
		out.Message = access.Allowed.Entry().Message
	}
	for _, header := range resp.GetOkResponse().GetHeaders() {
		if header.GetHeader().GetKey() == "x-keystile-roles" {
			out.Rich = header.GetHeader().GetValue() != ""
		}
	}
	if q.call == "" {
		out.Route = ""
	}
	return out
}

func envoyRequest(q asking) *authv3.CheckRequest {
	call := q.http()
	headers := map[string]string{":path": call.Path}
	if q.secret != "" {
		headers["authorization"] = "Bearer " + q.secret
	}
	extensions := map[string]string{}
	for name, value := range map[string]string{"tenant": q.tenant, "key_tenant": q.keyTenant, "api": q.api, "permission": q.permission} {
		if value != "" {
			extensions[name] = value
		}
	}
	out := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		ContextExtensions: extensions,
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Method: call.Method, Host: call.Host, Path: call.Path, Headers: headers,
		}},
	}}
	if q.clientIP != "" {
		out.Attributes.Source = &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
			SocketAddress: &corev3.SocketAddress{Address: q.clientIP},
		}}}
	}
	return out
}

// httpDoor asks as a gateway does over HTTP, at the door of that path.
type httpDoor struct{ path string }

func (d httpDoor) name() string { return d.path }

// carries: a control character can't stand in a header, and Envoy's HTTP service
// can't be told what is asked.
func (d httpDoor) carries(q asking) bool {
	if strings.IndexFunc(q.secret, func(c rune) bool { return c < ' ' }) >= 0 {
		return false
	}
	return d.path != gateway.ExtAuthzPath || q.permission == "" && q.api == "" && q.tenant == "" && q.keyTenant == ""
}

// tells: a refusal says nothing of whose key it was, and an allowed call's headers
// name the API without its tenant.
func (d httpDoor) tells(want told) told {
	want.Route = ""
	_, want.API, _ = strings.Cut(want.API, "/")
	if !want.Allowed {
		want.Tenant, want.User, want.Key, want.API = "", "", "", ""
	}
	return want
}

func (d httpDoor) ask(t *testing.T, h *house, q asking) told {
	t.Helper()
	return d.through(t, h.raw, q)
}

// through asks by a way of sending a request's bytes.
func (d httpDoor) through(t *testing.T, send func(request string) (*http.Response, []byte), q asking) told {
	t.Helper()
	full := atGateway(q)
	if q.call == "" && d.path == gateway.ExtAuthzPath {
		full.call = "GET shop.test /public/1"
	}
	resp, body := send(d.request(full))
	out := told{
		Allowed: resp.StatusCode == http.StatusOK, Reason: resp.Header.Get(gateway.HeaderReason), HTTPStatus: resp.StatusCode,
		Tenant: resp.Header.Get("X-Keystile-Tenant"), User: resp.Header.Get("X-Keystile-User"), Key: resp.Header.Get("X-Keystile-Key"),
		API: resp.Header.Get("X-Keystile-Api"), Rich: resp.Header.Get("X-Keystile-Roles") != "",
	}
	if out.Allowed {
		out.Reason, out.Message = access.Allowed.String(), access.Allowed.Entry().Message
	} else {
		out.Message = detailOf(t, body)
	}
	if q.call == "" && d.path == gateway.ExtAuthzPath {
		out.API = ""
	}
	filled := byTable(out)
	if filled.HTTPStatus != out.HTTPStatus {
		t.Errorf("%s: status %d for %s", d.path, out.HTTPStatus, out.Reason)
	}
	return filled
}

// request writes the question as it goes over the wire: Go's client would clean
// what is to be judged.
func (d httpDoor) request(q asking) string {
	call := q.http()
	arguments := url.Values{}
	for name, value := range map[string]string{"tenant": q.tenant, "keyTenant": q.keyTenant, "api": q.api, "permission": q.permission} {
		if value != "" {
			arguments.Set(name, value)
		}
	}
	var out strings.Builder
	switch d.path {
	case gateway.ExtAuthzPath:
		fmt.Fprintf(&out, "%s %s%s HTTP/1.1\r\nHost: %s\r\n", call.Method, d.path, call.Path, call.Host)
	case gateway.ForwardAuthPath:
		fmt.Fprintf(&out, "GET %s?%s HTTP/1.1\r\nHost: keystile\r\nX-Forwarded-Method: %s\r\nX-Forwarded-Host: %s\r\nX-Forwarded-Uri: %s\r\n",
			d.path, arguments.Encode(), call.Method, call.Host, call.Path)
	default:
		fmt.Fprintf(&out, "GET %s?%s HTTP/1.1\r\nHost: %s\r\nX-Original-Method: %s\r\nX-Original-URI: %s\r\n",
			d.path, arguments.Encode(), call.Host, call.Method, call.Path)
	}
	if q.secret != "" {
		out.WriteString("X-API-Key: " + q.secret + "\r\n")
	}
	if q.clientIP != "" {
		out.WriteString("X-Forwarded-For: " + q.clientIP + "\r\n")
	}
	return out.String() + "Connection: close\r\n\r\n"
}

// keptDoor asks as httpDoor does, on connections that are kept, of a listener that leaves nothing to net/http.
type keptDoor struct{ httpDoor }

func (d keptDoor) name() string { return "plain " + d.path }

func (d keptDoor) ask(t *testing.T, h *house, q asking) told {
	t.Helper()
	return d.through(t, h.plainly, q)
}

// plainly sends a request as the gateways do that keep their connections.
func (h *house) plainly(request string) (*http.Response, []byte) {
	h.t.Helper()
	return h.rawTo(h.plain, strings.Replace(request, "Connection: close\r\n", "", 1))
}

// raw sends a request's bytes as they are.
func (h *house) raw(request string) (*http.Response, []byte) {
	h.t.Helper()
	return h.rawTo(h.web.Listener.Addr().String(), request)
}

func (h *house) rawTo(addr, request string) (*http.Response, []byte) {
	h.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		h.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp, body
}

func detailOf(t *testing.T, body []byte) string {
	t.Helper()
	var problem struct{ Detail string }
	if err := json.Unmarshal(body, &problem); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	return problem.Detail
}
