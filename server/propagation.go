package server

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// defaultPropagationTimeout is how long a write waits for the other replicas.
const defaultPropagationTimeout = 2 * time.Second

// propagate says where a write is in force that this replica has applied, after
// waiting for the others as long as the request allows. A write that changed
// nothing asks about what it found: somebody who repeats a revocation wants to
// know that it is in force.
func (s *Service) propagate(ctx context.Context, revision int64, request proto.Message) *pb.Propagation {
	out := &pb.Propagation{State: pb.Propagation_PENDING}
	if revision == 0 {
		var err error
		if revision, err = s.keys.Refresh(ctx); err != nil {
			return out
		}
	}
	out.Revision = strconv.FormatInt(revision, 10)
	wait := s.propagationTimeout
	if !awaits(request) {
		wait = 0
	}
	behind, err := s.keys.Confirm(ctx, revision, wait)
	if err != nil {
		s.log.WarnContext(ctx, "where a write is in force is not known", "revision", revision, "error", err)
		return out
	}
	if len(behind) == 0 {
		out.State = pb.Propagation_CONFIRMED
	}
	for _, r := range behind {
		out.Replicas = append(out.Replicas, &pb.PendingReplica{Id: r.ID, StopTime: timestamppb.New(r.Stop)})
	}
	return out
}

// The fields by which requests and replies speak of propagation.
const (
	fieldAwait       protoreflect.Name = "wait_for_propagation"
	fieldPropagation protoreflect.Name = "propagation"
)

// awaits tells whether a request wants its write to be waited for, which it does
// unless it says otherwise: itself, or in the branch of its operation.
func awaits(request proto.Message) bool {
	m := request.ProtoReflect()
	if oneof := m.Descriptor().Oneofs().ByName("operation"); oneof != nil {
		branch := m.WhichOneof(oneof)
		if branch == nil {
			return true
		}
		m = m.Get(branch).Message()
	}
	field := m.Descriptor().Fields().ByName(fieldAwait)
	return field == nil || !m.Has(field) || m.Get(field).Bool()
}

// notePropagation puts where a write is in force into a reply that has room for it.
func notePropagation(reply proto.Message, p *pb.Propagation) {
	m := reply.ProtoReflect()
	if field := m.Descriptor().Fields().ByName(fieldPropagation); field != nil {
		m.Set(field, protoreflect.ValueOfMessage(p.ProtoReflect()))
	}
}
