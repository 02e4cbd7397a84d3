package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// TestMain lets the test's own binary stand in for the two servers that the
// harness starts.
func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "serve":
		must(serveFake(os.Args[2:]))
	case len(os.Args) > 1 && os.Args[1] == "-bare":
		must(serveBare(context.Background(), os.Args[2], os.Args[4]))
	default:
		os.Exit(m.Run())
	}
}

func must(err error) {
	if err != nil {
		_, _ = io.WriteString(os.Stderr, err.Error()+"\n")
		os.Exit(1)
	}
}

// fake answers as a new Keystile would, as far as the harness asks.
type fake struct {
	keystilev1.UnimplementedKeyServiceServer
	keystilev1.UnimplementedDirectoryServiceServer
}

func admin(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if strings.Join(md.Get("authorization"), "") != "Bearer ks_admin" {
		return status.Error(codes.Unauthenticated, "not the first admin")
	}
	return nil
}

func (fake) CreateTenant(ctx context.Context, _ *keystilev1.CreateTenantRequest) (*keystilev1.CreateTenantResponse, error) {
	return &keystilev1.CreateTenantResponse{}, admin(ctx)
}

func (fake) CreateUser(ctx context.Context, _ *keystilev1.CreateUserRequest) (*keystilev1.CreateUserResponse, error) {
	return &keystilev1.CreateUserResponse{}, admin(ctx)
}

func (fake) ManageKey(ctx context.Context, _ *keystilev1.ManageKeyRequest) (*keystilev1.ManageKeyResponse, error) {
	return &keystilev1.ManageKeyResponse{Secret: "ks_issued"}, admin(ctx)
}

func (fake) CheckKey(_ context.Context, r *keystilev1.CheckKeyRequest) (*keystilev1.CheckKeyResponse, error) {
	return &keystilev1.CheckKeyResponse{Allowed: r.GetKey() == "ks_issued", Reason: keystilev1.Verdict_ALLOWED, Message: "allowed"}, nil
}

func serveFake(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	address := flags.String("grpc-listen", "", "")
	bootstrap := flags.String("bootstrap-key-file", "", "")
	for _, name := range []string{"data-dir", "http-listen", "ops-listen"} {
		flags.String(name, "", "")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.WriteFile(*bootstrap, []byte("ks_admin\n"), 0o600); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	keystilev1.RegisterKeyServiceServer(server, fake{})
	keystilev1.RegisterDirectoryServiceServer(server, fake{})
	return server.Serve(listener)
}

func TestCompare(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := plan{keystile: self, rounds: 2, asJSON: true, load: loadPlan{
		warmup: 20 * time.Millisecond, measure: 200 * time.Millisecond, inFlight: 8, connections: 2,
	}}
	var out bytes.Buffer
	if err := compare(t.Context(), p, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var found report
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	if len(found.BareRounds) != 2 || len(found.KeystileRounds) != 2 {
		t.Errorf("rounds are missing: %s", out.String())
	}
	if found.Bare.Calls == 0 || found.Keystile.Calls == 0 || found.Ratio.Throughput <= 0 || found.Bare.P99Micros <= 0 {
		t.Errorf("figures are missing: %s", out.String())
	}
	if found.RequestBytes == 0 || found.ResponseBytes == 0 {
		t.Errorf("sizes are missing: %s", out.String())
	}
	out.Reset()
	if err := found.print(&out); err != nil || !strings.Contains(out.String(), "server CPU per call") {
		t.Errorf("the table: %v\n%s", err, out.String())
	}
}

// A refusal is cheaper than a check, so a load that meets one must not count.
func TestLoadFailsOnARefusal(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	grpcServer := grpc.NewServer()
	keystilev1.RegisterKeyServiceServer(grpcServer, fake{})
	served := make(chan error, 1)
	go func() { served <- grpcServer.Serve(listener) }()
	defer func() {
		grpcServer.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	}()
	request, err := proto.Marshal(&keystilev1.CheckKeyRequest{Key: "ks_other"})
	if err != nil {
		t.Fatal(err)
	}
	target := &server{name: "fake", address: listener.Addr().String(), pid: os.Getpid()}
	short := loadPlan{measure: 100 * time.Millisecond, inFlight: 4, connections: 1}
	_, err = load(t.Context(), target, request, 10, short)
	if err == nil || !strings.Contains(err.Error(), "refused under load") {
		t.Errorf("got %v, want a refusal", err)
	}
}

func TestParseCPUTime(t *testing.T) {
	got, err := parseCPUTime("42 (a (b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 7 0 1 2")
	if err != nil || got != 1750*time.Millisecond {
		t.Errorf("got %v, %v, want 1.75 s", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1 2", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x y"} {
		if _, err := parseCPUTime(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 2, 3}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v: got %v, want %v", c.values, got, c.want)
		}
	}
}
