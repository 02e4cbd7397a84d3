package certs

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/tlstest"
)

// bench is a Source on files of its own.
type bench struct {
	*Source
	t      *testing.T
	folder string
	logged bytes.Buffer
}

// names says where a bench keeps its files, and what errors call them.
func names(folder string, clients bool) Files {
	f := Files{
		Certificate: File{"--cert", folder + "/tls.crt"},
		Key:         File{"--key", folder + "/tls.key"},
	}
	if clients {
		f.ClientAuthorities = File{"--client-ca", folder + "/ca.crt"}
	}
	return f
}

// newBench opens files that hold the pair, and the authorities unless there are
// none.
func newBench(t *testing.T, pair tlstest.Pair, authorities ...*tlstest.Authority) *bench {
	t.Helper()
	b := &bench{t: t, folder: t.TempDir()}
	b.put("tls.crt", pair.Cert)
	b.put("tls.key", pair.Key)
	b.trust(authorities...)
	var err error
	b.Source, err = Open(names(b.folder, len(authorities) > 0), time.Now, slog.New(slog.NewTextHandler(&b.logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) put(name string, text []byte) { tlstest.Write(b.t, b.folder, name, text) }

func (b *bench) trust(authorities ...*tlstest.Authority) {
	var all []byte
	for _, a := range authorities {
		all = append(all, a.PEM...)
	}
	b.put("ca.crt", all)
}

// looks lets some time go by.
func (b *bench) looks() {
	for range 5 {
		b.look()
	}
}

// told counts the lines of the log that hold a text.
func (b *bench) told(text string) int { return strings.Count(b.logged.String(), text) }

// serve accepts connections and sends back what they send. It gives the address.
func (b *bench) serve(protocols ...string) string {
	b.t.Helper()
	l := listen(b.t)
	echo(tls.NewListener(b.Listener(l), b.Config(protocols...)))
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func echo(l net.Listener) {
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 64)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err := c.Write(buf[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// client is who connects.
type client struct {
	t      *testing.T
	config *tls.Config
}

func newClient(t *testing.T, of *tlstest.Authority, shows ...tlstest.Pair) *client {
	t.Helper()
	c := &client{t, &tls.Config{RootCAs: of.Pool(), ClientSessionCache: tls.NewLRUClientSessionCache(8), MinVersion: tls.VersionTLS12}}
	for _, p := range shows {
		shown := p.TLS(t)
		c.config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &shown, nil }
	}
	return c
}

// connect dials, and says something: a server that refuses a client's certificate
// says so only then.
func (c *client) connect(address string) (*tls.Conn, error) {
	c.t.Helper()
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: c.config}).DialContext(c.t.Context(), "tcp", address)
	if err != nil {
		return nil, err
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*tls.Conn), says(conn)
}

// says sends a word and waits for it to come back.
func says(conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write([]byte("hello")); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 16))
	return err
}

// served gives the name of the certificate that a new session is begun with.
func (c *client) served(address string) string {
	c.t.Helper()
	fresh := &client{c.t, c.config.Clone()}
	fresh.config.ClientSessionCache = nil
	conn, err := fresh.connect(address)
	if err != nil {
		c.t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}
