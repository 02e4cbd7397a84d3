package plainhttp

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// stream is a connection on which everything has come, and that keeps what is
// written.
type stream struct {
	mu      sync.Mutex
	in      []byte
	step    int
	out     bytes.Buffer
	once    sync.Once
	closing chan struct{}
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.in[:min(s.step, len(s.in))])
	s.in = s.in[n:]
	return n, nil
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *stream) Close() error {
	s.once.Do(func() { close(s.closing) })
	return nil
}

func (s *stream) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (s *stream) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2} }
func (s *stream) SetDeadline(time.Time) error      { return nil }
func (s *stream) SetReadDeadline(time.Time) error  { return nil }
func (s *stream) SetWriteDeadline(time.Time) error { return nil }

// once accepts one connection.
type once struct {
	conn   chan net.Conn
	closed chan struct{}
	end    sync.Once
}

func (l *once) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *once) Close() error {
	l.end.Do(func() { close(l.closed) })
	return nil
}

func (l *once) Addr() net.Addr { return &net.TCPAddr{} }

// asked is what a handler saw of one request.
type asked struct {
	method, target, host string
	header               http.Header
}

// recorder writes down what is asked, whichever way it comes.
type recorder struct {
	door
	mu    sync.Mutex
	calls []asked
	// quick counts those that came the plain way.
	quick int
}

func (r *recorder) note(a asked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, a)
}

// ServeHTTP answers as door does.
func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.note(asked{req.Method, req.RequestURI, req.Host, req.Header.Clone()})
	plain := Request{Method: req.Method, Target: req.RequestURI, Host: req.Host}
	for _, v := range req.Header["X-Key"] {
		plain.fields = append(plain.fields, Field{"X-Key", v})
	}
	var a Answer
	r.door.Answer(req.Context(), &plain, &a)
	for _, f := range a.Fields {
		w.Header().Set(f.Name, f.Value)
	}
	w.Header()["Content-Type"] = nil
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

func (r *recorder) Answer(ctx context.Context, req *Request, a *Answer) {
	header := http.Header{}
	for _, f := range req.fields {
		key := textproto.CanonicalMIMEHeaderKey(f.Name)
		header[key] = append(header[key], f.Value)
	}
	// net/http adds this to the one header that it does not leave alone.
	if header.Get("Pragma") == "no-cache" && len(header["Pragma"]) > 0 && header["Pragma"][0] == "no-cache" {
		if _, given := header["Cache-Control"]; !given {
			header["Cache-Control"] = []string{"no-cache"}
		}
	}
	r.note(asked{req.Method, req.Target, req.Host, header})
	r.mu.Lock()
	r.quick++
	r.mu.Unlock()
	r.door.Answer(ctx, req, a)
}

func bounded(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0),
	}
}

