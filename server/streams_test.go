package server_test

import (
	"context"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// openStream is a stream that carries nothing but its context.
type openStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s openStream) Context() context.Context { return s.ctx }

// A stream that is not open to everybody is open to nobody, and no panic ends
// the process, wherever in a call it comes.
func TestStreamsAndLastResort(t *testing.T) {
	h := newHouse(t, houseOptions{})
	passed := false
	through := func(any, grpc.ServerStream) error { passed = true; return nil }
	stream := func(method string, next grpc.StreamHandler) codes.Code {
		return status.Code(h.service.StreamForTest(openStream{ctx: t.Context()}, method, next))
	}
	for _, method := range []string{"/keystile.v1.KeyService/CheckKey", "/keystile.v1.KeyService/GetKey", "/keystile.v1.KeyService/WhoAmI", "/no/such", ""} {
		if code := stream(method, through); code != codes.PermissionDenied || passed {
			t.Errorf("stream %q: %s, passed %t", method, code, passed)
		}
	}
	const health = "/grpc.health.v1.Health/Watch"
	if code := stream(health, through); code != codes.OK || !passed {
		t.Errorf("an open stream: %s, passed %t", code, passed)
	}
	if code := stream(health, func(any, grpc.ServerStream) error { panic("boom") }); code != codes.Internal {
		t.Errorf("a panic in a stream: %s", code)
	}
	resp, err := h.service.LastResortForTest(t.Context(), func(context.Context, any) (any, error) { panic("boom") })
	if resp != nil || status.Code(err) != codes.Internal {
		t.Errorf("a panic in an interceptor: %v %v", resp, err)
	}
}
