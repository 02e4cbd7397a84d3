package plainhttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// scripted is a handler that does what the test says.
type scripted struct {
	door
	do func(ctx context.Context, r *Request, a *Answer)
}

func (s scripted) Answer(ctx context.Context, r *Request, a *Answer) { s.do(ctx, r, a) }

// safeLog is a log that many write.
type safeLog struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// bench is a server on loopback.
type bench struct {
	*Server
	t      *testing.T
	addr   string
	log    safeLog
	served chan error
}

// newBench starts one whose net/http says 418.
func newBench(t *testing.T, h Handler, change func(*http.Server)) *bench {
	t.Helper()
	b := &bench{t: t, served: make(chan error, 1)}
	others := bounded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	others.ErrorLog = log.New(&b.log, "", 0)
	if change != nil {
		change(others)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Server, b.addr = New(h, others), l.Addr().String()
	go func() { b.served <- b.Serve(l) }()
	t.Cleanup(func() { _ = b.Close() })
	return b
}

type client struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func (b *bench) connect() *client {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &client{conn, b.t, bufio.NewReader(conn)}
}

func (c *client) send(text string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
	return c
}

// status reads one answer, and gives its status.
func (c *client) status() int {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode
}

// isOver tells whether the server has ended the connection, and says no more.
func (c *client) isOver() bool {
	c.t.Helper()
	_, err := c.r.ReadByte()
	var timeout net.Error
	return err != nil && (!errors.As(err, &timeout) || !timeout.Timeout())
}

// known counts the connections that the server keeps in mind.
func (b *bench) known() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.connections)
}

// becomes waits until there are that many connections.
func (b *bench) becomes(want int) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); b.known() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("%d connections are known, want %d", b.known(), want)
		}
	}
}

var plainRequest = wire("GET /door HTTP/1.1", "Host: a.test")

func TestConnectionsGoOn(t *testing.T) {
	b := newBench(t, door{}, nil)
	c := b.connect()
	for range 3 {
		if got := c.send(plainRequest).status(); got != 401 {
			t.Fatalf("status %d", got)
		}
	}
	b.becomes(1)
	if got := c.send(wire("GET /other HTTP/1.1", "Host: a.test")).status(); got != http.StatusTeapot {
		t.Errorf("what is net/http's: status %d", got)
	}
	b.becomes(0)
	if got := c.send(plainRequest).status(); got != http.StatusTeapot {
		t.Errorf("a connection came back from net/http: status %d", got)
	}
	if got := b.connect().send("GET /door HTTP/1.1\r\nHost: a.test\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n").status(); got != 431 {
		t.Errorf("a head that is too large: status %d", got)
	}
	_ = b.connect().send(plainRequest).Close()
	b.becomes(0)
}

