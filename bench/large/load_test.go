package main

import (
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// fake allows the keys of a population and knows no others.
type fake struct {
	keystilev1.UnimplementedKeyServiceServer
	known map[string]bool
	fails bool
}

func (f *fake) CheckKey(_ context.Context, q *keystilev1.CheckKeyRequest) (*keystilev1.CheckKeyResponse, error) {
	if f.fails {
		return nil, status.Error(codes.Unavailable, "could not decide")
	}
	call := q.GetRequest()
	if !f.known[q.GetKey()] || call.GetHost() != callHost || call.GetPath() != callPath || call.GetClientIp() != callerIP {
		return &keystilev1.CheckKeyResponse{Reason: keystilev1.Verdict_KEY_NOT_FOUND, Remedy: strings.Repeat("long ", 60)}, nil
	}
	return &keystilev1.CheckKeyResponse{Allowed: true, Reason: keystilev1.Verdict_ALLOWED}, nil
}

func (f *fake) CheckKeys(ctx context.Context, q *keystilev1.CheckKeysRequest) (*keystilev1.CheckKeysResponse, error) {
	out := &keystilev1.CheckKeysResponse{}
	for _, one := range q.GetChecks() {
		verdict, err := f.CheckKey(ctx, one)
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, verdict)
	}
	return out, nil
}

func (f *fake) serve(t *testing.T, p population) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	keystilev1.RegisterKeyServiceServer(s, f)
	go func() { _ = s.Serve(listener) }()
	t.Cleanup(s.Stop)
	return &server{store: &store{population: p}, grpc: listener.Addr().String(), pid: os.Getpid()}
}

func knownKeys(n int) map[string]bool {
	known := map[string]bool{}
	for i := range n {
		known[secretOf(i)] = true
	}
	return known
}

func TestLoadAsksAboutEveryKey(t *testing.T) {
	f := &fake{known: knownKeys(100)}
	v := f.serve(t, population{keys: 100})
	got, err := load(t.Context(), v, loadPlan{warmup: 50 * time.Millisecond, measure: 300 * time.Millisecond, inFlight: 10, connections: 3}, 1)
	if err != nil || got.Calls < 100 || got.CPUBusy <= 0 || got.P99Micros < got.P50Micros || got.P50Micros <= 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A refusal is cheaper than a check, and an error cheaper still, so a load that
// meets one must not count.
func TestLoadFailsOnARefusal(t *testing.T) {
	short := loadPlan{measure: 200 * time.Millisecond, inFlight: 4, connections: 2}
	one := &fake{known: knownKeys(99)}
	if _, err := load(t.Context(), one.serve(t, population{keys: 100}), short, 1); err == nil || !strings.Contains(err.Error(), "KEY_NOT_FOUND") {
		t.Errorf("with a key that is not there: got %v", err)
	}
	down := &fake{fails: true}
	if _, err := load(t.Context(), down.serve(t, population{keys: 100}), short, 1); err == nil || !strings.Contains(err.Error(), "a call failed") {
		t.Errorf("with a server that fails: got %v", err)
	}
}

func TestLoadEndsWithItsContext(t *testing.T) {
	f := &fake{known: knownKeys(100)}
	v := f.serve(t, population{keys: 100})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := load(ctx, v, loadPlan{measure: time.Minute, inFlight: 4, connections: 1}, 1)
	if err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

// The answers to a batch take several frames, and a window of the connection's many.
func TestUnknownBatchesAreAnsweredWhole(t *testing.T) {
	f := &fake{known: knownKeys(100)}
	v := f.serve(t, population{keys: 100})
	callers, err := open(t.Context(), v.grpc, keystilev1.KeyService_CheckKeys_FullMethodName, 2, func(c *caller, n int) {
		c.ask, c.judge = unknownBatch(7, uint64(n)), notFound
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if err := <-drive(t.Context(), callers, 8, now, now.Add(500*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n := callers[0].answered + callers[1].answered; n < 50 {
		t.Errorf("only %d batches were answered", n)
	}

	known := &keystilev1.CheckKeysResponse{}
	for range unknownAtOnce {
		known.Results = append(known.Results, &keystilev1.CheckKeyResponse{Reason: keystilev1.Verdict_KEY_NOT_FOUND})
	}
	known.Results[5].Reason = keystilev1.Verdict_KEY_MALFORMED
	if err := notFound(marshalled(t, known)); err == nil || !strings.Contains(err.Error(), "KEY_MALFORMED") {
		t.Errorf("another reason: got %v", err)
	}
}
