package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/rest"
)

// The doors on the HTTP listener, as metrics and logs name them.
const (
	doorExtAuthz    = "ext_authz_http"
	doorForwardAuth = "forward_auth"
	doorAuthRequest = "auth_request"
)

// GatewayDoors are the doors for gateways that ask over HTTP. They take requests
// as they come: a mux, a redirect or a CORS layer before them would repair, or
// answer, what they have to judge.
type GatewayDoors struct {
	service *Service
	names   gateway.Names
}

// NewGatewayDoors makes the doors to service.
func NewGatewayDoors(service *Service) *GatewayDoors {
	return &GatewayDoors{service: service, names: service.gateway.Names()}
}

// reader reads the question of one kind of gateway.
type reader func(q *gateway.Question, o *gateway.Options) (gateway.Call, error)

// doorOf tells the doors apart by the request target as it was written.
func doorOf(target string) (name string, read reader) {
	path, _, _ := strings.Cut(target, "?")
	switch {
	case strings.HasPrefix(target, gateway.ExtAuthzPath):
		return doorExtAuthz, gateway.ReadExtAuthz
	case path == gateway.ForwardAuthPath:
		return doorForwardAuth, gateway.ReadForwardAuth
	case path == gateway.AuthRequestPath:
		return doorAuthRequest, gateway.ReadAuthRequest
	}
	return "", nil
}

// Serves tells whether requests for that target, as it was written, are for one of
// these doors.
func (g *GatewayDoors) Serves(target string) bool {
	_, read := doorOf(target)
	return read != nil
}

// ServeHTTP answers one question that net/http has read.
func (g *GatewayDoors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := gateway.QuestionOf(r)
	var a gateway.HTTPAnswer
	g.Ask(r.Context(), &q, &a)
	a.Write(w)
}

// Ask answers one question; a is to be empty. Nothing of an answer is sent
// before all of it is known, so that whatever goes wrong ends in one that says so.
func (g *GatewayDoors) Ask(ctx context.Context, q *gateway.Question, a *gateway.HTTPAnswer) {
	door, read := doorOf(q.Target)
	defer func() {
		if g.service.caught(ctx, door, recover()) {
			g.undecided(ctx, a, door, errPanicked)
		}
	}()
	if err := g.decide(ctx, q, a, door, read); err != nil {
		g.undecided(ctx, a, door, err)
	}
}

func (g *GatewayDoors) decide(ctx context.Context, q *gateway.Question, a *gateway.HTTPAnswer, door string, read reader) error {
	s := g.service
	if read == nil {
		return misconfigured("there is no door at this path")
	}
	counted := s.metrics.doors[door]
	timed := counted.sampled()
	var began time.Time
	if timed {
		began = s.now()
	}
	caller, err := s.gatewayMayAsk(ctx, gateway.ReadCaller(q.Headers), q.Peer, q.Verified)
	if err != nil {
		return err
	}
	call, err := read(q, &s.gateway)
	if err != nil {
		return err //nolint:wrapcheck // undecided reads it
	}
	answer := s.newAnswer()
	defer s.release(answer)
	reply, err := s.askFor(ctx, &caller, door, &call, answer)
	if err != nil {
		return err
	}
	gateway.AnswerHTTP(a, &call, &reply, &g.names)
	if door == doorExtAuthz && reply.Verdict.Allowed() {
		gateway.RemoveUpstream(a, &call)
	}
	if timed {
		counted.duration.Observe(s.now().Sub(began).Seconds())
	}
	counted.calls.Inc()
	return nil
}

// undecided answers that nothing was decided, and says why in the log: what the
// gateway makes of the answer may show nobody anything.
func (g *GatewayDoors) undecided(ctx context.Context, a *gateway.HTTPAnswer, door string, err error) {
	s := g.service
	info := &callInfo{method: door, door: door, requestID: s.newRequestID()}
	fault := undecided(err)
	s.metrics.undecided.WithLabelValues(door).Inc()
	s.metrics.calls.WithLabelValues(door, door, codes.Unavailable.String()).Inc()
	s.logUndecided(ctx, info, fault)
	gateway.AnswerUndecided(a, rest.ProblemOf(fault.status(info.requestID)))
}

func (s *Service) logUndecided(ctx context.Context, info *callInfo, fault *Fault) {
	s.log.LogAttrs(ctx, slog.LevelError, "nothing was decided",
		slog.String("request_id", info.requestID), slog.String("door", info.door), slog.String("reason", fault.Reason),
		slog.String("message", fault.Message), slog.String("remedy", fault.Remedy), slog.Any("cause", fault.cause))
}
