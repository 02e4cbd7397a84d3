//go:build gateways

package gateways

import (
	"bufio"
	"io"
	"net/http"
	"testing"
	"time"
)

// testConnections: what one connection carries is judged request by request, and a
// question does not cost a connection.
func testConnections(t *testing.T, w *world) {
	conn := w.dial()
	defer func() { _ = conn.Close() }()
	reader := bufio.NewReader(conn)
	ask := func(path string, headers ...string) reply {
		// The Host header says it all: the connection stays.
		if _, err := io.WriteString(conn, w.request("GET", path, append(headers, "Connection: keep-alive")...)); err != nil {
			t.Fatal(err)
		}
		return receive(reader, http.MethodGet)
	}
	good, scoped := "X-API-Key: "+w.keystile.keys["good"], "X-API-Key: "+w.keystile.keys["reader"]
	for range 2 {
		w.allowed(t, "on a connection", ask("/orders/7", good), "/orders/7")
		w.refused(t, "without a key, behind one with", ask("/orders/7"), 401, "KEY_MISSING")
		w.refused(t, "another key, behind a better one", ask("/admin/7", scoped), 403, "PERMISSION_DENIED")
	}
	// All at once: the answers come in the order of the requests.
	together := w.request("GET", "/orders/1", good, "Connection: keep-alive") + w.request("GET", "/orders/2", "Connection: keep-alive") +
		w.request("GET", "/orders/3", scoped)
	if _, err := io.WriteString(conn, together); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{200, 401, 200} {
		if r := receive(reader, http.MethodGet); r.StatusCode != want {
			t.Errorf("request %d of three at once: %d, want %d", i+1, r.StatusCode, want)
		}
	}
	if got := w.upstream.take(); len(got) != 2 || got[0].uri != "/orders/1" || got[1].uri != "/orders/3" {
		t.Errorf("three at once: the upstream got %+v", got)
	}

	const calls, most = 40, 8
	before := w.http.connections() + w.grpc.connections()
	for range calls {
		w.allowed(t, "one of many", w.send(w.request("GET", "/orders/7", good)), "/orders/7")
	}
	if made := w.http.connections() + w.grpc.connections() - before; made > most {
		t.Errorf("%d calls made %d connections to Keystile", calls, made)
	}
}

// testUpstream: what an upstream answers is its own, and one that does not answer is
// told from Keystile not answering.
func testUpstream(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	for path, want := range map[string]int{
		"/orders/answers/401": 401, "/orders/answers/403": 403, "/orders/answers/404": 404, "/orders/answers/429": 429,
		"/orders/answers/500": 500, "/orders/answers/502": 502, "/orders/answers/503": 503,
	} {
		r := w.send(w.request("GET", path, key))
		if got := w.upstream.take(); r.StatusCode != want || string(r.body) != "upstream" || r.Header.Get("X-Keystile-Reason") != "" || len(got) != 1 {
			t.Errorf("%s: %d %q, reason %q, %d calls", path, r.StatusCode, r.body, r.Header.Get("X-Keystile-Reason"), len(got))
		}
	}
	w.upstream.valve.shut()
	r := w.send(w.request("GET", "/orders/7", key))
	if reason := r.Header.Get("X-Keystile-Reason"); !w.answeredItself(t, "upstream down", r) && r.StatusCode != http.StatusBadGateway || reason != "" {
		t.Errorf("with the upstream down: %d, reason %q", r.StatusCode, reason)
	}
	w.refused(t, "no key, with the upstream down", w.send(w.request("GET", "/orders/7")), 401, "KEY_MISSING")
	w.upstream.valve.open()
	eventually(t, 20*time.Second, "calls get through again", func() bool {
		return w.send(w.request("GET", "/orders/7", key)).StatusCode == http.StatusOK
	})
	w.upstream.take()
}
