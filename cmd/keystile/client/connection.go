package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// Connection is where the server is.
type Connection struct {
	Server    string `env:"KEYSTILE_SERVER" default:"127.0.0.1:9090" placeholder:"ADDRESS" group:"Connection:" help:"The server: HOST:PORT, grpc:// or grpcs:// for gRPC, http:// or https:// for REST. HOST:PORT and grpc:// use TLS unless the host is this machine. Default: 127.0.0.1:9090."`
	Plaintext bool   `group:"Connection:" help:"Send the key in the clear to another machine."`
	TLSCAFile string `name:"tls-ca-file" type:"path" default:"" env:"KEYSTILE_CLIENT_CA_FILE" placeholder:"FILE" group:"Connection:" help:"Trust the certificates in this PEM file instead of the system's."`
	ClientCertificate
	Timeout time.Duration `default:"10s" group:"Connection:" help:"The most that one call to the server may take."`
}

// maxReply bounds what a server may send: the largest page of keys has room.
const maxReply = 64 << 20

// dial makes a connection whose calls carry the secret. Nothing is sent yet.
func (c *Connection) dial(secret string, t *Terminal) (*link, error) {
	if c.Timeout <= 0 {
		return nil, usagef("--timeout: must be more than 0")
	}
	a, err := c.address()
	if err != nil {
		return nil, err
	}
	config, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	l := &link{secret: secret, timeout: c.Timeout}
	if a.rest {
		conn := newRESTConn(a.target, config, t.Now)
		l.to, l.close = conn, conn.close
		return l, nil
	}
	transport := insecure.NewCredentials()
	if a.tls {
		transport = credentials.NewTLS(config)
	}
	conn, err := grpc.NewClient("dns:///"+a.target,
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReply)),
	)
	if err != nil {
		return nil, usagef("--server: %w", err)
	}
	l.to = conn
	l.close = func() { _ = conn.Close() }
	return l, nil
}

// tlsConfig is whom to trust, and what to show.
func (c *Connection) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLSCAFile != "" {
		var err error
		if config.RootCAs, err = readRoots(c.TLSCAFile); err != nil {
			return nil, err
		}
	}
	if err := c.show(config); err != nil {
		return nil, err
	}
	return config, nil
}

// address reads where the server is, and how to speak to it.
func (c *Connection) address() (address, error) {
	return parseAddress(c.Server, trust{plaintext: c.Plaintext, caFile: c.TLSCAFile, certFile: c.TLSCertFile})
}

func readRoots(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the person names the file
	if err != nil {
		return nil, usagef("--tls-ca-file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, usagef("--tls-ca-file: no certificate in it")
	}
	return roots, nil
}

// link is a connection as the commands use it: its calls carry the secret, and
// end in time.
type link struct {
	to      grpc.ClientConnInterface
	close   func()
	secret  string
	timeout time.Duration
}

// Invoke makes one call.
func (l *link) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	if l.secret != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+l.secret)
	}
	for attempt := 0; ; attempt++ {
		err := l.to.Invoke(ctx, method, args, reply, opts...)
		if err == nil || !mayRepeat(method, attempt, err) {
			return err //nolint:wrapcheck // the status is what the caller reads
		}
		if !pause(ctx, pauseAfter(attempt)) {
			return err //nolint:wrapcheck // as above
		}
	}
}

// NewStream refuses: no command needs a stream.
func (l *link) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errNoStreams
}

var errNoStreams = errors.New("client: streams are not supported")

// explain adds what the person at this end can do about a failure that the
// server could say nothing about.
func (c *Connection) explain(err error, secret string) error {
	f := failureOf(err)
	switch s, ok := status.FromError(f.cause); {
	case !ok || f.remedy != "" && f.code != codes.Unauthenticated:
	case f.code == codes.Unauthenticated && secret == "":
		f.remedy = "Give an administrator's key: --key-file FILE, KEYSTILE_KEY_FILE or KEYSTILE_KEY."
	case f.code == codes.Unavailable && !ownError(s):
		f.remedy = "Is a server running at " + c.Server + "? gRPC and REST listen on ports of their own; a REST address begins with http:// or https://."
		if a, err := c.address(); err == nil && a.tls && c.TLSCertFile == "" {
			f.remedy += " Some servers want a client certificate: see --tls-cert-file."
		}
	case f.code == codes.DeadlineExceeded && !ownError(s):
		f.remedy = "The server at " + c.Server + " did not answer in " + c.Timeout.String() + "; see --timeout."
	}
	return f
}
