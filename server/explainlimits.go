package server

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// limitSteps are the last two steps of a decision, which explanations have under
// these names.
var limitSteps = [...]struct {
	name   string
	quota  bool
	reason access.Reason
}{
	{"within rate limits", false, access.RateLimited},
	{"within quotas", true, access.QuotaExceeded},
}

// explainLimits adds how the limits stand that would apply, and whether they have
// room for the call. Nothing is spent.
func (s *Service) explainLimits(ctx context.Context, a *Answer, q *Question, now time.Time, out *pb.ExplainResponse) error {
	var states []limits.State
	known := a.Grant.Key != nil
	if known {
		var err error
		if states, err = s.limits.Look(ctx, now, appliedTo(now, &a.Grant, nil)); err != nil {
			return unavailable(err)
		}
	}
	for _, kind := range limitSteps {
		step := &pb.ExplainStep{Name: kind.name, Outcome: pb.ExplainStep_PASSED}
		if !known {
			step.Outcome = pb.ExplainStep_NOT_REACHED
		}
		for i := range states {
			if states[i].Quota == kind.quota && states[i].Remaining < q.cost() && step.GetOutcome() == pb.ExplainStep_PASSED {
				failLimitStep(step, kind.reason, a, &states[i], now)
			}
		}
		out.Steps = append(out.Steps, step)
	}
	for i := range states {
		out.Limits = append(out.Limits, limitToProto(&states[i]))
	}
	return nil
}

// failLimitStep says which limit has no room. What decided before it stays.
func failLimitStep(step *pb.ExplainStep, reason access.Reason, a *Answer, state *limits.State, now time.Time) {
	verdict := access.Verdict{Reason: reason, Limit: limitName(state)}
	step.Outcome, step.Reason = pb.ExplainStep_FAILED, pb.Verdict_Reason(reason)
	step.Detail, step.Record = access.Message(verdict, &a.Grant), limitRecord(now, &a.Grant, state.Subject)
	step.Cure, step.CuredBy = cure(reason, &a.Grant)
	if a.Verdict.Allowed() {
		step.Decisive = true
		a.Verdict, a.Limit = verdict, *state
	}
}

// limitRecord names the record that a limit stands in.
func limitRecord(now time.Time, g *access.Grant, of limits.Kind) string {
	switch of {
	case limits.KindUser:
		return "user/" + g.Key.TenantID + "/" + g.Key.UserID
	case limits.KindTenant:
		return "tenant/" + g.Key.TenantID
	case limits.KindAPI, limits.KindRoute:
		if api := g.Target.API; api != nil {
			return "api/" + api.TenantID + "/" + api.ID
		}
	case limits.KindPlan:
		if _, plan := access.PlanOf(now, g); plan != nil {
			return "plan/" + plan.TenantID + "/" + plan.ID
		}
	case limits.KindKey, limits.NoKind:
	}
	return "key/" + g.Key.ID
}
