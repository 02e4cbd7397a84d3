//go:build gateways

package gateways

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// clientAddress is where the clients of these tests come from: an address of the
// loopback that is not the proxies' own.
const clientAddress = "127.0.0.2"

// gateway says how a proxy is started from its shipped configuration, and what it
// can carry where proxies differ.
type gateway struct {
	// folder is where its configuration is, below deploy/.
	folder string
	// command gives the program and its arguments, in a copy of the folder.
	command func(t *testing.T, copied string) *exec.Cmd
	// replace gives more texts to be replaced in the copy than the usual addresses.
	replace func(w *world) []string
	// keystile gives Keystile more arguments.
	keystile []string
	// bodies is true when a refusal's body reaches the client.
	bodies bool
	// cleans is true when the proxy resolves a path before it is judged, for the
	// door and the upstream alike.
	cleans bool
	// h2c is true when it takes HTTP/2 in the clear by prior knowledge.
	h2c bool
	// h2cApart is true when it does so at the inner address.
	h2cApart bool
}

// world is a proxy with Keystile and an upstream behind it.
type world struct {
	t        *testing.T
	gateway  *gateway
	keystile *keystile
	upstream *upstream
	// http and grpc lead to Keystile.
	http, grpc *valve
	// proxy is where clients come in, inner a second address that a configuration
	// may use for itself.
	proxy, inner string
	folder       string
	log          *printed
}

// start puts everything together, and waits until the proxy lets a call through.
func start(t *testing.T, g *gateway) *world {
	t.Helper()
	w := &world{t: t, gateway: g, log: &printed{}, upstream: startUpstream(t), keystile: startKeystile(t, g.keystile...)}
	w.http = newValve(t, func() string { return w.keystile.web })
	w.grpc = newValve(t, func() string { return w.keystile.grpc })
	w.proxy, w.inner = free(t), free(t)
	w.folder = w.copyConfig()
	cmd := g.command(t, w.folder)
	cmd.Stdout, cmd.Stderr = w.log, w.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of the proxy:\n%s", w.log.String())
		}
	})
	eventually(t, 30*time.Second, "the proxy listens", func() bool {
		conn, err := net.Dial("tcp", w.proxy)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	eventually(t, 15*time.Second, "a call gets through", func() bool {
		return w.send(w.request("GET", "/orders/1", "X-API-Key: "+w.keystile.keys["good"])).StatusCode == http.StatusOK
	})
	w.upstream.take()
	return w
}

// free gives an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// copyConfig copies the shipped configuration, with the addresses that it names by
// default replaced by those of this test, and nothing else.
func (w *world) copyConfig() string {
	w.t.Helper()
	to := w.t.TempDir()
	pairs := []string{
		"127.0.0.1:8080", w.http.addr, "127.0.0.1:9090", w.grpc.addr, "127.0.0.1:3000", w.upstream.address(),
		"127.0.0.1:8000", w.proxy, "127.0.0.1:8001", w.inner,
	}
	if w.gateway.replace != nil {
		pairs = append(pairs, w.gateway.replace(w)...)
	}
	replacer := strings.NewReplacer(pairs...)
	from := filepath.Join("..", "..", "deploy", w.gateway.folder)
	entries, err := os.ReadDir(from)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, e.Name()), []byte(replacer.Replace(string(text))), 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return to
}

// request writes an HTTP/1.1 request as it goes over the wire, so that nothing
// cleans it on the way.
func (w *world) request(method, target string, headers ...string) string {
	out := method + " " + target + " HTTP/1.1\r\nHost: api.acme.test\r\n"
	closes := true
	for _, h := range headers {
		closes = closes && !strings.HasPrefix(strings.ToLower(h), "connection:")
		out += h + "\r\n"
	}
	if closes {
		out += "Connection: close\r\n"
	}
	return out + "\r\n"
}

// reply is what a client got. Status 0 is a connection that was closed.
type reply struct {
	*http.Response
	body []byte
}

// port is the port of an address.
func port(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// dial connects a client to the proxy.
func (w *world) dial() net.Conn { return w.dialTo(w.proxy) }

func (w *world) dialTo(addr string) net.Conn {
	w.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(clientAddress)}, Timeout: 5 * time.Second}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// send sends bytes, and reads the answer.
func (w *world) send(raw string) reply {
	w.t.Helper()
	conn := w.dial()
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, raw); err != nil {
		w.t.Logf("sending: %v", err)
	}
	method, _, _ := strings.Cut(raw, " ")
	return receive(bufio.NewReader(conn), method)
}

// receive reads an answer, behind the "100 Continue" that may come before.
func receive(from *bufio.Reader, method string) reply {
	for {
		resp, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return reply{Response: &http.Response{Header: http.Header{}}}
		}
		if resp.StatusCode == http.StatusContinue {
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		return reply{resp, body}
	}
}

// program finds a proxy's program: in a variable, or on the path.
func program(t *testing.T, variable, name string) string {
	t.Helper()
	if path := os.Getenv(variable); path != "" {
		return path
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: install it, or set %s; make test-gateways does so on Debian and Ubuntu", name, variable)
	}
	return path
}
