//go:build gateways

package gateways

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testMethods: every method is judged by its own name, and bodies arrive whole.
func testMethods(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE", "PATCH", "PROPFIND"} {
		if got := w.allowed(t, method, w.send(w.request(method, "/orders/7", key)), "/orders/7"); got.method != method {
			t.Errorf("%s: the upstream got %q", method, got.method)
		}
		w.refused(t, method+" without a key", w.send(w.request(method, "/orders/7")), 401, "KEY_MISSING")
	}
	body := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for name, framing := range map[string]string{
		"length":  fmt.Sprintf("Content-Length: %d", len(body)),
		"chunked": "Transfer-Encoding: chunked",
	} {
		payload := string(body)
		if name == "chunked" {
			payload = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		}
		got := w.allowed(t, "POST by "+name, w.send(w.request("POST", "/orders/7", key, framing)+payload), "/orders/7")
		if !bytes.Equal(got.body, body) {
			t.Errorf("POST by %s: %d of %d bytes arrived", name, len(got.body), len(body))
		}
	}
	expecting := w.send(w.request("POST", "/orders/7", key, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", len(body))) + string(body))
	if got := w.allowed(t, "POST that waits", expecting, "/orders/7"); !bytes.Equal(got.body, body) {
		t.Errorf("POST that waits: %d of %d bytes arrived", len(got.body), len(body))
	}
	w.refused(t, "POST without a key", w.send(w.request("POST", "/orders/7", "Content-Length: 5")+"hello"), 401, "KEY_MISSING")
}

// testPreflights: a preflight passes without a key where the API says so.
func testPreflights(t *testing.T, w *world) {
	cors := []string{"Origin: https://app.test", "Access-Control-Request-Method: PUT"}
	r := w.send(w.request("OPTIONS", "/open/7", cors...))
	got := w.upstream.take()
	if r.StatusCode != http.StatusOK || len(got) != 1 || got[0].method != "OPTIONS" {
		t.Fatalf("a preflight to an open API: %d, %+v", r.StatusCode, got)
	}
	if user := got[0].header.Get("X-Keystile-User"); user != "" {
		t.Errorf("a preflight comes from %q", user)
	}
	r = w.send(w.request("OPTIONS", "/open/7", append(cors, "X-Keystile-User: forged")...))
	if got := w.upstream.take(); len(got) != 1 || got[0].header.Get("X-Keystile-User") != "" {
		t.Errorf("a preflight that forges: %d, %+v", r.StatusCode, got)
	}
	w.refused(t, "a preflight to another API", w.send(w.request("OPTIONS", "/orders/7", cors...)), 401, "KEY_MISSING")
	w.refused(t, "no preflight", w.send(w.request("OPTIONS", "/open/7")), 401, "KEY_MISSING")
}

// testWebSocket: an upgrade is asked about like every call, and then a tunnel.
func testWebSocket(t *testing.T, w *world) {
	upgrade := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	w.refused(t, "an upgrade without a key", w.send(w.request("GET", "/orders/ws", append(upgrade, "X-Other: 1")...)), 401, "KEY_MISSING")
	conn := w.dial()
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, w.request("GET", "/orders/ws", append(upgrade, "X-API-Key: "+w.keystile.keys["good"])...))
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("an upgrade: %v %v", resp, err)
	}
	_, _ = io.WriteString(conn, "through the tunnel\n")
	if line, err := reader.ReadString('\n'); err != nil || line != "through the tunnel\n" {
		t.Errorf("the tunnel gave %q, %v", line, err)
	}
	if got := w.upstream.take(); len(got) != 1 || got[0].header.Get("X-Keystile-User") != "ada" {
		t.Errorf("the upstream got %+v", got)
	}
}

