package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// RoleCreate creates a role.
type RoleCreate struct {
	ID          string   `arg:"" name:"id" help:"The role's id, unique inside the tenant, and no built-in name."`
	Tenant      string   `placeholder:"TENANT" help:"The role's tenant. Default: your own."`
	Name        string   `placeholder:"NAME" help:"A name for people."`
	Permissions []string `name:"permission" sep:"none" placeholder:"PERMISSION" help:"What the role allows: orders.read, orders.* or *. Management is reached only by what is written inside keystile., such as keystile.keys.read. May be given again."`
	Writing
}

// Help shows how it is used.
func (*RoleCreate) Help() string {
	return `Examples:

    keystile role create billing --tenant acme --permission 'invoices.*' --permission orders.read
    keystile role create auditor --permission keystile.audit.read`
}

// Run creates the role.
func (c *RoleCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreateRole(ctx, &pb.CreateRoleRequest{
			Role:      &pb.Role{Id: c.ID, TenantId: c.Tenant, DisplayName: c.Name, Permissions: c.Permissions},
			RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, roleSheet(res.GetRole()))
	})
}

// RoleUpdate changes a role. What no flag names stays as it is.
type RoleUpdate struct {
	ID               string   `arg:"" name:"id" help:"The role's id."`
	Tenant           string   `placeholder:"TENANT" help:"The role's tenant. Default: your own."`
	Name             *string  `placeholder:"NAME" help:"A name for people; empty for none."`
	Permissions      []string `name:"permission" sep:"none" xor:"permissions" placeholder:"PERMISSION" help:"What the role allows. May be given again; together they take the place of all there were."`
	ClearPermissions bool     `xor:"permissions" help:"Let the role allow nothing."`
	Guard
	Writing
}

// Help shows how it is used.
func (*RoleUpdate) Help() string {
	return `It takes effect at the next check of every key whose user has the role.

Examples:

    keystile role update billing --permission 'invoices.*' --permission refunds.create
    keystile role update billing --tenant acme --name Billing`
}

// Run changes the role.
func (c *RoleUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		mask, err := changed([]change{
			{"display_name", c.Name != nil},
			{"permissions", len(c.Permissions) > 0 || c.ClearPermissions},
		})
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.UpdateRole(ctx, &pb.UpdateRoleRequest{
			Role:       &pb.Role{Id: c.ID, TenantId: c.Tenant, DisplayName: textOf(c.Name), Permissions: c.Permissions},
			UpdateMask: mask, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, roleSheet(res.GetRole()))
	})
}

// RoleDelete removes a role.
type RoleDelete struct {
	ID     string `arg:"" name:"id" help:"The role's id."`
	Tenant string `placeholder:"TENANT" help:"The role's tenant. Default: your own."`
	Taking
	Guard
	DryRun
}

// Help shows how it is used.
func (*RoleDelete) Help() string {
	return `A role that users have is deleted with --cascade only, which takes it from them first.

Examples:

    keystile role delete billing --tenant acme
    keystile role delete billing --cascade`
}

// Run deletes the role.
func (c *RoleDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeleteRole(ctx, &pb.DeleteRoleRequest{
			Id: c.ID, TenantId: c.Tenant, Etag: c.Etag, Cascade: c.Cascade, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		gone := &sheet{}
		gone.add("Deleted", "role "+path(c.Tenant, c.ID))
		gone.add("Taken from", taken(res.GetCascade()))
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, gone)
	})
}
