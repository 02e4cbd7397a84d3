package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
)

// Config is for a listener that speaks TLS alone: with client authorities,
// clients must show a certificate of one of them, and the connections must be
// accepted by Listener. Protocols are offered by ALPN, the preferred one first.
func (s *Source) Config(protocols ...string) *tls.Config {
	return s.config(s.inForce().authorities != nil, protocols)
}

// config makes a configuration that asks anew for every connection what is in
// force. Resumed sessions would bring back clients whose authority is gone, so
// there are none where clients are asked for certificates.
func (s *Source) config(ask bool, protocols []string) *tls.Config {
	base := func() *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: protocols, SessionTicketsDisabled: ask}
	}
	c := base()
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		m := s.inForce()
		c := base()
		c.Certificates = []tls.Certificate{m.pair}
		if ask {
			c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, m.authorities
			c.VerifyConnection = func(state tls.ConnectionState) error { return s.admit(hello.Conn, state.VerifiedChains) }
		}
		return c, nil
	}
	return c
}

// admit notes a connection whose client's certificate was verified, so that it
// can be ended when the authority is gone.
func (s *Source) admit(raw net.Conn, chains [][]*x509.Certificate) error {
	c, ok := raw.(*connection)
	if !ok || c.source != s {
		return errNotAccepted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.closed:
		return net.ErrClosed
	case !s.current.trusts(chains):
		return errGone
	}
	c.chains = chains
	s.connections[c] = struct{}{}
	return nil
}

var (
	errNotAccepted = errors.New("certs: a connection with a client certificate that Listener has not accepted")
	errGone        = errors.New("certs: the authority of the client's certificate was removed during the handshake")
)
