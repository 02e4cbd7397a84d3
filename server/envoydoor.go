package server

import (
	"context"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"github.com/keystile/keystile/server/gateway"
)

// EnvoyServer is the door of envoy.service.auth.v3.Authorization. Envoy lets a
// request through on any answer whose status is zero, an empty one too: so every
// answer here is made from a verdict, and everything else is an error.
type EnvoyServer struct {
	authv3.UnimplementedAuthorizationServer
	service *Service
	names   gateway.Names
}

// NewEnvoyServer makes the door to service.
func NewEnvoyServer(service *Service) *EnvoyServer {
	return &EnvoyServer{service: service, names: service.gateway.Names()}
}

// Check decides one request of a client of Envoy's.
func (e *EnvoyServer) Check(ctx context.Context, req *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	s, door := e.service, doorEnvoy
	call, err := gateway.ReadEnvoy(req, &s.gateway, &e.names)
	if err != nil {
		s.metrics.undecided.WithLabelValues(door).Inc()
		return nil, undecided(err)
	}
	caller := callerFrom(ctx)
	answer := s.newAnswer()
	defer s.release(answer)
	reply, err := s.askFor(ctx, &caller, door, &call, answer)
	if err != nil {
		s.metrics.undecided.WithLabelValues(door).Inc()
		return nil, undecided(err)
	}
	return gateway.AnswerEnvoy(&call, &reply, &e.names, &s.gateway), nil
}