// testHTTP2: the same over HTTP/2, where there is no Host header and names are in
// lower case.
func testHTTP2(t *testing.T, w *world) {
	if !w.gateway.h2c {
		t.Fatal("this gateway's configuration takes no HTTP/2 in the clear")
	}
	addr := w.proxy
	if w.gateway.h2cApart {
		addr = w.inner
	}
	transport := &http.Transport{
		Protocols:   &http.Protocols{},
		DialContext: func(context.Context, string, string) (net.Conn, error) { return w.dialTo(addr), nil },
	}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	send := func(method, path string, header http.Header, body string) reply {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://api.acme.test/orders/7", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque, req.Header = "//api.acme.test"+path, header
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return reply{Response: &http.Response{Header: http.Header{}}}
		}
		defer func() { _ = resp.Body.Close() }()
		raw, _ := io.ReadAll(resp.Body)
		return reply{resp, raw}
	}
	key := func(name string) http.Header { return http.Header{"X-Api-Key": {w.keystile.keys[name]}} }
	got := w.allowed(t, "HTTP/2", send("POST", "/orders/7?x=1", key("good"), "hello"), "/orders/7?x=1")
	if string(got.body) != "hello" {
		t.Errorf("HTTP/2: the body is %q", got.body)
	}
	forged := key("good")
	forged.Set("X-Keystile-User", "forged")
	forged["x_keystile_user"] = []string{"forged"}
	w.allowed(t, "HTTP/2, forged", send("GET", "/orders/7", forged, ""), "/orders/7")
	w.refused(t, "HTTP/2, no key", send("GET", "/orders/7", http.Header{}, ""), 401, "KEY_MISSING")
	w.refused(t, "HTTP/2, scope", send("GET", "/admin/7", key("reader"), ""), 403, "PERMISSION_DENIED")
	two := key("good")
	two.Add("X-Api-Key", w.keystile.keys["reader"])
	w.refused(t, "HTTP/2, two keys", send("GET", "/orders/7", two, ""), 401, "KEY_MALFORMED")
	for _, path := range []string{"/orders/..%2fadmin", "/orders/../admin/7", "//orders/7"} {
		r := send("GET", path, key("reader"), "")
		got := w.upstream.take()
		judged := w.gateway.cleans && r.StatusCode == http.StatusOK && len(got) == 1 && got[0].uri == "/orders/7"
		if !judged && (len(got) != 0 || !w.mayRefuse(r.StatusCode, r.Header.Get("X-Keystile-Reason"))) {
			t.Errorf("HTTP/2, %q: %d %+v", path, r.StatusCode, got)
		}
	}
}

// testOutages: with Keystile down or silent nothing gets through, the client hears
// so soon, and all recovers by itself.
func testOutages(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	both := func(do func(*valve)) func() {
		return func() {
			do(w.http)
			do(w.grpc)
		}
	}
	for name, c := range map[string]struct{ breaks, mends func() }{
		"down": {both((*valve).shut), both((*valve).open)}, "silent": {both((*valve).hang), both((*valve).open)},
		// Here the connections that there are go silent, with questions on them.
		"stopped": {w.keystile.stop, w.keystile.resume},
	} {
		c.breaks()
		for range 3 {
			began := time.Now()
			r := w.send(w.request("GET", "/orders/7", key))
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("%s: the answer took %s", name, took)
			}
			if got := w.upstream.take(); len(got) != 0 || r.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s: status %d, %d calls upstream", name, r.StatusCode, len(got))
			}
		}
		c.mends()
		eventually(t, 20*time.Second, "calls get through again after it was "+name, func() bool {
			return w.send(w.request("GET", "/orders/7", key)).StatusCode == http.StatusOK
		})
		w.upstream.take()
	}
}

// testGateway is what every gateway's configuration has to stand.
func testGateway(t *testing.T, g *gateway, more ...func(*testing.T, *world)) {
	w := start(t, g)
	parts := []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"credentials and refusals", testCredentials}, {"forgeries", testForgeries}, {"paths", testPaths}, {"methods and bodies", testMethods},
		{"preflights", testPreflights}, {"WebSocket", testWebSocket}, {"HTTP2", testHTTP2},
		{"connections", testConnections}, {"upstream", testUpstream}, {"outages", testOutages},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(t, w) })
	}
	for _, run := range more {
		run(t, w)
	}
}
