package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// fakeSecret is the key that the fake issues and lets through. To one more it
// answers with an error, and it refuses all others.
const (
	fakeSecret = "ks_issued"
	failSecret = "ks_failed"
)

// fake answers as a new Keystile would, as far as the harness asks.
type fake struct {
	keystilev1.UnimplementedKeyServiceServer
	keystilev1.UnimplementedDirectoryServiceServer
	authv3.UnimplementedAuthorizationServer
}

var errFake = status.Error(codes.Unavailable, "the fake failed")

func admin(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	if strings.Join(md.Get("authorization"), "") != "Bearer ks_admin" {
		return status.Error(codes.Unauthenticated, "not the first admin")
	}
	return nil
}

func (fake) CreateTenant(ctx context.Context, r *keystilev1.CreateTenantRequest) (*keystilev1.CreateTenantResponse, error) {
	if hosts := r.GetTenant().GetHosts(); len(hosts) != 1 || hosts[0] != callHost {
		return nil, status.Error(codes.InvalidArgument, "not the tenant of the host that is asked about")
	}
	return &keystilev1.CreateTenantResponse{}, admin(ctx)
}

func (fake) CreateApi(ctx context.Context, r *keystilev1.CreateApiRequest) (*keystilev1.CreateApiResponse, error) {
	if len(r.GetApi().GetRoutes()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "no route to match")
	}
	return &keystilev1.CreateApiResponse{}, admin(ctx)
}

func (fake) CreateUser(ctx context.Context, _ *keystilev1.CreateUserRequest) (*keystilev1.CreateUserResponse, error) {
	return &keystilev1.CreateUserResponse{}, admin(ctx)
}

func (fake) ManageKey(ctx context.Context, _ *keystilev1.ManageKeyRequest) (*keystilev1.ManageKeyResponse, error) {
	return &keystilev1.ManageKeyResponse{Secret: fakeSecret}, admin(ctx)
}

func (fake) CheckKey(_ context.Context, r *keystilev1.CheckKeyRequest) (*keystilev1.CheckKeyResponse, error) {
	switch r.GetKey() {
	case fakeSecret:
		return &keystilev1.CheckKeyResponse{Allowed: true, Reason: keystilev1.Verdict_ALLOWED, Message: "this call may go ahead"}, nil
	case failSecret:
		return nil, errFake
	}
	return &keystilev1.CheckKeyResponse{Reason: keystilev1.Verdict_KEY_NOT_FOUND}, nil
}

func (f fake) CheckKeys(ctx context.Context, r *keystilev1.CheckKeysRequest) (*keystilev1.CheckKeysResponse, error) {
	out := &keystilev1.CheckKeysResponse{}
	for _, check := range r.GetChecks() {
		one, err := f.CheckKey(ctx, check)
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, one)
	}
	return out, nil
}

func (fake) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	switch r.GetAttributes().GetRequest().GetHttp().GetHeaders()["authorization"] {
	case "Bearer " + fakeSecret:
		return &authv3.CheckResponse{HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{
			Headers: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x-keystile-user", Value: "ada"}}},
		}}}, nil
	case "Bearer " + failSecret:
		return nil, errFake
	}
	return &authv3.CheckResponse{Status: &rpcstatus.Status{Code: int32(codes.Unauthenticated)}}, nil
}

func (fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/auth-request" || r.Header.Get("X-Original-URI") == "":
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") == "Bearer "+fakeSecret:
		w.Header().Set("X-Keystile-User", "ada")
	case r.Header.Get("Authorization") == "Bearer "+failSecret:
		http.Error(w, "the fake failed", http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusUnauthorized)
	}
}

// newFake makes the fake's servers.
func newFake() (*grpc.Server, *http.Server, *health.Server) {
	server := grpc.NewServer()
	keystilev1.RegisterKeyServiceServer(server, fake{})
	keystilev1.RegisterDirectoryServiceServer(server, fake{})
	authv3.RegisterAuthorizationServer(server, fake{})
	ready := health.NewServer()
	ready.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	healthpb.RegisterHealthServer(server, ready)
	return server, &http.Server{Handler: fake{}}, ready
}

// serveFake is the fake in the place of the binary.
func serveFake(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	grpcAddress := flags.String("grpc-listen", "", "")
	httpAddress := flags.String("http-listen", "", "")
	bootstrap := flags.String("bootstrap-key-file", "", "")
	for _, name := range []string{"data-dir", "ops-listen"} {
		flags.String(name, "", "")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	overGRPC, err := net.Listen("tcp", *grpcAddress)
	if err != nil {
		return err
	}
	overHTTP, err := net.Listen("tcp", *httpAddress)
	if err != nil {
		return err
	}
	// As Keystile does, the fake listens before there is an administrator.
	grpcServer, httpServer, ready := newFake()
	ended := make(chan error, 2)
	go func() { ended <- grpcServer.Serve(overGRPC) }()
	go func() { ended <- httpServer.Serve(overHTTP) }()
	time.Sleep(100 * time.Millisecond)
	if err := os.WriteFile(*bootstrap, []byte("ks_admin\n"), 0o600); err != nil {
		return err
	}
	ready.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	return <-ended
}

// startFake runs the fake inside the test.
func startFake(t *testing.T) *keystile {
	t.Helper()
	overGRPC, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	overHTTP, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	grpcServer, httpServer, _ := newFake()
	ended := make(chan error, 2)
	go func() { ended <- grpcServer.Serve(overGRPC) }()
	go func() { ended <- httpServer.Serve(overHTTP) }()
	t.Cleanup(func() {
		grpcServer.Stop()
		_ = httpServer.Close()
		for range 2 {
			if err := <-ended; err != nil && !errors.Is(err, grpc.ErrServerStopped) && !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		}
	})
	return &keystile{grpc: overGRPC.Addr().String(), http: overHTTP.Addr().String(), secret: fakeSecret}
}
