package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// UserSuspend makes every key of a user be refused.
type UserSuspend struct {
	ID     string `arg:"" name:"id" help:"The user's id."`
	Tenant string `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*UserSuspend) Help() string {
	return `Examples:

    keystile user suspend ada --tenant acme`
}

// Run suspends the user.
func (c *UserSuspend) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.SuspendUser(ctx, &pb.SuspendUserRequest{Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcomeOf(err)
		}
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, userSheet(res.GetUser()))
	})
}

// UserActivate ends a suspension.
type UserActivate struct {
	ID     string `arg:"" name:"id" help:"The user's id."`
	Tenant string `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*UserActivate) Help() string {
	return `Examples:

    keystile user activate ada --tenant acme`
}

// Run activates the user.
func (c *UserActivate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.ActivateUser(ctx, &pb.ActivateUserRequest{Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcomeOf(err)
		}
		return s.wrote(res, userSheet(res.GetUser()))
	})
}

// UserDelete takes a user out of use.
type UserDelete struct {
	ID     string `arg:"" name:"id" help:"The user's id."`
	Tenant string `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
	Taking
	Guard
	DryRun
}

// Help shows how it is used.
func (*UserDelete) Help() string {
	return `A user that owns usable keys is deleted with --cascade only. Its record stays readable
(keystile user list --deleted) until it is purged.

Examples:

    keystile user delete ada --tenant acme --cascade --validate-only
    keystile user delete ada --tenant acme --cascade`
}

// Run deletes the user.
func (c *UserDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeleteUser(ctx, &pb.DeleteUserRequest{
			Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, Cascade: c.Cascade, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		shown := userSheet(res.GetUser())
		shown.add("Taken along", taken(res.GetCascade()))
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, shown)
	})
}
