package plainhttp

import (
	"errors"
	"net"
	"sync"
)

// begun is a connection of which something was read already.
type begun struct {
	net.Conn
	came []byte
}

// Read reads first what came first.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.came) == 0 {
		return b.Conn.Read(p) //nolint:wrapcheck // it is the connection's own
	}
	n := copy(p, b.came)
	b.came = b.came[n:]
	if len(b.came) == 0 {
		b.came = nil
	}
	return n, nil
}

// CloseWrite says that no more is written. net/http does so before it closes, for
// the client to read a last answer.
func (b *begun) CloseWrite() error {
	if half, ok := b.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite() //nolint:wrapcheck // it is the connection's own
	}
	return nil
}

// arrival is what a listener has accepted.
type arrival struct {
	conn net.Conn
	err  error
}

// remainder is the listener that net/http serves: what is left to it, and what went
// wrong, for which it has its own patience.
type remainder struct {
	net.Listener
	arrivals chan arrival
	done     chan struct{}
	once     sync.Once
}

// Accept gives the next connection that is left to net/http.
func (r *remainder) Accept() (net.Conn, error) {
	select {
	case a := <-r.arrivals:
		return a.conn, a.err
	case <-r.done:
		return nil, net.ErrClosed
	}
}

// put waits until net/http takes the arrival; it is false when that takes no more.
func (r *remainder) put(a arrival) bool {
	select {
	case r.arrivals <- a:
		return true
	case <-r.done:
		return false
	}
}

// Close ends both listeners. That which accepts has ended before, where the server
// has.
func (r *remainder) Close() error {
	r.once.Do(func() { close(r.done) })
	if err := r.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err //nolint:wrapcheck // it is the listener's own
	}
	return nil
}
