package rest

import (
	"context"
	"math"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// exchange is what one call carries through the generated code, which hands on
// nothing but a context.
type exchange struct {
	requestID string
	metadata  metadata.MD
	route     *route
	params    map[string]string
	// query is the client's, not yet looked at.
	query string
	// writer is the server's own, which must hear of a body that is too long.
	writer http.ResponseWriter
	// refusal is what this package found wrong with the request.
	refusal *Problem
	// answered is the error that the gRPC call itself ended with.
	answered error
}

type exchangeKey struct{}

func withExchange(ctx context.Context, e *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, e)
}

// exchangeOf gives the call's exchange; never nil.
func exchangeOf(ctx context.Context) *exchange {
	if e, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		return e
	}
	return &exchange{}
}

// problem says why the call failed, given the error that the generated code has.
// That error's own text is used only if it came from the gRPC server: what the
// generated code says quotes the client's values.
func (e *exchange) problem() Problem {
	switch {
	case e.refusal != nil:
		return *e.refusal
	case e.answered != nil:
		return ProblemOf(e.answered)
	default:
		return *invalid("request", "could not be read")
	}
}

// recorded is the connection to the gRPC server, which notes in the exchange
// what the server answered.
type recorded struct{ inner grpc.ClientConnInterface }

// Invoke makes a call. The answer comes from this process and may be as long as
// the longest page is. Its error stays a bare gRPC status.
func (c recorded) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	err := c.inner.Invoke(ctx, method, args, reply, append(opts, grpc.MaxCallRecvMsgSize(math.MaxInt32))...)
	exchangeOf(ctx).answered = err
	return err
}

// NewStream opens a stream; no REST call needs one today.
func (c recorded) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return c.inner.NewStream(ctx, desc, method, opts...)
}
