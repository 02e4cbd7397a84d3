package server

import (
	"context"
	"math"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// errLoosened: the write would give its writer more room than it has.
var errLoosened = forbidden(
	"nobody loosens or removes limits of their own key or user",
	"Ask an administrator who holds keystile.limits.reset.")

// limitsInReach keeps callers from loosening what bounds themselves: limits of
// their own user, and of any key of theirs.
func limitsInReach(c *Caller, of storage.UserRef, before, after *storage.Limits) error {
	if of == c.ref() && access.Loosened(before, after) && !c.may(access.PermLimitsReset) {
		return errLoosened
	}
	return nil
}

// tenantLimitsInReach wants the operator for a tenant's limits: they are its bound
// on the tenant.
func (s *Service) tenantLimitsInReach(ctx context.Context, c *Caller, mask map[string]bool) error {
	if !mask[maskRateLimits] && !mask[maskQuotas] || c.everywhere() {
		return nil
	}
	return s.refuse(ctx, *c, methodFrom(ctx), forbidden(
		"a tenant's limits are set by the operator alone", "Ask an admin of the tenant \"system\" to set them."))
}

func rateLimitsToProto(l *storage.Limits) []*pb.RateLimit {
	var out []*pb.RateLimit
	for _, r := range l.RateLimits {
		out = append(out, &pb.RateLimit{
			Name: r.Name, Requests: clamped(r.Requests), Period: durationpb.New(r.Period), Burst: clamped(r.Burst), Exact: r.Exact,
		})
	}
	return out
}

// clamped gives a number that is in bounds when it is written, and none that is not
// when it is read.
func clamped(n int64) int32 { return int32(min(n, math.MaxInt32)) } //nolint:gosec // it is positive, as the store reads it

func quotasToProto(l *storage.Limits) []*pb.Quota {
	var out []*pb.Quota
	for _, q := range l.Quotas {
		out = append(out, &pb.Quota{
			Name: q.Name, Limit: q.Limit, Period: pb.Quota_Period(pb.Quota_Period_value[string(q.Period)]), TimeZone: q.TimeZone,
			Refill: pb.Quota_Refill(pb.Quota_Refill_value[string(q.Refill)]),
		})
	}
	return out
}
