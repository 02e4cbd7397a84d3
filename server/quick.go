package server

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// sampleEvery is how many quick calls there are to one whose time is taken.
const sampleEvery = 64

// quickCalls counts the calls of one method that takes the quick way, and were
// answered.
type quickCalls struct {
	n        atomic.Uint64
	calls    prometheus.Counter
	duration prometheus.Observer
}

// sampled tells whether this call's time is to be taken.
func (q *quickCalls) sampled() bool {
	return q.n.Add(1)%sampleEvery == 0
}

// quickly gives the counters of a call that takes the quick way: the check of one
// call, over the network, by somebody who does not have to say who they are.
func (s *Service) quickly(ctx context.Context, info *grpc.UnaryServerInfo) *quickCalls {
	if s.checkAuth != CheckAuthNone || s.log.Enabled(ctx, slog.LevelDebug) {
		return nil
	}
	switch info.FullMethod {
	case pb.KeyService_CheckKey_FullMethodName:
		if k, ok := info.Server.(*KeyServer); ok && k.door == doorGRPC {
			return s.metrics.quickCheck
		}
	case authv3.Authorization_Check_FullMethodName:
		return s.metrics.quickEnvoy
	}
	return nil
}

// quick carries a check past what only other calls need. A check needs no timer, as
// it waits for nothing but a revision that it asks for, which is bounded there; it gets a name for the log only when something went
// wrong; its time is taken now and then. Panics, deadlines and errors are seen to
// as for every call.
func (s *Service) quick(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler, counted *quickCalls) (resp any, err error) {
	defer func() {
		if s.caught(ctx, info.FullMethod, recover()) {
			resp, err = nil, s.failed(ctx, info.FullMethod, errPanicked)
		}
	}()
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= deadlineShave {
		return nil, s.failed(ctx, info.FullMethod, status.FromContextError(context.DeadlineExceeded).Err())
	}
	if ids := metadata.ValueFromIncomingContext(ctx, mdRequestID); len(ids) == 1 && validRequestID(ids[0]) {
		_ = grpc.SetHeader(ctx, metadata.Pairs(mdRequestID, ids[0]))
	}
	if counted.sampled() {
		began := s.now()
		resp, err = next(ctx, req)
		counted.duration.Observe(s.now().Sub(began).Seconds())
	} else {
		resp, err = next(ctx, req)
	}
	if err != nil {
		return nil, s.failed(ctx, info.FullMethod, err)
	}
	counted.calls.Inc()
	return resp, nil
}

// failed names a quick call that went wrong, counts it, logs it, and words its
// error.
func (s *Service) failed(ctx context.Context, method string, err error) error {
	call := s.describe(ctx, method)
	_ = grpc.SetHeader(ctx, metadata.Pairs(mdRequestID, call.requestID))
	fault := faultOf(err)
	if policies[method].gateway {
		fault = undecided(err)
	}
	s.metrics.calls.WithLabelValues(call.door, call.method, fault.Code.String()).Inc()
	s.logCall(ctx, call, fault.Code, 0, fault)
	return fault.status(call.requestID)
}

// newQuickCalls makes the counters of a method at a door.
func (m *Metrics) newQuickCalls(door, method string) *quickCalls {
	return &quickCalls{
		calls:    m.calls.WithLabelValues(door, method, codes.OK.String()),
		duration: m.duration.WithLabelValues(door, method),
	}
}
