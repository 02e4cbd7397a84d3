package plainhttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves one listener: plain requests for the handler itself, all others by
// net/http.
type Server struct {
	handler Handler
	others  *http.Server

	closing atomic.Bool
	stop    context.CancelFunc

	mu          sync.Mutex
	left        *remainder
	connections map[*connection]struct{}
}

// New makes a server. The bounds of others hold for plain requests too, and have to
// be set: one that is zero leaves no time at all. Its handler has to answer what h
// answers, too, as not every request for h is plain.
func New(h Handler, others *http.Server) *Server {
	return &Server{handler: h, others: others, connections: map[*connection]struct{}{}}
}

// ServeTLS serves l by net/http alone: what its handshakes and records cost leaves
// little to gain.
func (s *Server) ServeTLS(l net.Listener) error {
	return s.others.ServeTLS(l, "", "") //nolint:wrapcheck // it is net/http's own
}

// Serve serves l until the server ends. It returns http.ErrServerClosed then.
func (s *Server) Serve(l net.Listener) error {
	left := &remainder{Listener: l, arrivals: make(chan arrival), done: make(chan struct{})}
	ctx, stop := context.WithCancel(context.Background())
	s.mu.Lock()
	s.left, s.stop = left, stop
	closing := s.closing.Load()
	s.mu.Unlock()
	if closing {
		stop()
		return errors.Join(http.ErrServerClosed, left.Close())
	}
	go s.accept(ctx, left)
	return s.others.Serve(left) //nolint:wrapcheck // it is net/http's own
}

// accept begins to serve what l accepts.
func (s *Server) accept(ctx context.Context, l *remainder) {
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err == nil:
			if c := newConnection(conn, s); s.note(c) {
				go c.serve(ctx)
			}
		case s.closing.Load() || !l.put(arrival{err: err}):
			return
		}
	}
}

// note keeps a connection in mind, unless the server ends.
func (s *Server) note(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = c.Close()
		return false
	}
	s.connections[c] = struct{}{}
	return true
}

func (s *Server) forget(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

// arrive leaves a connection to net/http.
func (s *Server) arrive(conn net.Conn) {
	s.mu.Lock()
	left := s.left
	s.mu.Unlock()
	if !left.put(arrival{conn: conn}) {
		_ = conn.Close()
	}
}

// drainPoll is how often a server that ends looks for connections at rest.
const drainPoll = 2 * time.Millisecond

// Shutdown accepts nothing more, ends connections at rest, and lets the requests
// that have begun be answered. It returns ctx's error when that ends before.
func (s *Server) Shutdown(ctx context.Context) error {
	s.endListening()
	poll := time.NewTicker(drainPoll)
	defer poll.Stop()
	for s.endWaiting() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // as http.Server does
		case <-poll.C:
		}
	}
	// Only now, as a connection could still turn out to be net/http's.
	return s.others.Shutdown(ctx) //nolint:wrapcheck // it is net/http's own
}

// Close ends all connections at once.
func (s *Server) Close() error {
	s.endListening()
	s.mu.Lock()
	for c := range s.connections {
		_ = c.Close()
	}
	// Only now, or a request could be answered for no reason but that it was given up.
	if s.stop != nil {
		s.stop()
	}
	s.mu.Unlock()
	return s.others.Close() //nolint:wrapcheck // it is net/http's own
}

// endListening has the accepting end. What was accepted can still be left to
// net/http.
func (s *Server) endListening() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.Store(true)
	if s.left != nil {
		_ = s.left.Listener.Close()
	}
}

// endWaiting ends the connections that wait, and tells how many there are left.
func (s *Server) endWaiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		c.endIfWaiting()
	}
	return len(s.connections)
}
