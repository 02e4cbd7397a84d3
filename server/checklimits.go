package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// Limits decide whether there is room for a call, and know how much is left.
type Limits interface {
	// Take takes a cost from every limit that applies, or from none.
	Take(ctx context.Context, now time.Time, applied []limits.Applied, cost int64) (limits.Outcome, error)
	// Look tells how every limit that applies stands, and takes nothing.
	Look(ctx context.Context, now time.Time, applied []limits.Applied) ([]limits.State, error)
	// Reset makes rate limits whole again, and Forget has quotas be asked for anew.
	Reset(ctx context.Context, now time.Time, applied []limits.Applied) error
	Forget(now time.Time, applied []limits.Applied) error
}

// OnlyLook is the Cost of a question that counts against no limit.
const OnlyLook = -1

// cost is what a question takes from limits. The zero Question costs one call, so
// that nothing is free that was not said to be.
func (q *Question) cost() int64 {
	switch q.Cost {
	case 0:
		return 1
	case OnlyLook:
		return 0
	}
	return q.Cost
}

// costOf gives the Cost of a question of which it is said what it costs.
func costOf(said int64) int64 {
	if said == 0 {
		return OnlyLook
	}
	return said
}

// takeLimits has an allowed call count against all limits that apply to it, and
// refuses it when one of them has no room. A call that was refused already counts
// against none.
func (s *Service) takeLimits(ctx context.Context, q *Question, now time.Time, a *Answer) error {
	a.Limit = limits.State{}
	if !a.Verdict.Allowed() || a.Grant.Key == nil {
		return nil
	}
	applied := appliedTo(now, &a.Grant, a.applied[:0])
	if len(applied) == 0 {
		return nil
	}
	allowed := a.Verdict
	a.Verdict = access.Verdict{}
	out, err := s.limits.Take(ctx, now, applied, q.cost())
	if errors.Is(err, limits.ErrUndecided) {
		return unavailable(err)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("deciding limits: %w", err)
	}
	a.Limit = out.Limit
	switch {
	case out.Allowed:
		a.Verdict = allowed
	case out.Limit.Quota:
		a.Verdict = access.Verdict{Reason: access.QuotaExceeded, Limit: limitName(&out.Limit)}
	default:
		a.Verdict = access.Verdict{Reason: access.RateLimited, Limit: limitName(&out.Limit)}
	}
	return nil
}

// limitName names a limit, as a sentence about it goes on: "m of the key".
func limitName(s *limits.State) string {
	switch s.Subject {
	case limits.KindUser:
		return s.Name + " of the key's user"
	case limits.KindTenant:
		return s.Name + " of the key's tenant"
	case limits.KindAPI:
		return s.Name + " of the API"
	case limits.KindRoute:
		return s.Name + " of the route"
	case limits.KindPlan:
		return s.Name + " of the subscription's plan"
	case limits.KindKey, limits.NoKind:
	}
	return s.Name + " of the key"
}

// appliedTo gives whose limits apply to a call that a key makes, in the order from
// the key outwards.
func appliedTo(now time.Time, g *access.Grant, to []limits.Applied) []limits.Applied {
	key, target := g.Key, &g.Target
	if l := &key.Limits; !l.Empty() {
		to = append(to, limits.Applied{Subject: limits.Subject{Kind: limits.KindKey, Tenant: key.TenantID, ID: key.ID}, Limits: l})
	}
	if g.User != nil && !g.User.Limits.Empty() {
		to = append(to, limits.Applied{Subject: limits.Subject{Kind: limits.KindUser, Tenant: key.TenantID, ID: key.UserID}, Limits: &g.User.Limits})
	}
	if g.Tenant != nil && !g.Tenant.Limits.Empty() {
		to = append(to, limits.Applied{Subject: limits.Subject{Kind: limits.KindTenant, Tenant: key.TenantID}, Limits: &g.Tenant.Limits})
	}
	if target.API == nil {
		return to
	}
	of := limits.Subject{Kind: limits.KindAPI, Tenant: target.API.TenantID, ID: target.API.ID}
	if l := &target.API.Limits; !l.Empty() {
		to = append(to, limits.Applied{Subject: of, Limits: l})
	}
	if target.Route != nil && !target.Route.Limits.Empty() {
		of.Kind, of.Route = limits.KindRoute, target.Route
		to = append(to, limits.Applied{Subject: of, Limits: &target.Route.Limits})
	}
	if sub, plan := access.PlanOf(now, g); plan != nil && !plan.Limits.Empty() {
		to = append(to, limits.Applied{Subject: limits.Subject{Kind: limits.KindPlan, Tenant: sub.TenantID, ID: sub.ID}, Limits: &plan.Limits})
	}
	return to
}