// play has a server read everything that a client sends.
func play(t *testing.T, data []byte, step int, server interface {
	Serve(net.Listener) error
	Close() error
}) string {
	t.Helper()
	s := &stream{in: slices.Clone(data), step: step, closing: make(chan struct{})}
	l := &once{conn: make(chan net.Conn, 1), closed: make(chan struct{})}
	l.conn <- s
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	select {
	case <-s.closing:
	case <-time.After(20 * time.Second):
		t.Errorf("%q: the connection does not end", data)
	}
	_ = server.Close()
	<-done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

// answersOf gives the first answers to the requests, without their dates.
func answersOf(t *testing.T, out string, calls []asked) (answers []string) {
	t.Helper()
	r := bufio.NewReader(strings.NewReader(out))
	for i := range calls {
		resp, err := http.ReadResponse(r, &http.Request{Method: calls[i].method})
		if err != nil {
			t.Fatalf("answer %d of %q: %v", i, out, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil {
			t.Errorf("%q: %v", out, err)
		}
		delete(resp.Header, "Date")
		var text strings.Builder
		_ = resp.Header.Write(&text)
		answers = append(answers, resp.Status+"\n"+text.String()+string(body))
	}
	return answers
}

// same holds the plain way to net/http's: the same bytes are the same requests, and
// get the same answers.
func same(t *testing.T, data []byte, step int) (quick int) {
	t.Helper()
	alone, with := &recorder{}, &recorder{}
	out := play(t, data, len(data)+1, bounded(alone))
	got := play(t, data, step, New(with, bounded(with)))
	// net/http forgives an empty line after a POST to whom it has answered itself.
	if n := len(with.calls); n < len(alone.calls) && bytes.Contains(data, []byte("POST")) {
		alone.calls = alone.calls[:n]
	}
	if !reflect.DeepEqual(alone.calls, with.calls) {
		t.Fatalf("%q in steps of %d:\nread as %q\nby net/http as %q", data, step, with.calls, alone.calls)
	}
	wantAnswers, gotAnswers := answersOf(t, out, alone.calls), answersOf(t, got, with.calls)
	if !slices.Equal(wantAnswers, gotAnswers) {
		t.Fatalf("%q in steps of %d:\nanswered %q\nby net/http %q", data, step, gotAnswers, wantAnswers)
	}
	return with.quick
}

// streams are what connections bring: the fuzzer's seeds.
var streams = []struct {
	text  string
	quick int
}{
	{wire("GET /door HTTP/1.1", "Host: a.test", "X-Key: 1", "x-kEy: 2", "Pragma: no-cache"), 1},
	{wire("HEAD /door HTTP/1.1", "Host: a.test") + wire("GET /door/200 HTTP/1.1", "Host: a.test") + wire("GET /other HTTP/1.1", "Host: a.test") + wire("GET /door HTTP/1.1", "Host: a.test"), 2},
	{wire("PUT /door HTTP/1.1", "Host: a.test", "Content-Length: 0") + wire("PUT /door HTTP/1.1", "Host: a.test", "Content-Length: 5") + "helloGET /door HTTP/1.1\r\nHost: b.test\r\n\r\n", 1},
	{wire("POST /door HTTP/1.1", "Host: a.test", "Transfer-Encoding: chunked") + "1\r\nx\r\n0\r\n\r\n" + wire("GET /door HTTP/1.1", "Host: a.test"), 0},
	{wire("GET /door HTTP/1.1", "Host: a.test") + wire("GET /door HTTP/1.1", "Host: a.test", "Connection: close") + wire("GET /door HTTP/1.1", "Host: a.test"), 1},
	{wire("GET /door HTTP/1.1", "Host: a.test", "X-Key: a", " b") + wire("GET /door HTTP/1.1", "Host: a.test"), 0},
	{"GET /door HTTP/1.1\nHost: a.test\n\n" + wire("GET /door HTTP/1.1", "Host: a.test"), 0},
	{wire("GET /door%2f%zz HTTP/1.1", "Host: a.test"), 0},
	{wire("GET /door HTTP/1.0", "Host: a.test", "Connection: keep-alive") + wire("GET /door HTTP/1.1", "Host: a.test"), 0},
	{wire("GET /door HTTP/1.1", "Host: a.test") + "GET /door HTTP/1.1\r\nHost: a", 1},
	{wire("GET /door HTTP/1.1", "Host: a.test", "X-Large: "+strings.Repeat("x", maxHead)), 0},
	{wire("PUT /door HTTP/1.1", "Host: a.test", "Content-Length: 0") + wire("PUT /door HTTP/1.1", "Host: a.test", "content-length:0"), 2},
	{wire("GET /door HTTP/1.1", "Host: a.test", "X-Key: \xc2\xa0a\xc2\x85"), 1},
	{wire("OPTIONS /door HTTP/1.1", "Host: a.test", "X-Key: \x80", "X-Key:\t\t"), 1},
}

func TestPlainIsAsNetHTTP(t *testing.T) {
	for _, s := range streams {
		for _, step := range []int{1, 7, 1 << 20} {
			if quick := same(t, []byte(s.text), step); quick != s.quick {
				t.Errorf("%q in steps of %d: %d came the plain way, want %d", s.text, step, quick, s.quick)
			}
		}
	}
}

func FuzzPlainIsAsNetHTTP(f *testing.F) {
	for _, s := range streams {
		f.Add([]byte(s.text), uint16(1<<15))
		f.Add([]byte(s.text), uint16(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint16) {
		if len(data) > 4*maxHead {
			return
		}
		same(t, data, max(1, int(step)))
	})
}
