package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/tlstest"
)

func TestClientsShowACertificateOfANamedAuthority(t *testing.T) {
	ca, other := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "other")
	address := newBench(t, ca.Server("one", time.Hour), ca).serve()
	if _, err := newClient(t, ca, ca.Client("c")).connect(address); err != nil {
		t.Errorf("a good certificate: %v", err)
	}
	for name, c := range map[string]*client{
		"none":                    newClient(t, ca),
		"another authority's":     newClient(t, ca, other.Client("c")),
		"a server's, no client's": newClient(t, ca, ca.Server("c", time.Hour)),
		"one that has expired":    newClient(t, ca, ca.Server("c", -time.Minute)),
	} {
		if _, err := c.connect(address); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
}

// An authority that is gone takes its clients with it: their new connections are
// refused, also by a session's ticket, and their open ones end.
func TestARemovedAuthoritysClientsAreOut(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ca, other := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "other")
		b := newBench(t, ca.Server("one", time.Hour), ca, other)
		address := b.serve()
		stays, goes := newClient(t, ca, ca.Client("stays")), newClient(t, ca, other.Client("goes"))
		goes.config.MaxVersion = version
		staying, err := stays.connect(address)
		if err != nil {
			t.Fatal(err)
		}
		going, err := goes.connect(address)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := goes.connect(address); err != nil || again.ConnectionState().DidResume {
			t.Errorf("%x: a session was resumed, or refused: %v", version, err)
		}
		b.trust(ca)
		b.looks()
		if err := says(going); err == nil {
			t.Errorf("%x: an open connection of a removed authority's client goes on", version)
		}
		if _, err := goes.connect(address); err == nil {
			t.Errorf("%x: a removed authority's client connects", version)
		}
		if err := says(staying); err != nil {
			t.Errorf("%x: another authority's client was cut off: %v", version, err)
		}
		if b.told("connections_ended=2") != 1 {
			t.Errorf("%x: the log does not tell of the two that ended:\n%s", version, b.logged.String())
		}
	}
}

func TestAnAddedAuthoritysClientsAreIn(t *testing.T) {
	ca, other := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "other")
	b := newBench(t, ca.Server("one", time.Hour), ca)
	address, c := b.serve(), newClient(t, ca, other.Client("c"))
	if _, err := c.connect(address); err == nil {
		t.Fatal("connected too early")
	}
	b.trust(ca, other)
	b.looks()
	if _, err := c.connect(address); err != nil {
		t.Error(err)
	}
}

func TestSessionsResumeWhereNobodyShowsACertificate(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	address, c := newBench(t, ca.Server("one", time.Hour)).serve(), newClient(t, ca)
	if _, err := c.connect(address); err != nil {
		t.Fatal(err)
	}
	if again, err := c.connect(address); err != nil || !again.ConnectionState().DidResume {
		t.Errorf("no session was resumed: %v", err)
	}
}

// A connection that could not be ended later is not begun.
func TestConnectionsBesideTheListenerAreRefused(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	b := newBench(t, ca.Server("one", time.Hour), ca)
	l := listen(t)
	echo(tls.NewListener(l, b.Config()))
	if _, err := newClient(t, ca, ca.Client("c")).connect(l.Addr().String()); err == nil {
		t.Error("connected")
	}
	if err := b.admit(nil, nil); !errors.Is(err, errNotAccepted) {
		t.Errorf("got %v", err)
	}
}

func TestEndedConnectionsAreForgotten(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	b := newBench(t, ca.Server("one", time.Hour), ca)
	conn, err := newClient(t, ca, ca.Client("c")).connect(b.serve())
	if err != nil {
		t.Fatal(err)
	}
	known := func() int {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.connections)
	}
	if known() != 1 {
		t.Errorf("%d connections are known, want 1", known())
	}
	_ = conn.Close()
	for deadline := time.Now().Add(5 * time.Second); known() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a connection that has ended is kept")
		}
	}
}

// Between a handshake's check of a certificate and its end, its authority may go.
func TestAnAuthorityThatGoesDuringTheHandshake(t *testing.T) {
	ca, other := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "other")
	b := newBench(t, ca.Server("one", time.Hour), ca)
	certificate := func(a *tlstest.Authority) *x509.Certificate {
		list, err := certificates(a.PEM, false)
		if err != nil {
			t.Fatal(err)
		}
		return list[0]
	}
	c := &connection{Conn: &net.TCPConn{}, source: b.Source}
	if err := b.admit(c, [][]*x509.Certificate{{certificate(other)}}); !errors.Is(err, errGone) {
		t.Errorf("an authority that is gone: %v", err)
	}
	if err := b.admit(c, nil); !errors.Is(err, errGone) {
		t.Errorf("no chain: %v", err)
	}
	_ = c.Close()
	if err := b.admit(c, [][]*x509.Certificate{{certificate(ca)}}); !errors.Is(err, net.ErrClosed) || len(b.connections) > 0 {
		t.Errorf("a connection that has ended: %v", err)
	}
}
