package client

import (
	"context"
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// TenantCreate creates a tenant.
type TenantCreate struct {
	ID           string `arg:"" name:"id" help:"The tenant's id: lower-case letters, digits and hyphens."`
	Name         string `placeholder:"NAME" help:"A name for people."`
	SecretPrefix string `placeholder:"PREFIX" help:"What the tenant's secrets begin with. Default: ks."`
	Writing
}

// Help shows how it is used.
func (*TenantCreate) Help() string {
	return `Examples:

    keystile tenant create acme --name Acme`
}

// Run creates the tenant.
func (c *TenantCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreateTenant(ctx, &pb.CreateTenantRequest{
			Tenant:    &pb.Tenant{Id: c.ID, DisplayName: c.Name, SecretPrefix: c.SecretPrefix},
			RequestId: c.RequestID, ValidateOnly: c.ValidateOnly,
		})
		if err != nil {
			return c.outcome(err, "")
		}
		s.noteOf(res.GetNote())
		return s.print(res, tenantSheet(res.GetTenant()))
	})
}

// TenantGet shows one tenant.
type TenantGet struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
}

// Help shows how it is used.
func (*TenantGet) Help() string {
	return `Examples:

    keystile tenant get acme`
}

// Run reads and prints the tenant.
func (c *TenantGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetTenant(ctx, &pb.GetTenantRequest{Id: c.ID})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, tenantSheet(res.GetTenant()))
	})
}

func tenantSheet(r *pb.Tenant) *sheet {
	s := &sheet{}
	s.add("Id", r.GetId())
	s.add("Name", r.GetDisplayName())
	s.add("State", r.GetState().String())
	s.add("Secrets", r.GetSecretPrefix()+"_...")
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Etag", r.GetEtag())
	return s
}

// UserCreate creates a user.
type UserCreate struct {
	ID     string   `arg:"" name:"id" help:"The user's id, unique inside the tenant."`
	Tenant string   `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
	Name   string   `placeholder:"NAME" help:"A name for people."`
	Kind   string   `enum:"person,service-account" default:"person" placeholder:"person|service-account" help:"Who it is. Default: person."`
	Roles  []string `name:"role" sep:"none" placeholder:"ROLE" help:"A role: admin, developer or guest. May be given again."`
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
		kind := pb.User_Kind_value[strings.ToUpper(strings.ReplaceAll(c.Kind, "-", "_"))]
		res, err := s.directory.CreateUser(ctx, &pb.CreateUserRequest{
			User:      &pb.User{Id: c.ID, TenantId: c.Tenant, DisplayName: c.Name, Kind: pb.User_Kind(kind), Roles: c.Roles},
			RequestId: c.RequestID, ValidateOnly: c.ValidateOnly,
		})
		if err != nil {
			return c.outcome(err, "")
		}
		s.noteOf(res.GetNote())
		return s.print(res, userSheet(res.GetUser()))
	})
}

// UserGet shows one user.
type UserGet struct {
	ID     string `arg:"" name:"id" help:"The user's id."`
	Tenant string `placeholder:"TENANT" help:"The user's tenant. Default: your own."`
}

// Help shows how it is used.
func (*UserGet) Help() string {
	return `Examples:

    keystile user get ada --tenant acme`
}

// Run reads and prints the user.
func (c *UserGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetUser(ctx, &pb.GetUserRequest{Id: c.ID, TenantId: c.Tenant})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, userSheet(res.GetUser()))
	})
}

func userSheet(r *pb.User) *sheet {
	s := &sheet{}
	s.add("Id", r.GetId())
	s.add("Tenant", r.GetTenantId())
	s.add("Name", r.GetDisplayName())
	s.add("Kind", r.GetKind().String())
	s.add("State", r.GetState().String())
	s.add("Roles", list(r.GetRoles()))
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Etag", r.GetEtag())
	return s
}
