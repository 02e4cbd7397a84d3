//go:build gateways

package gateways

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// seen is a request as the upstream got it.
type seen struct {
	method, uri, host string
	header            http.Header
	body              []byte
}

// upstream records what it gets. It answers 200, or as /orders/answers/418 says, and
// echoes over a WebSocket.
type upstream struct {
	server *httptest.Server
	// valve is where proxies reach it.
	valve *valve
	mu    sync.Mutex
	got   []seen
}

func startUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{}
	u.server = httptest.NewUnstartedServer(u)
	u.server.Config.MaxHeaderBytes = 1 << 20
	u.server.Start()
	t.Cleanup(u.server.Close)
	u.valve = newValve(t, func() string { return u.server.Listener.Addr().String() })
	return u
}

func (u *upstream) address() string { return u.valve.addr }

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	u.mu.Lock()
	u.got = append(u.got, seen{r.Method, r.RequestURI, r.Host, r.Header.Clone(), body})
	u.mu.Unlock()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		u.upgrade(w)
		return
	}
	w.Header().Set("X-Upstream", "yes")
	if status, ok := strings.CutPrefix(r.URL.Path, "/orders/answers/"); ok {
		if code, err := strconv.Atoi(status); err == nil {
			w.WriteHeader(code)
		}
	}
	_, _ = io.WriteString(w, "upstream")
}

// upgrade answers like a WebSocket server would, and echoes lines: proxies look at
// the handshake alone.
func (u *upstream) upgrade(w http.ResponseWriter) {
	conn, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	line, err := stream.ReadString('\n')
	if err == nil {
		_, _ = io.WriteString(conn, line)
	}
}

// take gives what has come since the last time.
func (u *upstream) take() []seen {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := u.got
	u.got = nil
	return out
}

// valve stands between a proxy and what is behind it: it passes everything on, or is
// shut, or takes connections and never answers.
type valve struct {
	t        *testing.T
	target   func() string
	mu       sync.Mutex
	listener net.Listener
	addr     string
	hung     bool
	conns    map[net.Conn]bool
	// taken counts the connections there ever were.
	taken int
}

func newValve(t *testing.T, target func() string) *valve {
	t.Helper()
	v := &valve{t: t, target: target, conns: map[net.Conn]bool{}}
	v.listen("127.0.0.1:0")
	t.Cleanup(v.shut)
	return v
}

func (v *valve) listen(addr string) {
	v.t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		v.t.Fatal(err)
	}
	v.mu.Lock()
	v.listener, v.addr = l, l.Addr().String()
	v.mu.Unlock()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go v.serve(conn)
		}
	}()
}

func (v *valve) serve(conn net.Conn) {
	v.mu.Lock()
	v.conns[conn] = true
	v.taken++
	hung := v.hung
	v.mu.Unlock()
	defer v.drop(conn)
	if hung {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	to, err := net.Dial("tcp", v.target())
	if err != nil {
		return
	}
	v.mu.Lock()
	v.conns[to] = true
	v.mu.Unlock()
	defer v.drop(to)
	go func() {
		_, _ = io.Copy(to, bufio.NewReader(conn))
		v.drop(to)
	}()
	_, _ = io.Copy(conn, to)
}

func (v *valve) drop(conn net.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = conn.Close()
	delete(v.conns, conn)
}

// connections tells how many there have ever been.
func (v *valve) connections() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.taken
}

// shut refuses connections, and ends those there are.
func (v *valve) shut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	_ = v.listener.Close()
	for c := range v.conns {
		_ = c.Close()
	}
	clear(v.conns)
}

// open passes everything on again.
func (v *valve) open() { v.again(false) }

// hang takes connections, and answers nothing on them.
func (v *valve) hang() { v.again(true) }

func (v *valve) again(hung bool) {
	v.shut()
	v.mu.Lock()
	v.hung = hung
	addr := v.addr
	v.mu.Unlock()
	v.listen(addr)
}
