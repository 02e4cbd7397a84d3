package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// GetPlan reads one plan.
func (d *DirectoryServer) GetPlan(ctx context.Context, req *pb.GetPlanRequest) (*pb.GetPlanResponse, error) {
	c := callerFrom(ctx)
	ref := storage.PlanRef{TenantID: c.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.namePlan(ctx, "id", ref); err != nil {
		return nil, err
	}
	p, err := d.service.store.GetPlan(ctx, ref)
	if err != nil {
		return nil, namedNotFound(err, "plan")
	}
	return &pb.GetPlanResponse{Plan: planToProto(p)}, nil
}

func (d *DirectoryServer) namePlan(ctx context.Context, field string, ref storage.PlanRef) error {
	var v violations
	v.id(field, ref.ID, access.ValidAPIID, apiIDForm)
	v.id("tenantId", ref.TenantID, validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return err
	}
	return d.service.reach(ctx, ref.TenantID, "plan")
}

// ListPlans pages through a tenant's plans.
func (d *DirectoryServer) ListPlans(ctx context.Context, req *pb.ListPlansRequest) (*pb.ListPlansResponse, error) {
	s := d.service
	var v violations
	tenant, err := s.listedTenant(ctx, &v, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	out := &pb.ListPlansResponse{}
	out.Plans, out.NextPageToken, err = list(ctx, s, &v, req, listing[*storage.Plan, *pb.Plan]{
		query: []string{"plans", tenant},
		fetch: func(ctx context.Context, after cursor, limit int) ([]*storage.Plan, error) {
			return s.store.ListPlans(ctx, storage.PageQuery{TenantID: tenant, After: after.ID, Limit: limit})
		},
		show:  each(planToProto),
		place: func(p *storage.Plan) cursor { return cursor{ID: p.ID} },
	})
	return out, err
}

// CreatePlan adds a plan.
func (d *DirectoryServer) CreatePlan(ctx context.Context, req *pb.CreatePlanRequest) (*pb.CreatePlanResponse, error) {
	s, in := d.service, req.GetPlan()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("plan.id", in.GetId(), access.ValidAPIID, apiIDForm)
	if in.GetTenantId() != "" {
		v.id("plan.tenantId", in.GetTenantId(), validTenantID, tenantIDForm)
	}
	if in.GetEtag() != "" || in.GetCreateTime() != nil || in.GetUpdateTime() != nil {
		v.add("plan", "holds a field that the server sets: etag, createTime, updateTime")
	}
	p := &storage.Plan{ID: in.GetId()}
	readPlanFields(&v, in, p, nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermPlansCreate)
	if err != nil {
		return nil, err
	}
	if p.TenantID, err = s.tenantOrOwn(ctx, &caller, in.GetTenantId(), "plan.tenantId"); err != nil {
		return nil, err
	}
	out := &pb.CreatePlanResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermPlansCreate, target: planTarget(p.Ref()),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row := *p
		if _, err := liveTenant(tx, p.TenantID, ""); err != nil {
			return changed{}, err
		}
		if err := tx.CreatePlan(&row); err != nil {
			return changed{}, fmt.Errorf("creating the plan: %w", err)
		}
		out.Plan = planToProto(&row)
		return changed{after: out.GetPlan()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// planMask is what an update of a plan may name.
const planMask = "displayName, rateLimits and quotas"

// UpdatePlan changes what a mask names.
func (d *DirectoryServer) UpdatePlan(ctx context.Context, req *pb.UpdatePlanRequest) (*pb.UpdatePlanResponse, error) {
	s, in := d.service, req.GetPlan()
	var v violations
	v.requestID(req.GetRequestId())
	mask := readMask(&v, req.GetUpdateMask().GetPaths(),
		limitsGiven(map[string]bool{"display_name": in.GetDisplayName() != ""}, in), planMask)
	readPlanFields(&v, in, &storage.Plan{}, mask)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermPlansUpdate)
	if err != nil {
		return nil, err
	}
	ref := storage.PlanRef{TenantID: caller.ownOr(in.GetTenantId()), ID: in.GetId()}
	if err := d.namePlan(withCaller(ctx, caller), "plan.id", ref); err != nil {
		return nil, err
	}
	out := &pb.UpdatePlanResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermPlansUpdate, target: planTarget(ref),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		p, err := livePlan(tx, ref, req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		before := planToProto(p)
		var v violations
		readPlanFields(&v, in, p, mask)
		if err := v.err(); err != nil {
			return changed{}, err
		}
		if err := tx.UpdatePlan(p); err != nil {
			return changed{}, fmt.Errorf("changing the plan: %w", err)
		}
		out.Plan = planToProto(p)
		return changed{before: before, after: out.GetPlan()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// DeletePlan removes a plan. Without it, subscriptions that have it would be
// without limits, so that they must have another first, or end.
func (d *DirectoryServer) DeletePlan(ctx context.Context, req *pb.DeletePlanRequest) (*pb.DeletePlanResponse, error) {
	s := d.service
	caller, err := s.confirmed(ctx, access.PermPlansDelete)
	if err != nil {
		return nil, err
	}
	ref := storage.PlanRef{TenantID: caller.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.namePlan(withCaller(ctx, caller), "id", ref); err != nil {
		return nil, err
	}
	out := &pb.DeletePlanResponse{}
	w := &directoryWrite{
		service: s, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermPlansDelete, target: planTarget(ref),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		p, err := livePlan(tx, ref, req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		n, err := tx.CountPlanned(ref)
		if err != nil {
			return changed{}, fmt.Errorf("counting subscriptions: %w", err)
		}
		if n > 0 {
			return changed{}, precondition("%d approved or paused subscriptions have this plan, and would be without limits", n)
		}
		if err := tx.DeletePlan(ref); err != nil {
			return changed{}, fmt.Errorf("removing the plan: %w", err)
		}
		return changed{before: planToProto(p)}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// livePlan locks a plan's tenant and then reads it.
func livePlan(tx storage.Tx, ref storage.PlanRef, givenEtag string) (*storage.Plan, error) {
	if _, err := liveTenant(tx, ref.TenantID, ""); err != nil {
		return nil, namedNotFound(err, "plan")
	}
	p, err := tx.GetPlan(ref)
	if err != nil {
		return nil, namedNotFound(fmt.Errorf("reading the plan: %w", err), "plan")
	}
	return p, wantEtag(givenEtag, p.Version)
}

// planExists wants the plan that a subscription is to have to be there, and keeps it
// there until the transaction ends.
func planExists(tx storage.Tx, ref storage.PlanRef) error {
	_, err := tx.GetPlan(ref)
	if errors.Is(err, storage.ErrNotFound) {
		var v violations
		v.add("plan", "is no plan of the API's tenant")
		return v.err()
	}
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	return nil
}

// readPlanFields checks and sets the fields that a mask names; nil is all.
func readPlanFields(v *violations, in *pb.Plan, into *storage.Plan, mask map[string]bool) {
	if mask == nil || mask["display_name"] {
		v.text("plan.displayName", in.GetDisplayName(), maxName)
		into.DisplayName = in.GetDisplayName()
	}
	readLimits(v, "plan.", in, &into.Limits, mask)
}

func planTarget(ref storage.PlanRef) auditTarget {
	return auditTarget{Kind: "plan", TenantID: ref.TenantID, ID: ref.ID}
}

func planToProto(p *storage.Plan) *pb.Plan {
	return &pb.Plan{
		Id: p.ID, TenantId: p.TenantID, DisplayName: p.DisplayName, Etag: etag(p.Version),
		RateLimits: rateLimitsToProto(&p.Limits), Quotas: quotasToProto(&p.Limits),
		CreateTime: timeToProto(p.CreateTime), UpdateTime: timeToProto(p.UpdateTime),
	}
}
