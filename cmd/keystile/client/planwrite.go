package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// PlanCreate creates a plan.
type PlanCreate struct {
	ID     string `arg:"" name:"id" help:"The plan's id, unique inside the tenant."`
	Tenant string `placeholder:"TENANT" help:"The tenant whose APIs it is for. Default: your own."`
	Name   string `placeholder:"NAME" help:"A name for people."`
	LimitFlags
	Writing
}

// Help shows how it is used.
func (*PlanCreate) Help() string {
	return `Each subscription that has the plan is counted by itself.

Examples:

    keystile plan create gold --tenant acme --name Gold --rate-limit minute=600/60s,burst=100
    keystile plan create trial --rate-limit second=2/1s --quota all=1000/TOTAL`
}

// Run creates the plan.
func (c *PlanCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreatePlan(ctx, &pb.CreatePlanRequest{
			Plan:      &pb.Plan{Id: c.ID, TenantId: c.Tenant, DisplayName: c.Name, RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas)},
			RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, planSheet(res.GetPlan()))
	})
}

// PlanUpdate changes a plan. What no flag names stays as it is.
type PlanUpdate struct {
	ID     string  `arg:"" name:"id" help:"The plan's id."`
	Tenant string  `placeholder:"TENANT" help:"The plan's tenant. Default: your own."`
	Name   *string `placeholder:"NAME" help:"A name for people; empty for none."`
	LimitChanges
	Guard
	Writing
}

// Help shows how it is used.
func (*PlanUpdate) Help() string {
	return `It takes effect at the next check of every subscription that has the plan. A limit
that keeps its name goes on from where it is; one that is renamed begins anew.

Examples:

    keystile plan update gold --tenant acme --rate-limit minute=1200/60s,burst=200
    keystile plan update trial --name 'Two weeks' --clear-quotas`
}

// Run changes the plan.
func (c *PlanUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		mask, err := changed(append([]change{{"display_name", c.Name != nil}}, c.changes()...))
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.UpdatePlan(ctx, &pb.UpdatePlanRequest{
			Plan: &pb.Plan{
				Id: c.ID, TenantId: c.Tenant, DisplayName: textOf(c.Name), RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
			},
			UpdateMask: mask, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, planSheet(res.GetPlan()))
	})
}

// PlanDelete removes a plan.
type PlanDelete struct {
	ID     string `arg:"" name:"id" help:"The plan's id."`
	Tenant string `placeholder:"TENANT" help:"The plan's tenant. Default: your own."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*PlanDelete) Help() string {
	return `A plan that approved or paused subscriptions have is not deleted: they would be
without limits.

Examples:

    keystile plan delete trial --tenant acme`
}

// Run deletes the plan.
func (c *PlanDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeletePlan(ctx, &pb.DeletePlanRequest{
			Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		gone := &sheet{}
		gone.add("Deleted", "plan "+path(c.Tenant, c.ID))
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, gone)
	})
}
