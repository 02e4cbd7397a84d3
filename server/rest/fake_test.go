package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/rest"
)

// call is what arrived at the gRPC server.
type call struct {
	method   string
	request  proto.Message
	metadata metadata.MD
	timeout  time.Duration
}

// world is a REST door, served over TCP, in front of a gRPC server that notes
// what arrives and answers as it is told.
type world struct {
	t    *testing.T
	http *httptest.Server
	logs *strings.Builder

	mu     sync.Mutex
	calls  []call
	answer func(method string) (proto.Message, error)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, logs: &strings.Builder{}}
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer(grpc.UnaryInterceptor(w.intercept), grpc.MaxRecvMsgSize(9<<20))
	keystilev1.RegisterKeyServiceServer(server, keystilev1.UnimplementedKeyServiceServer{})
	keystilev1.RegisterDirectoryServiceServer(server, keystilev1.UnimplementedDirectoryServiceServer{})
	keystilev1.RegisterAuditServiceServer(server, keystilev1.UnimplementedAuditServiceServer{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	conn, err := grpc.NewClient("passthrough:///in-process",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	handler, err := rest.New(conn, rest.Options{
		NewRequestID: func() string { return fmt.Sprintf("made-%d", n.Add(1)) },
		Logger:       slog.New(slog.NewTextHandler(w.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.http = httptest.NewServer(handler)
	t.Cleanup(func() {
		w.http.Close()
		_ = conn.Close()
		server.Stop()
		<-done
	})
	return w
}

func (w *world) intercept(ctx context.Context, req any, info *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	c := call{method: info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:], request: req.(proto.Message), metadata: md}
	if deadline, ok := ctx.Deadline(); ok {
		c.timeout = time.Until(deadline)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	if w.answer != nil {
		return w.answer(c.method)
	}
	if c.method == "ManageKey" {
		return &keystilev1.ManageKeyResponse{Key: &keystilev1.Key{Id: "key_1"}}, nil
	}
	return emptyAnswer(info.FullMethod)
}

// emptyAnswer makes the RPC's response with nothing in it.
func emptyAnswer(fullMethod string) (proto.Message, error) {
	name := strings.ReplaceAll(strings.TrimPrefix(fullMethod, "/"), "/", ".")
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil, err
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, errors.New(name + " is no RPC")
	}
	answer, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, err
	}
	return answer.New().Interface(), nil
}

// answers sets what the gRPC server says from now on.
func (w *world) answers(m proto.Message, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = func(string) (proto.Message, error) { return m, err }
}

// arrived gives the calls that reached the gRPC server since it was last asked.
func (w *world) arrived() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.calls
	w.calls = nil
	return c
}

// one wants exactly one call to have arrived.
func (w *world) one() call {
	w.t.Helper()
	calls := w.arrived()
	if len(calls) != 1 {
		w.t.Fatalf("%d calls arrived, want 1", len(calls))
	}
	return calls[0]
}

// none wants no call to have arrived.
func (w *world) none() {
	w.t.Helper()
	if calls := w.arrived(); len(calls) != 0 {
		w.t.Fatalf("arrived: %v, want nothing", calls)
	}
}

type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers are "Name: value" lines.
func (w *world) do(method, target, body string, headers ...string) reply {
	w.t.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.http.URL+target, content)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header[name] = append(r.Header[name], value)
	}
	return w.send(r)
}

func (w *world) send(r *http.Request) reply {
	w.t.Helper()
	res, err := w.http.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if res.Header.Get("X-Request-Id") == "" || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		w.t.Errorf("%s %s: headers %v: want X-Request-Id, no-store and nosniff on every answer", r.Method, r.URL, res.Header)
	}
	return reply{res.StatusCode, res.Header, string(text)}
}

// ok wants a JSON answer.
func (w *world) ok(method, target, body string, headers ...string) reply {
	w.t.Helper()
	got := w.do(method, target, body, headers...)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		w.t.Fatalf("%s %s %s: got %d %s %s, want 200 in JSON", method, target, body, got.status, got.header.Get("Content-Type"), got.body)
	}
	return got
}

// refused wants a problem that no call had to the gRPC server, with the field as
// its only error; an empty field wants no errors.
func (w *world) refused(status int, field, method, target, body string, headers ...string) rest.Problem {
	w.t.Helper()
	p := w.problem(w.do(method, target, body, headers...), status)
	w.none()
	switch {
	case field == "" && len(p.Errors) == 0:
	case len(p.Errors) == 1 && p.Errors[0].Field == field && p.Errors[0].Message != "":
	default:
		w.t.Errorf("%s %s %.80s: errors %v, want one of %q", method, target, body, p.Errors, field)
	}
	return p
}

// problem reads a problem and wants what all of them have.
func (w *world) problem(got reply, status int) rest.Problem {
	w.t.Helper()
	var p rest.Problem
	if got.status != status || got.header.Get("Content-Type") != "application/problem+json" {
		w.t.Fatalf("got %d %s %s, want a problem of %d", got.status, got.header.Get("Content-Type"), got.body, status)
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		w.t.Fatal(err)
	}
	if p.Status != status || p.Title == "" || p.Detail == "" || p.Reason == "" || p.Type == "" || p.RequestID != got.header.Get("X-Request-Id") {
		w.t.Errorf("a member is missing or wrong: %s", got.body)
	}
	return p
}
