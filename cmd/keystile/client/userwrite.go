package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// UserCreate creates a user.
type UserCreate struct {
	ID     string   `arg:"" name:"id" help:"The user's id, unique inside the tenant."`
	Tenant string   `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
	Name   string   `placeholder:"NAME" help:"A name for people."`
	Kind   UserKind `default:"person" placeholder:"person|service-account" help:"Who it is. Default: person."`
	Roles  []string `name:"role" sep:"none" placeholder:"ROLE" help:"A role: admin, developer, guest or one of the tenant's own. May be given again."`
	LimitFlags
	Writing
}

// Help shows how it is used.
func (*UserCreate) Help() string {
	return `Examples:

    keystile user create ada --tenant acme --role developer
    keystile user create ci --tenant acme --kind service-account --role developer`
}

// Run creates the user.
func (c *UserCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreateUser(ctx, &pb.CreateUserRequest{
			User: &pb.User{
				Id: c.ID, TenantId: c.Tenant, DisplayName: c.Name, Kind: pb.User_Kind(c.Kind), Roles: c.Roles,
				RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
			},
			RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, userSheet(res.GetUser()))
	})
}

// UserUpdate changes a user. What no flag names stays as it is.
type UserUpdate struct {
	ID         string   `arg:"" name:"id" help:"The user's id."`
	Tenant     string   `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
	Name       *string  `placeholder:"NAME" help:"A name for people; empty for none."`
	Kind       UserKind `placeholder:"person|service-account" help:"Who it is."`
	Roles      []string `name:"role" sep:"none" xor:"roles" placeholder:"ROLE" help:"A role. May be given again; together they take the place of all there were."`
	ClearRoles bool     `xor:"roles" help:"Take all roles away."`
	LimitChanges
	Guard
	Writing
}

// Help shows how it is used.
func (*UserUpdate) Help() string {
	return `Examples:

    keystile user update ada --tenant acme --role developer --role billing
    keystile user update ada --name 'Ada L.' --kind person
    keystile user update ada --rate-limit m=100/60s --quota month=10000/MONTH
    keystile user update ci --clear-roles`
}

// Run changes the user.
func (c *UserUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		mask, err := changed(append([]change{
			{"display_name", c.Name != nil},
			{"kind", c.Kind != 0},
			{"roles", len(c.Roles) > 0 || c.ClearRoles},
		}, c.changes()...))
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.UpdateUser(ctx, &pb.UpdateUserRequest{
			User: &pb.User{
				Id: c.ID, TenantId: c.Tenant, DisplayName: textOf(c.Name), Kind: pb.User_Kind(c.Kind), Roles: c.Roles,
				RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
			},
			UpdateMask: mask, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, userSheet(res.GetUser()))
	})
}
