package client_test

import (
	"bytes"
	"context"
	"net"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/cmd/keystile/client"
	"github.com/keystile/keystile/server/rest"
)

// door is a way to a fake server.
type door struct {
	fake   *fake
	server string
	// env is the environment that commands see, beside the server's address.
	env    map[string]string
	stdin  string
	prompt func(string) (string, error)
}

// eachDoor runs a test over gRPC and over the real REST door, each in front of
// a fake server of its own.
func eachDoor(t *testing.T, test func(t *testing.T, d *door)) {
	t.Helper()
	t.Run("grpc", func(t *testing.T) { test(t, overGRPC(t)) })
	t.Run("rest", func(t *testing.T) { test(t, overREST(t)) })
}

func overGRPC(t *testing.T, options ...grpc.ServerOption) *door {
	t.Helper()
	f := &fake{fails: -1}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	pb.RegisterKeyServiceServer(server, f)
	pb.RegisterDirectoryServiceServer(server, f)
	pb.RegisterAuditServiceServer(server, f)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return &door{fake: f, server: listener.Addr().String(), env: map[string]string{"KEYSTILE_KEY": adminKey}}
}

func overREST(t *testing.T) *door {
	t.Helper()
	d := overGRPC(t)
	conn, err := grpc.NewClient(d.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	handler, err := rest.New(conn, rest.Options{NewRequestID: func() string { return "req-rest" }})
	if err != nil {
		t.Fatal(err)
	}
	facade := httptest.NewServer(handler)
	t.Cleanup(facade.Close)
	d.server = facade.URL
	return d
}

// result is what a command left behind.
type result struct {
	code     int
	out, err string
}

// run gives a command line, which "--server" is added to.
func (d *door) run(t *testing.T, args ...string) result {
	t.Helper()
	return d.runAs(t, append(args, "--server", d.server)...)
}

// runAs gives a command line as it stands.
func (d *door) runAs(t *testing.T, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	terminal := &client.Terminal{
		In: strings.NewReader(d.stdin), Out: &out, Err: &errs,
		Getenv: func(name string) string { return d.env[name] },
		Now:    func() time.Time { return at("2026-11-24T12:00:00Z").AsTime() },
		Random: bytes.NewReader(make([]byte, 64)),
		Prompt: d.prompt,
	}
	helped := false
	parser, err := kong.New(&struct{ client.Commands }{},
		kong.Name("keystile"), kong.Writers(&out, &errs), kong.Exit(func(int) { helped = true }),
		kong.BindTo(t.Context(), (*context.Context)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	command, err := parser.Parse(args)
	if helped {
		return result{0, out.String(), errs.String()}
	}
	if err == nil {
		err = command.Run(terminal)
	}
	client.Report(&errs, err)
	return result{client.ExitCode(err), out.String(), errs.String()}
}

// want compares what is given with what is expected.
func want(t *testing.T, what, got, expected string) {
	t.Helper()
	if got != expected {
		t.Errorf("%s:\n--- got\n%s\n--- want\n%s", what, got, expected)
	}
}

func (r result) wantCode(t *testing.T, code int) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d\nstdout: %s\nstderr: %s", r.code, code, r.out, r.err)
	}
}

func wantMatch(t *testing.T, what, got, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(got) {
		t.Errorf("%s does not match %q:\n%s", what, pattern, got)
	}
}

func wantPart(t *testing.T, what, got, part string) {
	t.Helper()
	if !strings.Contains(got, part) {
		t.Errorf("%s lacks %q:\n%s", what, part, got)
	}
}

func wantWithout(t *testing.T, what, got, part string) {
	t.Helper()
	if strings.Contains(got, part) {
		t.Errorf("%s must not hold %q:\n%s", what, part, got)
	}
}