// Nobody holds a connection by saying nothing, by a head that does not end, or by
// reading no answers.
func TestBounds(t *testing.T) {
	const short = 150 * time.Millisecond
	for name, c := range map[string]struct {
		change func(*http.Server)
		hold   func(c *client)
	}{
		"a first request that does not come": {func(s *http.Server) { s.ReadHeaderTimeout = short }, func(*client) {}},
		"a head that does not end":           {func(s *http.Server) { s.ReadHeaderTimeout = short }, func(c *client) { c.send("GET /door HT") }},
		"a second head that does not end": {func(s *http.Server) { s.ReadHeaderTimeout = short }, func(c *client) {
			c.send(plainRequest).status()
			c.send(plainRequest + "GET /door HTTP/1.1\r\n").status()
		}},
		"a head that comes by drops": {func(s *http.Server) { s.ReadHeaderTimeout = short }, func(c *client) {
			for range 50 {
				if _, err := io.WriteString(c, "G"); err != nil {
					return
				}
				time.Sleep(short / 10)
			}
		}},
		"a next request that does not come": {func(s *http.Server) { s.IdleTimeout = short }, func(c *client) { c.send(plainRequest).status() }},
		"answers that are not read": {func(s *http.Server) { s.WriteTimeout = short }, func(c *client) {
			for range 50_000 {
				if _, err := io.WriteString(c, plainRequest); err != nil {
					return
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			large := scripted{do: func(_ context.Context, _ *Request, a *Answer) { a.Body = make([]byte, 4<<10) }}
			b := newBench(t, large, c.change)
			held := b.connect()
			b.becomes(1)
			began := time.Now()
			c.hold(held)
			b.becomes(0)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A client that goes on asking is not ended by a deadline that once was set.
func TestDeadlinesMove(t *testing.T) {
	b := newBench(t, door{}, func(s *http.Server) {
		s.ReadHeaderTimeout, s.WriteTimeout, s.IdleTimeout = 300*time.Millisecond, 300*time.Millisecond, 300*time.Millisecond
	})
	c := b.connect()
	for range 20 {
		c.send(plainRequest[:5])
		time.Sleep(20 * time.Millisecond)
		c.send(plainRequest[5:]).status()
		time.Sleep(30 * time.Millisecond)
	}
}

func TestPanicsAreNoAnswer(t *testing.T) {
	b := newBench(t, scripted{do: func(context.Context, *Request, *Answer) { panic("a secret") }}, nil)
	if !b.connect().send(plainRequest).isOver() {
		t.Error("the connection goes on")
	}
	b.becomes(0)
	if text := b.log.String(); !strings.Contains(text, "panic: string") || strings.Contains(text, "a secret") {
		t.Errorf("logged %q", text)
	}
}

func TestTheZeroAnswerIs503(t *testing.T) {
	b := newBench(t, scripted{do: func(context.Context, *Request, *Answer) {}}, nil)
	if got := b.connect().send(plainRequest).status(); got != 503 {
		t.Errorf("status %d", got)
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	began, goOn := make(chan bool), make(chan bool)
	b := newBench(t, scripted{do: func(_ context.Context, r *Request, a *Answer) {
		a.Status = 200
		if r.Target == "/door/slow" {
			close(began)
			<-goOn
		}
	}}, nil)
	fresh, atWork, half := b.connect(), b.connect().send(wire("GET /door/slow HTTP/1.1", "Host: a.test")), b.connect()
	<-began
	resting := b.connect().send(plainRequest)
	if got := resting.status(); got != 200 {
		t.Fatalf("status %d", got)
	}
	half.send("POST /other HTTP/1.1\r\nHo")
	half.send("st: a.test\r\n")
	remote := b.connect().send("GET /door HTTP/1.1\r\nHost: ")
	b.becomes(4)
	time.Sleep(50 * time.Millisecond)

	ended := make(chan error, 1)
	go func() { ended <- b.Shutdown(t.Context()) }()
	if !resting.isOver() || !fresh.isOver() {
		t.Error("a connection at rest goes on")
	}
	if conn, err := net.Dial("tcp", b.addr); err == nil {
		_ = conn.Close()
		t.Error("it still listens")
	}
	remote.send("a.test\r\nContent-Length: 2\r\n\r\nhi")
	if got := remote.status(); got != http.StatusTeapot {
		t.Errorf("left to net/http during the shutdown: status %d", got)
	}
	half.send("Content-Length: 0\r\n\r\n")
	if got := half.status(); got != http.StatusTeapot {
		t.Errorf("net/http's own: status %d", got)
	}
	select {
	case err := <-ended:
		t.Fatalf("ended with a request unanswered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	resp, err := http.ReadResponse(atWork.r, nil)
	if err != nil || resp.StatusCode != 200 || !resp.Close || !atWork.isOver() {
		t.Errorf("got %v and %v", resp, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-b.served; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returned %v", err)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	began, ended := make(chan bool), make(chan bool)
	b := newBench(t, scripted{do: func(ctx context.Context, _ *Request, _ *Answer) {
		close(began)
		<-ctx.Done()
		close(ended)
	}}, nil)
	c := b.connect().send(plainRequest)
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	<-ended
	if !c.isOver() {
		t.Error("the connection goes on")
	}
	b.becomes(0)
}

func TestAServerThatHasEndedServesNothing(t *testing.T) {
	for _, end := range []func(*Server) error{(*Server).Close, func(s *Server) error { return s.Shutdown(t.Context()) }} {
		s := New(door{}, bounded(http.NotFoundHandler()))
		if err := end(s); err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got %v", err)
		}
		if conn, err := net.Dial("tcp", l.Addr().String()); err == nil {
			_ = conn.Close()
			t.Error("it listens")
		}
	}
}

// troubled is a listener that can't accept at times.
type troubled struct {
	net.Listener
	mu   sync.Mutex
	errs []error
}

func (l *troubled) Accept() (net.Conn, error) {
	l.mu.Lock()
	if len(l.errs) > 0 {
		defer l.mu.Unlock()
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, err
	}
	l.mu.Unlock()
	return l.Listener.Accept()
}

// tooMany is what the system says when there are no descriptors left.
type tooMany struct{}

func (tooMany) Error() string   { return "too many open files" }
func (tooMany) Timeout() bool   { return false }
func (tooMany) Temporary() bool { return true }

func TestAcceptingGoesOnAfterTrouble(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &troubled{Listener: inner, errs: []error{tooMany{}, tooMany{}}}
	b := &bench{t: t, addr: inner.Addr().String(), Server: New(door{}, bounded(http.NotFoundHandler()))}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	if got := b.connect().send(plainRequest).status(); got != 401 {
		t.Errorf("status %d", got)
	}
	l.mu.Lock()
	l.errs = []error{errors.New("the listener is broken")}
	l.mu.Unlock()
	_ = b.connect()
	if err := <-served; err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("Serve returned %v", err)
	}
	_ = b.Close()
}
