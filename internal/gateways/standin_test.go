//go:build gateways

package gateways

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

// callersKey is what a proxy is told to present as its own key.
const callersKey = "ks_the-proxys-own-key"

// standIn answers in Keystile's place what Keystile would not, and remembers what
// it was asked.
type standIn struct {
	server *httptest.Server
	mu     sync.Mutex
	answer http.HandlerFunc
	asked  []seen
}

// standIn puts one behind the proxy's way to Keystile for the rest of the test.
func (w *world) standIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{}
	s.server = httptest.NewServer(s)
	t.Cleanup(s.server.Close)
	target := w.http.target
	w.http.shut()
	w.http.target = func() string { return s.server.Listener.Addr().String() }
	w.http.open()
	t.Cleanup(func() {
		w.http.shut()
		w.http.target = target
		w.http.open()
	})
	return s
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, seen{method: r.Method, uri: r.RequestURI, host: r.Host, header: r.Header.Clone()})
	answer := s.answer
	s.mu.Unlock()
	answer(w, r)
}

// answers says what is answered from now on, and forgets what was asked.
func (s *standIn) answers(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.asked = answer, nil
}

// question gives the one question that was asked.
func (s *standIn) question(t *testing.T) seen {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) != 1 {
		t.Fatalf("%d questions were asked", len(s.asked))
	}
	return s.asked[0]
}

// status answers with a status and headers, given as name and value in turns.
func status(code int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
	}
}

// yes is an answer that lets through.
func yes(headers ...string) http.HandlerFunc {
	return status(http.StatusOK, append(headers,
		"X-Keystile-Tenant", "acme", "X-Keystile-User", "ada", "X-Keystile-Key", "key_1", "X-Keystile-Roles", "",
		"X-Keystile-Api", "orders", "X-Keystile-Decision", "dec_1")...)
}

