package rest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

func TestQueries(t *testing.T) {
	w := newWorld(t)
	arrives := func(want proto.Message, method, target string) {
		t.Helper()
		w.ok(method, target, "")
		if got := w.one(); !proto.Equal(got.request, want) {
			t.Errorf("%s %s: got %v, want %v", method, target, got.request, want)
		}
	}
	arrives(&keystilev1.ListKeysRequest{TenantId: "acme", PageSize: 5, PageToken: "a b", ShowDeleted: true},
		"GET", "/v1/keys?tenantId=acme&page_size=5&pageToken=a+b&&showDeleted=true")
	arrives(&keystilev1.ListKeysRequest{}, "GET", "/v1/keys?tenantId=&userId=&pageSize=&pageToken=")
	arrives(&keystilev1.ListKeysRequest{}, "GET", "/v1/keys?")
	arrives(&keystilev1.ManageKeyRequest{Operation: &keystilev1.ManageKeyRequest_Delete{Delete: &keystilev1.DeleteKey{
		Id: "key_1", Etag: "e", RequestId: "r", ValidateOnly: true,
	}}}, "DELETE", "/v1/keys/key_1?etag=e&requestId=r&validateOnly=true")
	arrives(&keystilev1.ManageKeyRequest{Operation: &keystilev1.ManageKeyRequest_Delete{Delete: &keystilev1.DeleteKey{Id: "key_1"}}},
		"DELETE", "/v1/keys/key_1")

	for _, c := range []struct{ field, method, target string }{
		{"a", "POST", "/v1/keys?a=ks_SECRET&b=2"},
		{"validateOnly", "POST", "/v1/keys?validateOnly=true"},
		{"create.validateOnly", "POST", "/v1/keys?create.validateOnly=true"},
		{"update.etag", "POST", "/v1/keys/key_1:rotate?update.etag=x"},
		{"key", "POST", "/v1/keys:check?key=ks_SECRET"},
		{"etag", "PATCH", "/v1/keys/key_1?etag=x"},
		{"id", "GET", "/v1/keys/key_1?id=other"},
		{"id", "GET", "/v1/users/ada?id=other"},
		{"id", "DELETE", "/v1/keys/key_1?id=other"},
		{"delete.id", "DELETE", "/v1/keys/key_1?delete.id=other"},
		{"delete.etag", "DELETE", "/v1/keys/key_1?delete.etag=x"},
		{"delete", "DELETE", "/v1/keys/key_1?delete=x"},
		{"revoke.id", "DELETE", "/v1/keys/key_1?revoke.id=key_2"},
		{"create.key.id", "DELETE", "/v1/keys/key_1?create.key.id=key_2"},
		{"etag[x]", "DELETE", "/v1/keys/key_1?etag[x]=1"},
		{"nonsense", "GET", "/v1/keys?nonsense=ks_SECRET"},
		{"PageSize", "GET", "/v1/keys?PageSize=1"},
		{"(empty)", "GET", "/v1/keys?=ks_SECRET"},
		{strings.Repeat("x", 32) + "...", "GET", "/v1/keys?" + strings.Repeat("x", 999)},
		{"pageSize", "GET", "/v1/keys?pageSize=1&pageSize=1"},
		{"pageSize", "GET", "/v1/keys?pageSize=1&page_size=2"},
		{"pageSize", "GET", "/v1/keys?pageSize=&page_size=2"},
		{"pageSize", "GET", "/v1/keys?pageSize=ks_SECRET"},
		{"pageSize", "GET", "/v1/keys?pageSize=9999999999"},
		{"showDeleted", "GET", "/v1/keys?showDeleted=1"},
		{"validateOnly", "DELETE", "/v1/keys/key_1?validateOnly"},
		{"tenantId", "GET", "/v1/keys?tenantId=%ff"},
		{"query", "GET", "/v1/keys?tenantId=a;userId=b"},
		{"tenantId", "GET", "/v1/keys?tenantId=%zz"},
		{"query", "GET", "/v1/keys?%zz=1"},
	} {
		p := w.refused(http.StatusBadRequest, c.field, c.method, c.target, "")
		if strings.Contains(p.Detail+p.Errors[0].Message, "SECRET") {
			t.Errorf("%s: the answer echoes: %+v", c.target, p)
		}
	}
}

