package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// subscriptionMove is one legal move of a subscription. What is approved may be approved
// again, with another plan or another end.
type subscriptionMove struct {
	permission string
	from       []storage.SubscriptionState
	to         storage.SubscriptionState
}

// subscriptionMoves are all legal moves. A move from any other state is refused,
// and the refusal names the state.
var subscriptionMoves = map[string]subscriptionMove{
	"approve": {access.PermSubscriptionsApprove, []storage.SubscriptionState{storage.SubscriptionPending, storage.SubscriptionApproved}, storage.SubscriptionApproved},
	"reject":  {access.PermSubscriptionsReject, []storage.SubscriptionState{storage.SubscriptionPending}, storage.SubscriptionRejected},
	"pause":   {access.PermSubscriptionsPause, []storage.SubscriptionState{storage.SubscriptionApproved}, storage.SubscriptionPaused},
	"resume":  {access.PermSubscriptionsResume, []storage.SubscriptionState{storage.SubscriptionPaused}, storage.SubscriptionApproved},
}

// states names the states that a move is legal from.
func (m *subscriptionMove) states() string {
	names := make([]string, len(m.from))
	for i, state := range m.from {
		names[i] = string(state)
	}
	return strings.Join(names, " or ")
}

// ApproveSubscription grants a pending subscription, or changes the plan and the end of
// one that is approved: what the request leaves out stays as it is.
func (d *DirectoryServer) ApproveSubscription(ctx context.Context, req *pb.ApproveSubscriptionRequest) (*pb.ApproveSubscriptionResponse, error) {
	var v violations
	v.requestID(req.GetRequestId())
	if req.GetPlan() != "" {
		v.id("plan", req.GetPlan(), access.ValidAPIID, "the id of a plan")
	}
	end := readTime(&v, "expireTime", req.GetExpireTime())
	if !end.IsZero() && !end.After(d.service.now()) {
		v.add("expireTime", "must be in the future")
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.ApproveSubscriptionResponse{}
	r, err := d.moveSubscription(ctx, "approve", req, out, func(s *storage.Subscription) {
		if s.State == storage.SubscriptionPending {
			s.Plan, s.ExpireTime, s.Reason = "", time.Time{}, ""
		}
		if req.Plan != nil {
			s.Plan = req.GetPlan()
		}
		if !end.IsZero() && !end.Equal(s.ExpireTime) {
			s.ExpireTime = end
		}
	}, func(s *pb.Subscription) { out.Subscription = s })
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// RejectSubscription refuses a pending subscription, and says why.
func (d *DirectoryServer) RejectSubscription(ctx context.Context, req *pb.RejectSubscriptionRequest) (*pb.RejectSubscriptionResponse, error) {
	var v violations
	v.text("reason", req.GetReason(), maxNote)
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.RejectSubscriptionResponse{}
	r, err := d.moveSubscription(ctx, "reject", req, out, func(s *storage.Subscription) { s.Reason = req.GetReason() },
		func(s *pb.Subscription) { out.Subscription = s })
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// PauseSubscription suspends an approved subscription.
func (d *DirectoryServer) PauseSubscription(ctx context.Context, req *pb.PauseSubscriptionRequest) (*pb.PauseSubscriptionResponse, error) {
	var v violations
	v.text("reason", req.GetReason(), maxNote)
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.PauseSubscriptionResponse{}
	r, err := d.moveSubscription(ctx, "pause", req, out, func(s *storage.Subscription) { s.Reason = req.GetReason() },
		func(s *pb.Subscription) { out.Subscription = s })
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// ResumeSubscription ends a pause.
func (d *DirectoryServer) ResumeSubscription(ctx context.Context, req *pb.ResumeSubscriptionRequest) (*pb.ResumeSubscriptionResponse, error) {
	out := &pb.ResumeSubscriptionResponse{}
	r, err := d.moveSubscription(ctx, "resume", req, out, func(s *storage.Subscription) { s.Reason = "" },
		func(s *pb.Subscription) { out.Subscription = s })
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// moveSubscription makes a legal move, for administrators of the API's tenant.
func (d *DirectoryServer) moveSubscription(ctx context.Context, name string, req stateRequest, reply message, set func(*storage.Subscription), show func(*pb.Subscription)) (receipt, error) {
	move := subscriptionMoves[name]
	sub, caller, err := d.decidedSubscription(ctx, req.GetId(), move.permission)
	if err != nil {
		return receipt{}, err
	}
	plan, requestID := "", ""
	if approval, ok := req.(*pb.ApproveSubscriptionRequest); ok {
		plan, requestID = approval.GetPlan(), approval.GetRequestId()
	}
	return d.changeSubscription(ctx, subscriptionChange{
		sub: sub, caller: caller, req: req, reply: reply, etag: req.GetEtag(), requestID: requestID, dryRun: req.GetValidateOnly(),
		permission: move.permission, plan: plan,
		change: func(s *storage.Subscription) error {
			if !slices.Contains(move.from, s.State) {
				return precondition("the subscription is %s; only one that is %s can be moved by %s", s.State, move.states(), name)
			}
			set(s)
			s.State = move.to
			return nil
		},
		show: show,
	})
}

// decidedSubscription reads a subscription that the caller may decide about: as
// an administrator of the API's tenant. The subscriber's see it, but may not.
func (d *DirectoryServer) decidedSubscription(ctx context.Context, id, permission string) (*storage.Subscription, Caller, error) {
	s := d.service
	caller, err := s.confirmed(ctx, permission)
	if err != nil {
		return nil, Caller{}, err
	}
	ctx = withCaller(ctx, caller)
	sub, err := d.reachSubscription(ctx, id, permission)
	if err != nil {
		return nil, Caller{}, err
	}
	if !caller.Grant.Reaches(sub.API.TenantID) {
		return nil, Caller{}, s.refuse(ctx, caller, methodFrom(ctx), forbidden(
			"the API's own tenant decides about subscriptions to it", "Ask an administrator of the tenant that owns the API."))
	}
	return sub, caller, nil
}

// subscriptionChange is a call that changes a subscription.
type subscriptionChange struct {
	sub        *storage.Subscription
	caller     Caller
	req, reply message
	etag       string
	requestID  string
	dryRun     bool
	permission string
	// plan, if given, is the plan that the subscription is to have.
	plan   string
	change func(*storage.Subscription) error
	show   func(*pb.Subscription)
}

// changeSubscription carries a change out, in both tenants' trails.
func (d *DirectoryServer) changeSubscription(ctx context.Context, c subscriptionChange) (receipt, error) {
	w := &directoryWrite{
		service: d.service, caller: c.caller, requestID: c.requestID, dryRun: c.dryRun, request: c.req, reply: c.reply,
		action: c.permission, target: subscriptionTarget(c.sub.API.TenantID, c.sub.ID), alsoTrail: c.sub.TenantID,
	}
	return w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		if c.plan != "" {
			if err := planExists(tx, storage.PlanRef{TenantID: c.sub.API.TenantID, ID: c.plan}); err != nil {
				return changed{}, err
			}
		}
		sub, err := tx.GetSubscription(c.sub.ID)
		if err != nil {
			return changed{}, namedNotFound(fmt.Errorf("reading the subscription: %w", err), "subscription")
		}
		if err := wantEtag(c.etag, sub.Version); err != nil {
			return changed{}, err
		}
		before, was := subscriptionToProto(sub), *sub
		if err := c.change(sub); err != nil {
			return changed{}, err
		}
		if *sub == was {
			c.show(before)
			return changed{note: "nothing is changed: the subscription was so already"}, nil
		}
		if err := tx.UpdateSubscription(sub); err != nil {
			return changed{}, fmt.Errorf("changing the subscription: %w", err)
		}
		after := subscriptionToProto(sub)
		c.show(after)
		return changed{before: before, after: after}, nil
	})
}

// UpdateSubscription changes the subscriber's note.
func (d *DirectoryServer) UpdateSubscription(ctx context.Context, req *pb.UpdateSubscriptionRequest) (*pb.UpdateSubscriptionResponse, error) {
	in := req.GetSubscription()
	var v violations
	v.requestID(req.GetRequestId())
	readMask(&v, req.GetUpdateMask().GetPaths(), map[string]bool{"note": in.GetNote() != ""}, "note")
	v.text("subscription.note", in.GetNote(), maxNote)
	if err := v.err(); err != nil {
		return nil, err
	}
	sub, caller, err := d.ownSubscription(ctx, in.GetId(), access.PermSubscriptionsUpdate)
	if err != nil {
		return nil, err
	}
	out := &pb.UpdateSubscriptionResponse{}
	r, err := d.changeSubscription(ctx, subscriptionChange{
		sub: sub, caller: caller, req: req, reply: out, etag: req.GetEtag(), requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(),
		permission: access.PermSubscriptionsUpdate,
		change:     func(s *storage.Subscription) error { s.Note = in.GetNote(); return nil },
		show:       func(s *pb.Subscription) { out.Subscription = s },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// ownSubscription reads a subscription for a call of either side, with the
// caller as the store knows it now.
func (d *DirectoryServer) ownSubscription(ctx context.Context, id, permission string) (*storage.Subscription, Caller, error) {
	caller, err := d.service.confirm(ctx, callerFrom(ctx))
	if err != nil {
		return nil, Caller{}, err
	}
	sub, err := d.reachSubscription(withCaller(ctx, caller), id, permission)
	return sub, caller, err
}

// DeleteSubscription removes a subscription.
func (d *DirectoryServer) DeleteSubscription(ctx context.Context, req *pb.DeleteSubscriptionRequest) (*pb.DeleteSubscriptionResponse, error) {
	sub, caller, err := d.ownSubscription(ctx, req.GetId(), access.PermSubscriptionsDelete)
	if err != nil {
		return nil, err
	}
	out := &pb.DeleteSubscriptionResponse{}
	w := &directoryWrite{
		service: d.service, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermSubscriptionsDelete, target: subscriptionTarget(sub.TenantID, sub.ID), alsoTrail: sub.API.TenantID,
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row, err := tx.GetSubscription(sub.ID)
		if err != nil {
			return changed{}, namedNotFound(fmt.Errorf("reading the subscription: %w", err), "subscription")
		}
		if err := wantEtag(req.GetEtag(), row.Version); err != nil {
			return changed{}, err
		}
		if err := tx.DeleteSubscription(sub.ID); err != nil {
			return changed{}, fmt.Errorf("removing the subscription: %w", err)
		}
		return changed{before: subscriptionToProto(row)}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}
