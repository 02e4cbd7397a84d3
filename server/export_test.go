package server

import (
	"context"

	"google.golang.org/grpc"
)

// What tests of this package's outside need of its inside.
const RequestIDPrefixForTest = requestIDPrefix

var EveryMethodHasPolicyForTest = everyMethodHasPolicy

// StreamForTest runs the interceptor of streams.
func (s *Service) StreamForTest(ss grpc.ServerStream, method string, next grpc.StreamHandler) error {
	return s.stream(nil, ss, &grpc.StreamServerInfo{FullMethod: method}, next)
}

// LastResortForTest runs the outermost interceptor.
func (s *Service) LastResortForTest(ctx context.Context, next grpc.UnaryHandler) (any, error) {
	return s.lastResort(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/x/Y"}, next)
}

// FlushUsageForTest writes noted times of use at once.
func (s *Service) FlushUsageForTest(ctx context.Context) { s.flushUsage(ctx) }

// UnaryForTest runs a handler inside all interceptors, as the server does.
func (s *Service) UnaryForTest(ctx context.Context, req any, method string, handler grpc.UnaryHandler) (any, error) {
	return s.thorough(ctx, req, &grpc.UnaryServerInfo{FullMethod: method}, handler)
}

// QuickForTest runs a handler as the server does for a quick check.
func (s *Service) QuickForTest(ctx context.Context, req any, method string, handler grpc.UnaryHandler) (any, error) {
	return s.quick(ctx, method, s.metrics.quickEnvoy, func(ctx context.Context) (any, error) { return handler(ctx, req) })
}

// DecisionForTest gives what is kept of a refusal beside its request.
func (s *Service) DecisionForTest(id string) []string {
	d := s.decisions.find(id)
	return []string{d.Permission, d.Tenant, d.KeyTenant, d.NamedAPI.TenantID, d.NamedAPI.ID, d.Method, d.Host, d.Path, d.KeyID, d.UserID, d.TenantID}
}
