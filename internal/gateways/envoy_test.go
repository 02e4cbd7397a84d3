//go:build gateways

package gateways

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The shipped configurations, one for each of Envoy's services.
const (
	envoyGRPC = "envoy-grpc.yaml"
	envoyHTTP = "envoy-http.yaml"
)

// envoy starts one of the shipped configurations, with the given texts replaced by
// others where a test is about a changed one.
func envoy(t *testing.T, config string, edits ...string) *gateway {
	t.Helper()
	path := program(t, "ENVOY", "envoy")
	shipped, err := os.ReadFile(filepath.Join("..", "..", "deploy", "envoy", config))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(string(shipped), edits[i]) {
			t.Fatalf("%s does not hold %q", config, edits[i])
		}
	}
	return &gateway{
		folder: "envoy", bodies: true, h2c: true,
		command: func(t *testing.T, copied string) *exec.Cmd {
			return exec.CommandContext(t.Context(), path, "-c", filepath.Join(copied, config), "--log-level", "warning",
				"--concurrency", "1", "--disable-hot-restart", "--file-flush-interval-msec", "50")
		},
		replace: func(w *world) []string {
			var pairs []string
			for shipped, used := range map[string]string{
				"8000": w.proxy, "9090": w.grpc.addr, "8080": w.http.addr, "3000": w.upstream.address(),
			} {
				host, port, _ := net.SplitHostPort(used)
				pairs = append(pairs, "{ address: 127.0.0.1, port_value: "+shipped+" }", "{ address: "+host+", port_value: "+port+" }")
			}
			_, ops, _ := net.SplitHostPort(w.keystile.ops)
			return append(append(pairs, "health_check_config: { port_value: 9091 }", "health_check_config: { port_value: "+ops+" }"), edits...)
		},
	}
}

func TestEnvoyGRPC(t *testing.T) {
	testGateway(t, envoy(t, envoyGRPC),
		func(t *testing.T, w *world) { t.Run("log", func(t *testing.T) { testEnvoyLog(t, w, true) }) },
		func(t *testing.T, w *world) { t.Run("bindings", func(t *testing.T) { testEnvoyBindings(t, w) }) },
		testEnvoyShared)
}

func TestEnvoyHTTP(t *testing.T) {
	testGateway(t, envoy(t, envoyHTTP),
		func(t *testing.T, w *world) { t.Run("log", func(t *testing.T) { testEnvoyLog(t, w, false) }) },
		testEnvoyShared)
}

// testEnvoyShared is what holds for both of Envoy's services.
func testEnvoyShared(t *testing.T, w *world) {
	t.Run("headers", func(t *testing.T) { testEnvoyHeaders(t, w) })
	t.Run("tunnels", func(t *testing.T) { testEnvoyTunnels(t, w) })
	t.Run("undecided", func(t *testing.T) { testEnvoyUndecided(t, w) })
	t.Run("slow", func(t *testing.T) { testEnvoySlow(t, w) })
	// The last, as it reads what all others have had logged.
	t.Run("secrets", func(t *testing.T) { testEnvoySecrets(t, w) })
}

// logged gives what Envoy's access log says of the call to a path.
func (w *world) logged(t *testing.T, path string) map[string]any {
	t.Helper()
	var found map[string]any
	eventually(t, 5*time.Second, path+" is in the access log", func() bool {
		for line := range strings.SplitSeq(w.log.String(), "\n") {
			var entry map[string]any
			if json.Unmarshal([]byte(line), &entry) == nil && entry["path"] == path {
				found = entry
			}
		}
		return found != nil
	})
	return found
}

// testEnvoyLog: who called, and why a call was refused, is in the access log.
func testEnvoyLog(t *testing.T, w *world, overGRPC bool) {
	w.allowed(t, "to be logged", w.send(w.request("GET", "/orders/logged?x=1", "X-API-Key: "+w.keystile.keys["good"])), "/orders/logged?x=1")
	entry := w.logged(t, "/orders/logged")
	for name, want := range map[string]any{
		"tenant": "acme", "user": "ada", "key_id": w.keystile.id, "api": "orders", "client": clientAddress,
		"status": 200.0, "method": "GET", "host": "api.acme.test",
	} {
		if entry[name] != want {
			t.Errorf("an allowed call's %s is logged as %v, want %v", name, entry[name], want)
		}
	}
	if id, _ := entry["decision_id"].(string); !strings.HasPrefix(id, "dec_") {
		t.Errorf("an allowed call is logged without its decision: %v", entry)
	}
	if overGRPC && (entry["reason"] != "ALLOWED" || entry["route"] != "/orders/**") {
		t.Errorf("an allowed call's reason and route: %v", entry)
	}
	for key, want := range map[string]struct {
		reason     string
		identified bool
	}{"revoked": {"KEY_REVOKED", true}, "unknown": {"KEY_NOT_FOUND", false}, "missing": {"KEY_MISSING", false}} {
		var headers []string
		if secret := w.keystile.keys[key]; secret != "" {
			headers = append(headers, "Authorization: Bearer "+secret)
		}
		r := w.send(w.request("GET", "/orders/logged-"+key, headers...))
		w.refused(t, key, r, 401, want.reason)
		entry := w.logged(t, "/orders/logged-"+key)
		if entry["reason"] != want.reason || entry["decision_id"] != r.Header.Get("X-Keystile-Decision") || entry["details"] != "ext_authz_denied" {
			t.Errorf("%s: logged as %v", key, entry)
		}
		// Only the gRPC service tells Envoy whose key was refused.
		whose := entry["tenant"] == "acme" && entry["user"] == "ada" && entry["key_id"] != nil
		if whose != (want.identified && overGRPC) {
			t.Errorf("%s: logged as %v", key, entry)
		}
	}
}

