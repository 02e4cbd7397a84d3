package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// TenantSuspend makes every key of a tenant be refused.
type TenantSuspend struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*TenantSuspend) Help() string {
	return `Examples:

    keystile tenant suspend acme`
}

// Run suspends the tenant.
func (c *TenantSuspend) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.SuspendTenant(ctx, &pb.SuspendTenantRequest{Id: c.ID, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcomeOf(err)
		}
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, tenantSheet(res.GetTenant()))
	})
}

// TenantActivate ends a suspension.
type TenantActivate struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*TenantActivate) Help() string {
	return `Examples:

    keystile tenant activate acme`
}

// Run activates the tenant.
func (c *TenantActivate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.ActivateTenant(ctx, &pb.ActivateTenantRequest{Id: c.ID, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcomeOf(err)
		}
		return s.wrote(res, tenantSheet(res.GetTenant()))
	})
}

// TenantDelete takes a tenant out of use.
type TenantDelete struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
	Taking
	Guard
	DryRun
}

// Help shows how it is used.
func (*TenantDelete) Help() string {
	return `A tenant that owns usable keys is deleted with --cascade only. Its record stays readable
(keystile tenant list --deleted) and its hosts taken until both are purged.

Examples:

    keystile tenant delete acme --cascade --validate-only
    keystile tenant delete acme --cascade`
}

// Run deletes the tenant.
func (c *TenantDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeleteTenant(ctx, &pb.DeleteTenantRequest{
			Id: c.ID, Etag: c.Etag, Cascade: c.Cascade, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		shown := tenantSheet(res.GetTenant())
		shown.add("Taken along", taken(res.GetCascade()))
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, shown)
	})
}
