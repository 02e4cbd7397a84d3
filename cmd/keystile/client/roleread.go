package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// RoleGet shows one role.
type RoleGet struct {
	ID     string `arg:"" name:"id" help:"The role's id."`
	Tenant string `placeholder:"TENANT" help:"The role's tenant. Default: your own."`
}

// Help shows how it is used.
func (*RoleGet) Help() string {
	return `Examples:

    keystile role get billing --tenant acme`
}

// Run reads and prints the role.
func (c *RoleGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetRole(ctx, &pb.GetRoleRequest{Id: c.ID, TenantId: c.Tenant})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, roleSheet(res.GetRole()))
	})
}

// RoleList lists roles.
type RoleList struct {
	Tenant string `placeholder:"TENANT" help:"Whose roles. Default: your own tenant's."`
	Filtering
}

// Help shows how it is used.
func (*RoleList) Help() string {
	return `Examples:

    keystile role list
    keystile role list --tenant acme --filter 'builtIn = false'`
}

// Run reads and prints the roles.
func (c *RoleList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		roles := listing[*pb.Role]{
			head: []string{"ID", "TENANT", "NAME", "KIND", "PERMISSIONS"},
			rows: func(r *pb.Role) [][]string {
				return row(r.GetId(), r.GetTenantId(), r.GetDisplayName(), roleKind(r), list(r.GetPermissions()))
			},
			next: func(size int32, token string) ([]*pb.Role, string, error) {
				res, err := s.directory.ListRoles(ctx, &pb.ListRolesRequest{
					TenantId: c.Tenant, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetRoles(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.Role, token string) proto.Message {
				return &pb.ListRolesResponse{Roles: all, NextPageToken: token}
			},
		}
		return roles.show(s, c.Paging)
	})
}

func roleSheet(r *pb.Role) *sheet {
	s := &sheet{}
	s.add("Id", r.GetId())
	s.add("Tenant", r.GetTenantId())
	s.add("Name", r.GetDisplayName())
	s.add("Kind", roleKind(r))
	s.add("Permissions", list(r.GetPermissions()))
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Etag", r.GetEtag())
	return s
}

func roleKind(r *pb.Role) string {
	if r.GetBuiltIn() {
		return "built in"
	}
	return "own"
}
