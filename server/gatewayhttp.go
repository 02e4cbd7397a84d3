package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
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
type reader func(r *http.Request, o *gateway.Options) (gateway.Call, error)

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

// Serves tells whether a request is for one of these doors.
func (g *GatewayDoors) Serves(r *http.Request) bool {
	_, read := doorOf(r.RequestURI)
	return read != nil
}

// ServeHTTP answers one question.
func (g *GatewayDoors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := g.service
	door, read := doorOf(r.RequestURI)
	info := &callInfo{method: door, door: door}
	answer := &begun{ResponseWriter: w}
	defer func() { //nolint:contextcheck // it hands the request on, and its context with it
		if !s.caught(r.Context(), door, recover()) {
			return
		}
		if answer.yes {
			// Half an answer must not look like a whole one.
			panic(http.ErrAbortHandler)
		}
		g.undecided(answer, r, info, errPanicked)
	}()
	if err := g.answer(answer, r, info, read); err != nil {
		g.undecided(answer, r, info, err)
	}
}

func (g *GatewayDoors) answer(w http.ResponseWriter, r *http.Request, info *callInfo, read reader) error {
	s := g.service
	if read == nil {
		return misconfigured("there is no door at this path")
	}
	counted := s.metrics.doors[info.door]
	timed := counted.sampled()
	var began time.Time
	if timed {
		began = s.now()
	}
	caller, err := g.caller(r)
	if err != nil {
		return err
	}
	call, err := read(r, &s.gateway)
	if err != nil {
		return err //nolint:wrapcheck // undecided reads it
	}
	answer := s.newAnswer()
	defer s.release(answer)
	reply, err := s.askFor(r.Context(), &caller, info.door, &call, answer)
	if err != nil {
		return err
	}
	if info.door == doorExtAuthz && reply.Verdict.Allowed() {
		gateway.RemoveUpstream(w, &call)
	}
	if timed {
		counted.duration.Observe(s.now().Sub(began).Seconds())
	}
	counted.calls.Inc()
	gateway.WriteHTTP(w, &call, &reply, &g.names)
	return nil
}

// caller finds out which gateway asks, where that matters.
func (g *GatewayDoors) caller(r *http.Request) (Caller, error) {
	var source netip.Addr
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		source = peer.Addr().Unmap().WithZone("")
	}
	verified := r.TLS != nil && len(r.TLS.VerifiedChains) > 0
	return g.service.gatewayMayAsk(r.Context(), gateway.ReadCaller(r.Header), source, verified)
}

// undecided answers that nothing was decided, and says why in the log: what the
// gateway makes of the answer may show nobody anything.
func (g *GatewayDoors) undecided(w http.ResponseWriter, r *http.Request, info *callInfo, err error) {
	s := g.service
	info.requestID = s.newRequestID()
	fault := undecided(err)
	s.metrics.undecided.WithLabelValues(info.door).Inc()
	s.metrics.calls.WithLabelValues(info.door, info.method, codes.Unavailable.String()).Inc()
	s.logUndecided(r.Context(), info, fault)
	gateway.WriteUndecided(w, rest.ProblemOf(fault.status(info.requestID)))
}

func (s *Service) logUndecided(ctx context.Context, info *callInfo, fault *Fault) {
	s.log.LogAttrs(ctx, slog.LevelError, "nothing was decided",
		slog.String("request_id", info.requestID), slog.String("door", info.door), slog.String("reason", fault.Reason),
		slog.String("message", fault.Message), slog.String("remedy", fault.Remedy), slog.Any("cause", fault.cause))
}

// begun is a ResponseWriter that knows whether the answer has begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

// WriteHeader begins the answer.
func (b *begun) WriteHeader(code int) {
	b.yes = true
	b.ResponseWriter.WriteHeader(code)
}

// Write sends a part of the body.
func (b *begun) Write(data []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(data) //nolint:wrapcheck // it is the writer's own
}