func TestOnlyListedHeadersArrive(t *testing.T) {
	w := newWorld(t)
	w.ok("GET", "/v1/keys", "",
		"Authorization: Bearer a", "X-API-Key: b", "X-Request-Id: r-1", "Traceparent: 00-1-2-3", "Tracestate: a=1", "Tracestate: b=2",
		"Grpc-Metadata-Authorization: Bearer evil", "Grpc-Metadata-X-Keystile-Source: 6.6.6.6", "X-Keystile-Source: 6.6.6.6",
		"Grpc-Metadata-X-Keystile-Certificate: verified", "X-Keystile-Certificate: verified", "X-Forwarded-Client-Cert: Hash=00",
		"Grpcgateway-Authorization: Bearer evil", "X-Http-Method-Override: DELETE", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil",
		"Forwarded: for=6.6.6.6", "Grpc-Trace-Bin: AAAA", "Cookie: a=b", "Origin: https://evil.example", "Te: trailers", "X_api_key: evil",
	)
	got := w.one().metadata
	for key, want := range map[string][]string{
		"authorization": {"Bearer a"}, "x-api-key": {"b"}, "x-request-id": {"r-1"}, "x-keystile-source": {"127.0.0.1"},
		"traceparent": {"00-1-2-3"}, "tracestate": {"a=1", "b=2"},
	} {
		if !slices.Equal(got.Get(key), want) {
			t.Errorf("%s: got %q, want %q", key, got.Get(key), want)
		}
		delete(got, key)
	}
	for _, transport := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding"} {
		delete(got, transport)
	}
	if len(got) != 0 {
		t.Errorf("more arrived: %v", got)
	}
	// What is repeated or too long of the trace context starts a new trace.
	w.ok("GET", "/v1/keys", "", "Traceparent: 00-1", "Traceparent: 00-2", "Tracestate: a=1")
	if md := w.one().metadata; len(md.Get("traceparent"))+len(md.Get("tracestate")) != 0 {
		t.Errorf("a repeated trace context arrived: %v", md)
	}
}

func TestRefusedHeaders(t *testing.T) {
	w := newWorld(t)
	w.refused(400, "Authorization", "GET", "/v1/keys", "", "Authorization: Bearer a", "Authorization: Bearer a")
	w.refused(400, "Authorization", "GET", "/v1/keys", "", "Authorization: Bearer a", "Authorization: ")
	w.refused(400, "X-Api-Key", "GET", "/v1/keys", "", "X-Api-Key: a", "X-Api-Key: b")
	w.refused(400, "Authorization", "GET", "/v1/keys", "", "Authorization: Bearer ä")
	w.refused(400, "X-Api-Key", "GET", "/v1/keys", "", "X-Api-Key: \xff")
	w.refused(400, "X-Request-Id", "GET", "/v1/keys", "", "X-Request-Id: ä")
	w.refused(400, "Traceparent", "GET", "/v1/keys", "", "Traceparent: ä")
	w.refused(http.StatusRequestHeaderFieldsTooLarge, "", "GET", "/v1/keys", "", "Authorization: "+strings.Repeat("x", 5000))
	w.ok("GET", "/v1/keys", "", "X-Unused: ä")
}

func TestTimeouts(t *testing.T) {
	w := newWorld(t)
	for given, want := range map[string]time.Duration{
		"": 10 * time.Second, "Grpc-Timeout: 2S": 2 * time.Second, "Grpc-Timeout: 1500m": 1500 * time.Millisecond,
		"Grpc-Timeout: 99999999H": 10 * time.Second, "Grpc-Timeout: 11S": 10 * time.Second,
	} {
		var headers []string
		if given != "" {
			headers = append(headers, given)
		}
		w.ok("GET", "/v1/keys", "", headers...)
		if got := w.one().timeout; got > want || got < want-time.Second {
			t.Errorf("%q: got %v, want %v", given, got, want)
		}
	}
	for _, bad := range []string{"1", "S", "1s", "-1S", "+1S", "1.5S", "123456789S", "1SS", " S", ""} {
		w.refused(400, "Grpc-Timeout", "GET", "/v1/keys", "", "Grpc-Timeout: "+bad)
	}
	w.refused(400, "Grpc-Timeout", "GET", "/v1/keys", "", "Grpc-Timeout: 1S", "Grpc-Timeout: 2S")
	// Zero is a millisecond: too short to answer here, and still no error of ours.
	w.answer = func(string) (proto.Message, error) {
		time.Sleep(20 * time.Millisecond)
		return &keystilev1.ListKeysResponse{}, nil
	}
	p := w.problem(w.do("GET", "/v1/keys", "", "Grpc-Timeout: 0n"), http.StatusGatewayTimeout)
	if p.Reason != "DEADLINE_EXCEEDED" {
		t.Errorf("got %+v", p)
	}
}

