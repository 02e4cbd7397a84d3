package server

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
)

// callInfo is what is known of a call while it runs, for logs and the audit
// trail. Its caller is filled in once it is known.
type callInfo struct {
	method    string
	requestID string
	door      string
	source    string
	caller    *Caller
}

type callInfoKey struct{}

func withCallInfo(ctx context.Context, c *callInfo) context.Context {
	return context.WithValue(ctx, callInfoKey{}, c)
}

func callInfoFrom(ctx context.Context) *callInfo {
	if c, ok := ctx.Value(callInfoKey{}).(*callInfo); ok {
		return c
	}
	return &callInfo{}
}

func requestIDFrom(ctx context.Context) string { return callInfoFrom(ctx).requestID }

func methodFrom(ctx context.Context) string { return callInfoFrom(ctx).method }

func noteCaller(ctx context.Context, c *Caller) { callInfoFrom(ctx).caller = c }

// The doors, as metrics and logs name them.
const (
	doorGRPC  = "grpc"
	doorREST  = "rest"
	doorEnvoy = "ext_authz"
)

// describe reads what is known of a call from its context.
func (s *Service) describe(ctx context.Context, method string) *callInfo {
	md, _ := metadata.FromIncomingContext(ctx)
	info := &callInfo{method: method, door: doorGRPC}
	if policies[method].gateway {
		info.door = doorEnvoy
	}
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil && inProcess(p) {
		info.door = doorREST
	}
	if addr := sourceAddress(ctx, md); addr.IsValid() {
		info.source = addr.String()
	}
	if ids := md.Get(mdRequestID); len(ids) == 1 && validRequestID(ids[0]) {
		info.requestID = ids[0]
	} else {
		info.requestID = s.newRequestID()
	}
	return info
}

// newRequestID names a call whose client did not; empty without randomness.
func (s *Service) newRequestID() string {
	id, err := s.requestIDs.next()
	if err != nil {
		return ""
	}
	return id
}

// validRequestID keeps what clients choose harmless in logs and headers.
func validRequestID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return strings.IndexFunc(id, func(c rune) bool {
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		return !alnum && c != '.' && c != '_' && c != '-'
	}) < 0
}
