package e2e

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// link is a way to a server that can be cut, or made to swallow everything.
type link struct {
	t        *testing.T
	to       string
	listener net.Listener
	mu       sync.Mutex
	cut      bool
	// swallow is closed once what was swallowed may go on.
	swallow chan struct{}
	conns   map[net.Conn]bool
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{t: t, to: to, listener: listener, conns: map[net.Conn]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.serve(conn)
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		l.set(true)
	})
	return l
}

func (l *link) address() string { return l.listener.Addr().String() }

func (l *link) serve(conn net.Conn) {
	to, err := net.Dial("tcp", l.to)
	if err != nil || !l.keep(conn, to) {
		_ = conn.Close()
		return
	}
	defer l.drop(conn, to)
	go func() {
		l.pass(to, conn)
		l.drop(conn, to)
	}()
	l.pass(conn, to)
}

// keep remembers connections, unless the link is cut.
func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		if l.cut {
			_ = c.Close()
			continue
		}
		l.conns[c] = true
	}
	return !l.cut
}

func (l *link) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(l.conns, c)
	}
}

// pass copies in one direction, and holds back while the link swallows.
func (l *link) pass(to io.Writer, from io.Reader) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		swallow := l.swallow
		l.mu.Unlock()
		if swallow != nil {
			<-swallow
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// set cuts the link, or mends it.
func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if l.swallow != nil {
		close(l.swallow)
		l.swallow = nil
	}
	if cut {
		for c := range l.conns {
			_ = c.Close()
		}
		clear(l.conns)
	}
}

// blackHole has nothing arrive any more, without a word to anybody.
func (l *link) blackHole() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.swallow == nil {
		l.swallow = make(chan struct{})
	}
}

// through gives a database's URL by way of links, the first one first.
func through(t *testing.T, database string, links ...*link) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = ""
	for i, l := range links {
		if i > 0 {
			u.Host += ","
		}
		u.Host += l.address()
	}
	return u.String()
}

func hostOf(t *testing.T, database string) string {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
