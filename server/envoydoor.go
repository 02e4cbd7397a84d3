package server

import (
	"context"
	"errors"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"

	"github.com/keystile/keystile/server/gateway"
)

// EnvoyQuestion is an encoded envoy.service.auth.v3.CheckRequest. The door reads it as
// it is, and writes its answer likewise: making messages of the bytes, and bytes of the
// messages, costs more than deciding.
type EnvoyQuestion string

// EnvoyAnswer is an encoded envoy.service.auth.v3.CheckResponse, and never empty.
type EnvoyAnswer []byte

// receive takes a question as it has come, in memory of its own.
func (q *EnvoyQuestion) receive(data mem.BufferSlice) {
	var wire strings.Builder
	wire.Grow(data.Len())
	for _, part := range data {
		wire.Write(part.ReadOnlyData())
	}
	*q = EnvoyQuestion(wire.String())
}

// EnvoyServer is the door of envoy.service.auth.v3.Authorization. Envoy lets a
// request through on any answer whose status is zero, an empty one too: so every
// answer here is made from a verdict, and everything else is an error.
type EnvoyServer struct {
	service *Service
	names   gateway.Names
	info    grpc.UnaryServerInfo
}

// NewEnvoyServer makes the door to service.
func NewEnvoyServer(service *Service) *EnvoyServer {
	e := &EnvoyServer{service: service, names: service.gateway.Names()}
	e.info = grpc.UnaryServerInfo{Server: e, FullMethod: authv3.Authorization_Check_FullMethodName}
	return e
}

// Check decides one request of a client of Envoy's.
func (e *EnvoyServer) Check(ctx context.Context, question EnvoyQuestion) (EnvoyAnswer, error) {
	answer, err := e.check(ctx, question)
	if err != nil {
		e.service.metrics.undecided.WithLabelValues(doorEnvoy).Inc()
		return nil, undecided(err)
	}
	return answer, nil
}

func (e *EnvoyServer) check(ctx context.Context, question EnvoyQuestion) (EnvoyAnswer, error) {
	s := e.service
	call, err := gateway.ReadEnvoy(string(question), &s.gateway, &e.names)
	if errors.Is(err, gateway.ErrNoQuestion) {
		return nil, &Fault{Code: codes.InvalidArgument, Reason: reasonInvalid, Message: "nothing was decided: " + err.Error()}
	}
	if err != nil {
		return nil, err //nolint:wrapcheck // it is worded for the operator
	}
	caller := callerFrom(ctx)
	answer := s.newAnswer()
	defer s.release(answer)
	reply, err := s.askFor(ctx, &caller, doorEnvoy, &call, answer)
	if err != nil {
		return nil, err
	}
	return gateway.AnswerEnvoy(&call, &reply, &e.names, &s.gateway) //nolint:wrapcheck // it is worded for the log
}

// envoyAuthorization is what serves envoy.service.auth.v3.Authorization here.
type envoyAuthorization interface {
	Check(ctx context.Context, question EnvoyQuestion) (EnvoyAnswer, error)
}

// register serves the door as the service that Envoy calls, with its messages
// encoded.
func (e *EnvoyServer) register(g grpc.ServiceRegistrar) {
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "envoy.service.auth.v3.Authorization",
		HandlerType: (*envoyAuthorization)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Check", Handler: e.handle}},
		Metadata:    authv3.File_envoy_service_auth_v3_external_auth_proto.Path(),
	}, e)
}

// handle runs the door inside the interceptors, as generated code does. There always
// is one here.
//
//nolint:revive // gRPC gives the context second
func (e *EnvoyServer) handle(_ any, ctx context.Context, receive func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	question := new(EnvoyQuestion)
	if err := receive(question); err != nil {
		return nil, err
	}
	return intercept(ctx, question, &e.info, e.answer)
}

func (e *EnvoyServer) answer(ctx context.Context, question any) (any, error) {
	q, ok := question.(*EnvoyQuestion)
	if !ok {
		return nil, undecided(errNoEnvoyQuestion)
	}
	return e.Check(ctx, *q)
}

var errNoEnvoyQuestion = errors.New("the door of Envoy was asked something else")
