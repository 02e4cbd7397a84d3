package server

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// keyServiceDesc describes KeyService to gRPC as the generated description does,
// with handlers of its own for the checks: these take the memory for a question
// from a pool, and encode an answer without making a message of it.
func keyServiceDesc() *grpc.ServiceDesc {
	desc := pb.KeyService_ServiceDesc
	desc.Methods = append([]grpc.MethodDesc(nil), desc.Methods...)
	for i := range desc.Methods {
		switch m := &desc.Methods[i]; m.MethodName {
		case "CheckKey":
			m.Handler = checkKeyHandler(m.Handler)
		case "CheckKeys":
			m.Handler = checkKeysHandler
		}
	}
	return &desc
}

// encoded is an answer as it goes over the wire.
type encoded [1]mem.Buffer

// checkKeyHandler serves CheckKey: the quick way where it is open, and as usual
// where it is not.
func checkKeyHandler(usual grpc.MethodHandler) grpc.MethodHandler {
	return func(srv any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		k, ok := srv.(*KeyServer)
		if !ok {
			return usual(srv, ctx, decode, intercept)
		}
		counted := k.quickly(ctx, k.service.metrics.quickCheck)
		if counted == nil {
			return usual(srv, ctx, decode, intercept)
		}
		req := pb.CheckKeyRequestFromVTPool()
		defer req.ReturnToVTPool()
		if err := decode(req); err != nil {
			return nil, err
		}
		return k.service.quick(ctx, pb.KeyService_CheckKey_FullMethodName, counted, func(ctx context.Context) (any, error) {
			return k.checkKey(ctx, req)
		})
	}
}

// quickly gives the counters of a check if it takes the quick way.
func (k *KeyServer) quickly(ctx context.Context, counters *quickCalls) *quickCalls {
	if k.door != doorGRPC || !k.service.quickOpen(ctx) {
		return nil
	}
	return counters
}

func (k *KeyServer) checkKey(ctx context.Context, req *pb.CheckKeyRequest) (any, error) {
	s := k.service
	answer := s.newAnswer()
	defer s.release(answer)
	if err := k.decide(ctx, req, answer); err != nil {
		return nil, err
	}
	room := s.rooms.Get(roomForOne)
	out, err := s.appendAnswer((*room)[:0], answer)
	if err != nil {
		s.rooms.Put(room)
		return nil, err
	}
	*room = out
	return &encoded{mem.NewBuffer(room, &s.rooms)}, nil
}

// usualAnswer is room for most answers, and roomForOne what one of them takes at
// least: gRPC gives nothing back that is not larger than 1 KiB.
const (
	usualAnswer = 512
	roomForOne  = 1<<10 + 1
)

// checkKeysHandler serves CheckKeys. Its answers are encoded at once on either way.
func checkKeysHandler(srv any, ctx context.Context, //nolint:revive // gRPC has it in this order
	decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
	k, ok := srv.(*KeyServer)
	if !ok {
		return nil, errPanicked
	}
	req := pb.CheckKeysRequestFromVTPool()
	defer func() {
		// What was far too large is not kept.
		if cap(req.GetChecks()) <= 2*maxChecks {
			req.ReturnToVTPool()
		}
	}()
	if err := decode(req); err != nil {
		return nil, err
	}
	if counted := k.quickly(ctx, k.service.metrics.quickBatch); counted != nil {
		return k.service.quick(ctx, pb.KeyService_CheckKeys_FullMethodName, counted, func(ctx context.Context) (any, error) {
			return k.checkKeys(ctx, req)
		})
	}
	handle := func(ctx context.Context, _ any) (any, error) { return k.checkKeys(ctx, req) }
	return intercept(ctx, req, &grpc.UnaryServerInfo{Server: srv, FullMethod: pb.KeyService_CheckKeys_FullMethodName}, handle)
}

// checkKeys encodes the answers of a batch one after the other, into memory that gRPC
// gives back once they are sent.
func (k *KeyServer) checkKeys(ctx context.Context, req *pb.CheckKeysRequest) (any, error) {
	pool := &k.service.rooms
	// How many there are has not been judged yet.
	room := pool.Get(usualAnswer * min(len(req.GetChecks()), maxChecks))
	out := (*room)[:0]
	err := k.decideAll(ctx, req, func(a *Answer) (err error) {
		out, err = k.service.appendResult(out, a)
		return err
	})
	*room = out
	if err != nil {
		pool.Put(room)
		return nil, err
	}
	return &encoded{mem.NewBuffer(room, pool)}, nil
}

// rooms are pieces of memory for what is written over its beginning: unlike gRPC's
// own, they are not cleared in between.
type rooms struct{ pool sync.Pool }

// mostRoom is how large a piece may be that is kept.
const mostRoom = 1 << 20

// Get gives n bytes, in which anything may stand.
func (r *rooms) Get(n int) *[]byte {
	if room, ok := r.pool.Get().(*[]byte); ok && cap(*room) >= n {
		*room = (*room)[:n]
		return room
	}
	room := make([]byte, n)
	return &room
}

// Put takes a piece back that nobody looks at any more.
func (r *rooms) Put(room *[]byte) {
	if cap(*room) <= mostRoom {
		r.pool.Put(room)
	}
}
