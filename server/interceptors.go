package server

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// The most time a call may take, by what it does, and what is kept back of a
// caller's own deadline for the answer's way home.
const (
	checkTimeout  = time.Second
	batchTimeout  = 5 * time.Second
	manageTimeout = 10 * time.Second
	deadlineShave = 20 * time.Millisecond
)

// unary gives the interceptors in the order in which they run: name the call,
// count and log it, turn what goes wrong into a wire error, catch panics, bound
// its time, find out who calls. A handler never runs outside any of them.
func (s *Service) unary() grpc.ServerOption {
	return grpc.UnaryInterceptor(func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if info.FullMethod == authv3.Authorization_Check_FullMethodName && s.quickOpen(ctx) {
			return s.quick(ctx, info.FullMethod, s.metrics.quickEnvoy, func(ctx context.Context) (any, error) { return next(ctx, req) })
		}
		return s.thorough(ctx, req, info, next)
	})
}

// thorough runs a call inside all interceptors.
func (s *Service) thorough(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	chain := s.interceptors()
	for i := len(chain) - 1; i >= 0; i-- {
		intercept, inner := chain[i], next
		next = func(ctx context.Context, req any) (any, error) { return intercept(ctx, req, info, inner) }
	}
	return next(ctx, req)
}

func (s *Service) interceptors() []grpc.UnaryServerInterceptor {
	return []grpc.UnaryServerInterceptor{s.lastResort, s.observe, s.recoverPanic, s.bound, s.authorize}
}

// lastResort keeps a panic in the other interceptors from ending the process.
func (s *Service) lastResort(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if s.caught(ctx, info.FullMethod, recover()) {
			resp, err = nil, errPanicked
			if policies[info.FullMethod].gateway {
				err = undecided(errPanicked).status("")
			}
		}
	}()
	return next(ctx, req)
}

// stream lets only streams through that are open to everybody: nothing here
// finds out who calls one.
func (s *Service) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if s.caught(ss.Context(), info.FullMethod, recover()) {
			err = errPanicked
		}
	}()
	if !policies[info.FullMethod].open {
		return status.Error(codes.PermissionDenied, "this stream is open to nobody")
	}
	return next(srv, ss)
}

// errPanicked is what a caller is told of a panic that nothing else has caught.
var errPanicked = status.Error(codes.Internal, "internal error")

// caught notes a panic, if there was one. Its value may hold anything, and is
// not logged.
func (s *Service) caught(ctx context.Context, method string, panicked any) bool {
	if panicked == nil {
		return false
	}
	s.metrics.panics.Inc()
	s.log.ErrorContext(ctx, "panic", "method", method, "request_id", requestIDFrom(ctx),
		"panic", fmt.Sprintf("%T", panicked), "stack", string(debug.Stack()))
	return true
}

// observe names the call, counts it, logs it, and maps its error.
func (s *Service) observe(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	began := s.now()
	call := s.describe(ctx, info.FullMethod)
	ctx = withCallInfo(ctx, call)
	_ = grpc.SetHeader(ctx, metadata.Pairs(mdRequestID, call.requestID))
	s.metrics.inFlight.WithLabelValues(call.door).Inc()
	defer s.metrics.inFlight.WithLabelValues(call.door).Dec()

	resp, err := next(ctx, req)
	took := s.now().Sub(began)
	if err == nil {
		s.metrics.call(call, codes.OK, took)
		s.logCall(ctx, call, codes.OK, took, nil)
		return resp, nil
	}
	fault := faultOf(err)
	if policies[info.FullMethod].gateway {
		fault = undecided(err)
	}
	s.metrics.call(call, fault.Code, took)
	s.logCall(ctx, call, fault.Code, took, fault)
	return nil, fault.status(call.requestID)
}

// logCall writes one line a call: checks at debug level, as there are many.
func (s *Service) logCall(ctx context.Context, call *callInfo, code codes.Code, took time.Duration, fault *Fault) {
	level := slog.LevelInfo
	if p := policies[call.method]; p.check || p.open {
		level = slog.LevelDebug
	}
	if fault != nil && (fault.Code == codes.Internal || fault.Code == codes.Unavailable) {
		level = slog.LevelError
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", call.requestID), slog.String("door", call.door),
		slog.String("method", call.method), slog.String("code", code.String()),
		slog.Float64("seconds", took.Seconds()), slog.String("source", call.source),
	}
	if call.caller != nil {
		ref := call.caller.ref()
		attrs = append(attrs, slog.String("tenant", ref.TenantID), slog.String("user", ref.ID),
			slog.String("key", call.caller.Grant.Key.ID))
	}
	if fault != nil {
		attrs = append(attrs, slog.String("reason", fault.Reason), slog.String("message", fault.Message))
		if level == slog.LevelError {
			attrs = append(attrs, slog.String("remedy", fault.Remedy), slog.Any("cause", fault.cause))
		}
	}
	s.log.LogAttrs(ctx, level, "call", attrs...)
}

// recoverPanic turns a panic into an internal error: never into an answer.
func (s *Service) recoverPanic(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if s.caught(ctx, info.FullMethod, recover()) {
			resp, err = nil, &Fault{Code: codes.Internal, Reason: reasonInternal, Message: "internal error"}
		}
	}()
	return next(ctx, req)
}

// bound gives every call a deadline, a little before the caller's own, and does
// not begin what can't end in time.
func (s *Service) bound(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	limit := manageTimeout
	if p := policies[info.FullMethod]; p.check || p.open {
		limit = checkTimeout
	}
	if _, batch := req.(*pb.CheckKeysRequest); batch {
		limit = batchTimeout
	}
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline)-deadlineShave)
	}
	if limit <= 0 {
		return nil, status.FromContextError(context.DeadlineExceeded).Err()
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return next(ctx, req)
}
