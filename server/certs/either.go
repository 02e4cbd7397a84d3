package certs

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// recordHandshake is the first byte that a TLS client sends. No HTTP request
// begins with it.
const recordHandshake = 0x16

// Either accepts connections on l that speak TLS or none, as their clients
// choose, and that no client shows a certificate on: for probes and scrapers. The
// server behind it sees HTTP/1.1 in the clear.
func (s *Source) Either(l net.Listener) net.Listener {
	return eitherListener{l, s.config(false, []string{"http/1.1"})}
}

type eitherListener struct {
	net.Listener
	config *tls.Config
}

// Accept waits for the next connection. What it speaks is found out when it is
// first read from: a client that says nothing holds up nobody else.
func (l eitherListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // servers read the listener's own errors
	}
	return &eitherConn{Conn: c, config: l.config}, nil
}

// eitherConn is a connection whose first byte tells what it speaks. Deadlines are
// the network connection's.
type eitherConn struct {
	net.Conn
	config *tls.Config

	once   sync.Once
	plain  net.Conn
	err    error
	secure atomic.Pointer[tls.Conn]
}

// spoken gives the connection in the clear.
func (c *eitherConn) spoken() (net.Conn, error) {
	c.once.Do(func() {
		first := make([]byte, 1)
		if _, err := io.ReadFull(c.Conn, first); err != nil {
			c.err = err
			return
		}
		c.plain = &begun{Conn: c.Conn, first: first}
		if first[0] == recordHandshake {
			t := tls.Server(c.plain, c.config)
			c.secure.Store(t)
			c.plain = t
		}
	})
	return c.plain, c.err
}

// Read reads what the client sends, in the clear.
func (c *eitherConn) Read(p []byte) (int, error) {
	plain, err := c.spoken()
	if err != nil {
		return 0, err
	}
	return plain.Read(p) //nolint:wrapcheck // it is the connection's own
}

// Write sends to the client what is given in the clear.
func (c *eitherConn) Write(p []byte) (int, error) {
	plain, err := c.spoken()
	if err != nil {
		return 0, err
	}
	return plain.Write(p) //nolint:wrapcheck // it is the connection's own
}

// Close ends the connection, also while its first byte is waited for.
func (c *eitherConn) Close() error {
	if t := c.secure.Load(); t != nil {
		return t.Close() //nolint:wrapcheck // it is the connection's own
	}
	return c.Conn.Close() //nolint:wrapcheck // it is the connection's own
}

// begun is a connection whose first bytes were read already.
type begun struct {
	net.Conn
	first []byte
}

// Read gives the first bytes again, and then the rest.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	return b.Conn.Read(p) //nolint:wrapcheck // it is the connection's own
}
