package server

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// GetKeyLimits tells how the limits stand that every call with a key counts against.
func (k *KeyServer) GetKeyLimits(ctx context.Context, req *pb.GetKeyLimitsRequest) (*pb.GetKeyLimitsResponse, error) {
	s := k.service
	now := s.now()
	applied, err := s.keyLimits(ctx, req.GetId(), now)
	if err != nil {
		return nil, err
	}
	states, err := s.lookAt(ctx, applied, now)
	if err != nil {
		return nil, err
	}
	return &pb.GetKeyLimitsResponse{Limits: states}, nil
}

// keyLimits gives the limits of a key that the caller may see, as the copy has it: its
// own, its user's and its tenant's.
func (s *Service) keyLimits(ctx context.Context, id string, now time.Time) ([]limits.Applied, error) {
	var v violations
	v.id("id", id, validKeyID, keyIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	if _, err := s.freshEnough(ctx, now, 0); err != nil {
		return nil, err
	}
	grant, ok := s.keys.LookupID(id, &access.Aim{})
	if !ok {
		return nil, notFound("key")
	}
	if err := s.reach(ctx, grant.Key.TenantID, "key"); err != nil {
		return nil, err
	}
	return appliedTo(now, &grant, nil), nil
}

func (s *Service) lookAt(ctx context.Context, applied []limits.Applied, now time.Time) ([]*pb.LimitState, error) {
	states, err := s.limits.Look(ctx, now, applied)
	if err != nil {
		return nil, unavailable(err)
	}
	out := make([]*pb.LimitState, len(states))
	for i := range states {
		out[i] = limitToProto(&states[i])
	}
	return out, nil
}
