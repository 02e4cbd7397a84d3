package certs

import (
	"crypto/x509"
	"net"
)

// Listener accepts connections on l for servers that use Config.
func (s *Source) Listener(l net.Listener) net.Listener { return listener{l, s} }

type listener struct {
	net.Listener
	source *Source
}

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // servers read the listener's own errors
	}
	return &connection{Conn: c, source: l.source}, nil
}

// connection is one that can be ended when its client is trusted no longer.
type connection struct {
	net.Conn
	source *Source
	// Both belong to the source's mutex.
	chains [][]*x509.Certificate
	closed bool
}

// Close ends the connection.
func (c *connection) Close() error {
	c.source.mu.Lock()
	c.closed = true
	delete(c.source.connections, c)
	c.source.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // it is the connection's own
}