func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	for given, keep := range map[string]bool{
		"a": true, "A-z_0.9": true, strings.Repeat("x", 128): true,
		"": false, strings.Repeat("x", 129): false, "a b": false, "a/b": false,
	} {
		got := w.ok("GET", "/v1/keys", "", "X-Request-Id: "+given).header.Get("X-Request-Id")
		if sent := w.one().metadata.Get("x-request-id"); len(sent) != 1 || sent[0] != got {
			t.Errorf("answered %q, sent %q", got, sent)
		}
		if keep != (got == given) {
			t.Errorf("%q: got %q, kept should be %v", given, got, keep)
		}
	}
	if got := w.do("GET", "/nowhere", "", "X-Request-Id: mine").header.Get("X-Request-Id"); got != "mine" {
		t.Errorf("got %q on an error, want mine", got)
	}
}

func TestPaths(t *testing.T) {
	w := newWorld(t)
	id := func(want, target string) {
		t.Helper()
		w.ok("GET", target, "")
		if got := w.one().request.(*keystilev1.GetKeyRequest).GetId(); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
	id("key_1", "/v1/keys/key_1")
	id("key_1", "/v1/keys/%6bey_1")
	id("a b+c@d&e=f", "/v1/keys/a%20b+c%40d&e=f")
	id("é", "/v1/keys/%C3%A9")
	id("KEY_1", "/v1/keys/KEY_1")

	for _, target := range []string{"/", "/v1", "/v1/", "/v1/nonsense", "/v1/keys/", "/v1/keys/a/b", "/V1/keys", "/v1/keys:", "/v1/keys/a:b", "/v1/keys/:rotate",
		"/v1/%6Beys", "/v1/keys/a%3Ab", "/v1/keys/" + strings.Repeat("x", 300)} {
		w.refused(404, "", "GET", target, "")
	}
	for _, target := range []string{"/v1/keys/a%2Fb", "/v1/keys%2fa", "/v1/keys/a%5Cb", "/v1/keys/%2e%2e", "/v1/keys/..%2fx", "/v1/keys/%00", "/v1/keys/%0a",
		"/v1/keys/%7f", "/v1/keys/%ff", "/v1/keys/a%2541", "/v1//keys", "//v1/keys"} {
		w.refused(400, "path", "GET", target, "")
	}
	for target, allow := range map[string]string{
		"/v1/keys": "GET, HEAD, POST", "/v1/keys/key_1": "GET, HEAD, PATCH, DELETE", "/v1/keys:check": "POST", "/v1/keys/key_1:rotate": "POST", "/v1/auditEvents": "GET, HEAD",
	} {
		for _, method := range []string{"PUT", "OPTIONS", "TRACE", "FROB"} {
			got := w.do(method, target, "")
			w.problem(got, http.StatusMethodNotAllowed)
			if got.header.Get("Allow") != allow {
				t.Errorf("%s %s: Allow %q, want %q", method, target, got.header.Get("Allow"), allow)
			}
		}
	}
	w.refused(405, "", "GET", "/v1/keys:check", "")
	w.refused(404, "", "POST", "/v1/keys/key_1:frob", "")
	w.refused(404, "", "DELETE", "/v1/keys/key_1:revoke", "")
	w.refused(404, "", "DELETE", "/v1/keys/", "")
	// Neither an override nor a form turns one method into another.
	w.refused(400, "body", "POST", "/v1/keys", "a=b", "X-Http-Method-Override: DELETE", "Content-Type: application/x-www-form-urlencoded")
	w.refused(405, "", "POST", "/v1/keys/key_1", "", "X-Http-Method-Override: GET", "Content-Type: application/x-www-form-urlencoded")
}

func TestHead(t *testing.T) {
	w := newWorld(t)
	got := w.do("HEAD", "/v1/keys", "")
	if got.status != 200 || got.body != "" || got.header.Get("Content-Length") == "0" || w.one().method != "ListKeys" {
		t.Errorf("got %+v, want the headers of GET", got)
	}
	if got := w.do("HEAD", "/v1/keys:check", ""); got.status != 405 {
		t.Errorf("got %+v, want 405", got)
	}
}

// What net/http's client would never send must not break anything either.
func TestRawRequests(t *testing.T) {
	w := newWorld(t)
	for line, want := range map[string]string{
		"GET http://x/v1/keys/../a HTTP/1.1": "400",
		"GET /v1/keys/../../x HTTP/1.1":      "400",
		"GET /v1/keys/%zz HTTP/1.1":          "400",
		"GET \\v1\\keys HTTP/1.1":            "400",
		"CONNECT x:1 HTTP/1.1":               "404",
	} {
		conn, err := net.Dial("tcp", w.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintf(conn, "%s\r\nHost: x\r\nConnection: close\r\n\r\n", line); err != nil {
			t.Fatal(err)
		}
		status, err := bufio.NewReader(conn).ReadString('\n')
		_ = conn.Close()
		if err != nil || !strings.Contains(status, want) {
			t.Errorf("%s: got %q (%v), want %s", line, status, err, want)
		}
	}
	w.none()
}
