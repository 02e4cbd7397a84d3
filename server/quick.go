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

// quickOpen tells whether checks may take the quick way: by somebody who does not
// have to say who they are, and with nothing written about each.
func (s *Service) quickOpen(ctx context.Context) bool {
	return s.checkAuth == CheckAuthNone && !s.log.Enabled(ctx, slog.LevelDebug)
}

// quick carries a check past what only other calls need. A check needs no timer: a
// revision that it asks for, an answer about limits and a batch are bounded where they
// are waited for. It gets a name for the log only when something went wrong; its time is
// taken now and then. Panics, deadlines and errors are seen to as for every call.
func (s *Service) quick(ctx context.Context, method string, counted *quickCalls, next func(context.Context) (any, error)) (resp any, err error) {
	defer func() {
		if s.caught(ctx, method, recover()) {
			resp, err = nil, s.failed(ctx, method, errPanicked)
		}
	}()
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= deadlineShave {
		return nil, s.failed(ctx, method, status.FromContextError(context.DeadlineExceeded).Err())
	}
	if ids := metadata.ValueFromIncomingContext(ctx, mdRequestID); len(ids) == 1 && validRequestID(ids[0]) {
		_ = grpc.SetHeader(ctx, metadata.Pairs(mdRequestID, ids[0]))
	}
	if counted.sampled() {
		began := s.now()
		resp, err = next(ctx)
		counted.duration.Observe(s.now().Sub(began).Seconds())
	} else {
		resp, err = next(ctx)
	}
	if err != nil {
		return nil, s.failed(ctx, method, err)
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
