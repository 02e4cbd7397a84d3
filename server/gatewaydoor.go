package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"

	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/storage"
)

// The reasons of what a gateway asks in vain: faults of its configuration.
const (
	reasonMisconfigured  = "GATEWAY_MISCONFIGURED"
	reasonGatewayRefused = "GATEWAY_REFUSED"
)

// askFor decides a call that a gateway tells of, for the caller that the gateway
// is. An error means that nothing was decided. The reply lies in the answer's room.
func (s *Service) askFor(ctx context.Context, c *Caller, door string, call *gateway.Call, answer *Answer) (gateway.Reply, error) {
	q := Question{
		Secret: call.Secret, Permission: call.Binding.Permission, KeyTenant: call.Binding.KeyTenant, ClientIP: call.ClientIP,
		Cost: costOf(call.Binding.Cost), Tenant: call.Binding.Tenant, API: storage.APIRef{ID: call.Binding.API}, Call: &call.HTTP,
	}
	if !c.confine(&q) {
		return gateway.Reply{}, misconfigured("the gateway's own key may not ask about keys of the tenant that is set")
	}
	if err := s.Check(ctx, &q, answer); err != nil {
		return gateway.Reply{}, err
	}
	s.metrics.check(door, answer.Verdict.Reason)
	return gateway.Reply{
		Verdict: answer.Verdict, Grant: &answer.Grant, DecisionID: answer.DecisionID, Limit: answer.Limit,
		Documentation: s.documentation(answer.Verdict.Reason),
	}, nil
}

// confine holds a question to the keys that the caller may ask about: one that may
// not act in other tenants learns nothing of their keys. It is false when the
// question names another tenant. Nobody asks where nobody has to say who they are.
func (c *Caller) confine(q *Question) bool {
	if c.Grant.Key == nil || c.everywhere() {
		return true
	}
	if q.KeyTenant != "" && q.KeyTenant != c.tenant() {
		return false
	}
	q.KeyTenant = c.tenant()
	return true
}

func misconfigured(what string) *Fault {
	return &Fault{
		Code: codes.Unavailable, Reason: reasonMisconfigured,
		Message: "nothing was decided: the gateway's configuration is at fault",
		Remedy:  "Operators: " + what + ".",
	}
}

// undecided words any error as a gateway has to be told of it: nothing was
// decided, so that its operator's settings for that case decide. What went wrong
// stays readable, and is never taken for a refusal.
func undecided(err error) *Fault {
	if errors.Is(err, gateway.ErrMisconfigured) {
		return misconfigured(err.Error())
	}
	f := *faultOf(err)
	switch f.Code {
	case codes.Unavailable:
		return &f
	case codes.Unauthenticated, codes.PermissionDenied:
		f.Reason, f.cause = reasonGatewayRefused, err
		f.Message = "nothing was decided: the gateway itself may not ask: " + f.Message
		f.Remedy = "Operators: see --check-auth, and the key or certificate that the gateway presents as its own."
	default:
		f.cause = err
	}
	f.Code = codes.Unavailable
	return &f
}