// testForwardAuthQuestion: /forward-auth is told of the request as it stands, by the
// proxy alone, and sees every key that the client sends.
func testForwardAuthQuestion(t *testing.T, w *world) {
	t.Run("question", func(t *testing.T) {
		s := w.standIn(t)
		s.answers(yes())
		r := w.send(w.request("DELETE", "/orders/7?tenant=evil&permission=none", "X-API-Key: one", "X-API-Key: two", "Authorization: Bearer three",
			"Origin: https://app.test", "Access-Control-Request-Method: PUT", "Cookie: session=private",
			"X-Forwarded-Method: GET", "X-Forwarded-Host: forged", "X-Forwarded-Uri: /forged", "X-Forwarded-For: 203.0.113.7",
			"X-Keystile-Caller: forged", "X_Keystile_Caller: forged", "X-Original-Uri: /forged"))
		w.allowed(t, "two keys, as far as the proxy goes", r, "/orders/7?tenant=evil&permission=none")
		q := s.question(t)
		if q.uri != "/forward-auth" {
			t.Errorf("it was asked at %q", q.uri)
		}
		for name, want := range map[string][]string{
			"X-Forwarded-Method": {"DELETE"}, "X-Forwarded-Host": {"api.acme.test"}, "X-Forwarded-Uri": {"/orders/7?tenant=evil&permission=none"},
			"X-Api-Key": {"one", "two"}, "Authorization": {"Bearer three"}, "Origin": {"https://app.test"}, "Access-Control-Request-Method": {"PUT"},
			"X-Keystile-Caller": {callersKey}, "Cookie": nil, "X-Original-Uri": nil, "X_keystile_caller": nil,
		} {
			if got := q.header.Values(name); !slices.Equal(got, want) {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if got := q.header.Values("X-Forwarded-For"); len(got) != 1 || !strings.HasSuffix(", "+got[0], ", "+clientAddress) {
			t.Errorf("X-Forwarded-For is %q, and the client is at %s", got, clientAddress)
		}
	})
	t.Run("limits", func(t *testing.T) {
		s := w.standIn(t)
		s.answers(status(http.StatusTooManyRequests, "Retry-After", "7", "RateLimit", "r=0", "RateLimit-Policy", "q=1", "X-Keystile-Reason", "RATE_LIMITED",
			"X-Keystile-Decision", "dec_1", "Content-Type", "application/problem+json"))
		r := w.send(w.request("GET", "/orders/7"))
		if got := w.upstream.take(); r.StatusCode != http.StatusTooManyRequests || len(got) != 0 {
			t.Errorf("status %d, %d calls upstream", r.StatusCode, len(got))
		}
		for name, want := range map[string]string{"Retry-After": "7", "RateLimit": "r=0", "RateLimit-Policy": "q=1", "X-Keystile-Reason": "RATE_LIMITED"} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// testOtherAnswers: what is no answer of the door's lets nobody through. With want,
// that is the status which the client gets.
func testOtherAnswers(t *testing.T, w *world, want int, answers map[string]http.HandlerFunc) {
	t.Helper()
	s := w.standIn(t)
	for name, answer := range answers {
		s.answers(answer)
		r := w.send(w.request("GET", "/orders/7", "X-API-Key: "+w.keystile.keys["good"]))
		if got := w.upstream.take(); len(got) != 0 || r.StatusCode < 300 || want != 0 && r.StatusCode != want {
			t.Errorf("%s: status %d, %d calls upstream", name, r.StatusCode, len(got))
		}
	}
}

// testTunnels: nothing but a WebSocket makes a tunnel, in which nobody is asked.
func testTunnels(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	for name, upgrade := range map[string]string{"h2c": "h2c", "h2c before a WebSocket": "h2c, websocket", "h2c after a WebSocket": "websocket, h2c"} {
		w.send(w.request("GET", "/orders/7", key, "Connection: Upgrade, HTTP2-Settings, close", "Upgrade: "+upgrade, "HTTP2-Settings: AAMAAABkAAQAAP__",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
		for _, got := range w.upstream.take() {
			if h := got.header; h.Get("Http2-Settings") != "" || h.Get("Upgrade") != "" && !strings.EqualFold(h.Get("Upgrade"), "websocket") {
				t.Errorf("%s: the upstream is asked for %q", name, h.Get("Upgrade"))
			}
		}
	}
	// A client can't have the next hop drop headers, either, by naming them.
	w.send(w.request("GET", "/orders/7", key, "Connection: close, X-Keystile-User"))
	for _, got := range w.upstream.take() {
		if named := got.header.Values("Connection"); strings.Contains(strings.ToLower(strings.Join(named, ",")), "keystile") {
			t.Errorf("the upstream is told to drop %q", named)
		}
	}
	r := w.send(strings.Replace(w.request("CONNECT", "api.acme.test:443", key), "Host: api.acme.test", "Host: api.acme.test:443", 1))
	if got := w.upstream.take(); len(got) != 0 || r.StatusCode < 400 {
		t.Errorf("CONNECT: status %d, %d calls upstream", r.StatusCode, len(got))
	}
}

// testBound wants a route that is bound to orders.admin to ask for that permission,
// and the others for their own.
func testBound(t *testing.T, w *world) {
	reader := "X-API-Key: " + w.keystile.keys["reader"]
	w.refused(t, "bound", w.send(w.request("GET", "/orders/7", reader)), 403, "PERMISSION_DENIED")
	w.refused(t, "bound, encoded", w.send(w.request("GET", "/%6frders/7", reader)), 403, "PERMISSION_DENIED")
	w.refused(t, "bound, with a dot", w.send(w.request("GET", "/orders/%2e/7", reader)), 403, map[bool]string{true: "PERMISSION_DENIED", false: "REQUEST_MALFORMED"}[w.gateway.cleans])
	// What only looks like the bound path goes by the routes, which have no such one.
	for _, path := range []string{"/ORDERS/7", "/orders;x/7", "/order%73x/7"} {
		w.refused(t, path, w.send(w.request("GET", path, "X-API-Key: "+w.keystile.keys["good"])), 403, "API_NOT_FOUND")
	}
	r := w.send(w.request("GET", "/orders/7", "X-API-Key: "+w.keystile.keys["good"]))
	if got := w.upstream.take(); r.StatusCode != http.StatusOK || len(got) != 1 {
		t.Errorf("bound and held: status %d, %d calls upstream", r.StatusCode, len(got))
	}
	r = w.send(w.request("GET", "/open/7", "X-API-Key: "+w.keystile.keys["good"]))
	if got := w.upstream.take(); r.StatusCode != http.StatusOK || len(got) != 1 || got[0].header.Get("X-Keystile-Api") != "open" {
		t.Errorf("not bound: status %d, %+v", r.StatusCode, got)
	}
}