// testEnvoyBindings: what a route binds is asked, and no spelling of its path leads
// around it.
func testEnvoyBindings(t *testing.T, w *world) {
	// By its API's routes alone, the reader might read reports.
	w.keystile.call("PATCH", "/v1/apis/orders", object{"api": object{"tenantId": "acme", "routes": []object{
		{"hosts": []string{"api.acme.test"}, "methods": []string{"*"}, "path": "/reports/**", "permission": "orders.read"},
		{"hosts": []string{"api.acme.test"}, "methods": []string{"*"}, "path": "/orders/**", "permission": "orders.read"},
	}}, "updateMask": "routes"})
	reader, good := "X-API-Key: "+w.keystile.keys["reader"], "X-API-Key: "+w.keystile.keys["good"]
	w.allowed(t, "the route's permission", w.send(w.request("GET", "/reports/7", good)), "/reports/7")
	w.allowed(t, "a path that only begins alike", w.send(w.request("GET", "/orders/reports", reader)), "/orders/reports")
	for _, path := range []string{"/reports", "/reports/", "/reports/7", "/reports/7?x=/orders", "/reports?x"} {
		w.refused(t, path, w.send(w.request("GET", path, reader)), 403, "PERMISSION_DENIED")
	}
	for _, path := range []string{
		"/%72eports/7", "/r%65ports/7", "/report%73", "/reports;x/7", "/reports%3bx/7", "/;x/reports/7", "//reports/7", "/./reports/7",
		"/orders/../reports/7", "/%2e/reports/7", "/reports%2f7", "/orders/%2e%2e/reports/7",
	} {
		r := w.send(w.request("GET", path, reader))
		if got := w.upstream.take(); len(got) != 0 || r.StatusCode != 400 && r.StatusCode != 403 {
			t.Errorf("%q leads around what its route binds: %d %+v", path, r.StatusCode, got)
		}
	}
}

// testEnvoyHeaders: what is added to an upstream's answer, and what is taken from a
// client's request.
func testEnvoyHeaders(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	sunset := time.Now().Add(24 * time.Hour).UTC()
	w.keystile.call("POST", "/v1/apis/open:deprecate", object{"tenantId": "acme", "sunsetTime": sunset.Format(time.RFC3339Nano)})
	r := w.send(w.request("GET", "/open/7", key))
	w.allowed(t, "a deprecated API", r, "/open/7")
	if r.Header.Get("Sunset") != sunset.Format(http.TimeFormat) || !strings.HasPrefix(r.Header.Get("Deprecation"), "@") || r.Header.Get("X-Upstream") != "yes" {
		t.Errorf("the answer of a deprecated API has %v", r.Header)
	}

	r = w.send(w.request("GET", "/orders/7"))
	w.refused(t, "no key", r, 401, "KEY_MISSING")
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "no-store", "Www-Authenticate": `Bearer realm="keystile"`,
	} {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("a refusal's %s is %q, want %q", name, got, want)
		}
	}

	// Some frameworks take path and method from these.
	others := []string{"X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"}
	sent := []string{key, "X-Other: stays"}
	for _, name := range others {
		sent = append(sent, name+": /admin")
	}
	got := w.allowed(t, "rewriting", w.send(w.request("GET", "/orders/7", sent...)), "/orders/7")
	for _, name := range others {
		if got.header.Get(name) != "" {
			t.Errorf("%s goes upstream", name)
		}
	}
	if got.header.Get("X-Other") != "stays" {
		t.Error("another header does not go upstream")
	}
}

// testEnvoyTunnels: no way to a connection whose requests nobody judges, and none
// to have the identity dropped behind Envoy.
func testEnvoyTunnels(t *testing.T, w *world) {
	key := "X-API-Key: " + w.keystile.keys["good"]
	for name, raw := range map[string]string{
		"CONNECT":         "CONNECT api.acme.test:80 HTTP/1.1\r\nHost: api.acme.test:80\r\n" + key + "\r\n\r\n",
		"h2c":             w.request("GET", "/orders/7", key, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
		"another upgrade": w.request("GET", "/orders/7", key, "Connection: Upgrade", "Upgrade: other"),
	} {
		r := w.send(raw)
		for _, got := range w.upstream.take() {
			if got.header.Get("Upgrade") != "" || got.method == "CONNECT" {
				t.Errorf("%s: the upstream got %+v", name, got)
			}
		}
		if r.StatusCode == http.StatusSwitchingProtocols || r.StatusCode == http.StatusOK && name != "h2c" {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	r := w.send(w.request("GET", "/orders/ws", key, "Connection: Upgrade, X-Keystile-User, X-Keystile-Tenant", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==") + "\n")
	got := w.upstream.take()
	if r.StatusCode != http.StatusSwitchingProtocols || len(got) != 1 {
		t.Fatalf("an upgrade that names identity headers: %d, the upstream got %+v", r.StatusCode, got)
	}
	if got[0].header.Get("X-Keystile-User") != "ada" || !strings.EqualFold(got[0].header.Get("Connection"), "upgrade") {
		t.Errorf("an upgrade that names identity headers: the upstream got %v", got[0].header)
	}
}

// testEnvoyUndecided: no answer is told from a refusal, by the client and in the log.
func testEnvoyUndecided(t *testing.T, w *world) {
	defer func() {
		w.http.open()
		w.grpc.open()
	}()
	w.http.hang()
	w.grpc.hang()
	var r reply
	// The first may meet the connection that has just ended.
	for range 3 {
		began := time.Now()
		r = w.send(w.request("GET", "/orders/undecided", "X-API-Key: "+w.keystile.keys["good"]))
		if took := time.Since(began); took > time.Second {
			t.Errorf("the answer took %s", took)
		}
	}
	var problem struct {
		Reason string
		Status int
	}
	if err := json.Unmarshal(r.body, &problem); err != nil || r.StatusCode != 503 || problem.Status != 503 || problem.Reason != "STORE_UNAVAILABLE" {
		t.Errorf("the answer is %d %s", r.StatusCode, r.body)
	}
	for name, want := range map[string]string{
		"X-Keystile-Reason": "STORE_UNAVAILABLE", "Content-Type": "application/problem+json", "Cache-Control": "no-store", "Retry-After": "1",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := w.upstream.take(); len(got) != 0 {
		t.Errorf("the upstream got %+v", got)
	}
	if entry := w.logged(t, "/orders/undecided"); entry["details"] != "ext_authz_error" || entry["reason"] != nil {
		t.Errorf("logged as %v", entry)
	}
}

// testEnvoySlow: an answer that takes its time, but less than the timeout, is one.
func testEnvoySlow(t *testing.T, w *world) {
	const delay = 40 * time.Millisecond
	quickHTTP, quickGRPC := slow(t, w.http, delay), slow(t, w.grpc, delay)
	defer quickHTTP()
	defer quickGRPC()
	call := func() (took time.Duration, ok bool) {
		began := time.Now()
		r := w.send(w.request("GET", "/orders/7", "X-API-Key: "+w.keystile.keys["good"]))
		return time.Since(began), r.StatusCode == http.StatusOK
	}
	eventually(t, 5*time.Second, "a slow answer is taken", func() bool { _, ok := call(); return ok })
	for range 5 {
		if took, ok := call(); !ok || took < delay {
			t.Errorf("let through: %v, after %s", ok, took)
		}
	}
	w.upstream.take()
}

// slow has a valve lead through a relay that takes its time, until what it gives is
// called.
func slow(t *testing.T, v *valve, delay time.Duration) (undo func()) {
	t.Helper()
	direct := v.target
	lead := func(target func() string) {
		v.shut()
		v.target = target
		v.open()
	}
	lead(slowed(t, direct, delay))
	return func() { lead(direct) }
}

// slowed gives the address of a relay to target that holds back what it is sent.
func slowed(t *testing.T, target func() string, delay time.Duration) func() string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	relay := func(from net.Conn) {
		defer func() { _ = from.Close() }()
		to, err := net.Dial("tcp", target())
		if err != nil {
			return
		}
		defer func() { _ = to.Close() }()
		go func() { _, _ = io.Copy(from, to) }()
		for chunk := make([]byte, 64<<10); ; {
			n, err := from.Read(chunk)
			time.Sleep(delay)
			if _, failed := to.Write(chunk[:n]); err != nil || failed != nil {
				return
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go relay(conn)
		}
	}()
	return l.Addr().String
}

// testEnvoySecrets: keys and queries are not in any log of Envoy's.
func testEnvoySecrets(t *testing.T, w *world) {
	w.send(w.request("GET", "/orders/last?x=query-of-the-last", "X-API-Key: "+w.keystile.keys["good"]))
	w.logged(t, "/orders/last")
	log := w.log.String()
	for name, secret := range w.keystile.keys {
		if len(secret) > 20 && strings.Contains(log, secret) {
			t.Errorf("the log holds the key %q", name)
		}
	}
	if strings.Contains(log, "query-of-the-last") || strings.Contains(log, "api_key=") {
		t.Error("the log holds queries")
	}
}
