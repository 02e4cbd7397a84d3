package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

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

// UserList lists users.
type UserList struct {
	Tenant  string `placeholder:"TENANT" help:"Whose users. Default: your own tenant's."`
	Deleted bool   `help:"Show deleted users too."`
	Filtering
}

// Help shows how it is used.
func (*UserList) Help() string {
	return `LAST USED is when one of the user's keys was; it is coarse, and a few minutes late.

Examples:

    keystile user list --tenant acme
    keystile user list --filter 'roles:admin AND unusedSince = "90d"'`
}

// Run reads and prints the users.
func (c *UserList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		users := listing[*pb.User]{
			head: []string{"ID", "TENANT", "NAME", "KIND", "STATE", "ROLES", "LAST USED", "CREATED"},
			rows: func(r *pb.User) [][]string {
				return row(r.GetId(), r.GetTenantId(), r.GetDisplayName(), r.GetKind().String(), r.GetState().String(),
					list(r.GetRoles()), when(r.GetLastUsedTime()), when(r.GetCreateTime()))
			},
			next: func(size int32, token string) ([]*pb.User, string, error) {
				res, err := s.directory.ListUsers(ctx, &pb.ListUsersRequest{
					TenantId: c.Tenant, ShowDeleted: c.Deleted, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetUsers(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.User, token string) proto.Message {
				return &pb.ListUsersResponse{Users: all, NextPageToken: token}
			},
		}
		return users.show(s, c.Paging)
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
	s.addLimits(r)
	s.add("Last used", when(r.GetLastUsedTime()))
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Deleted", when(r.GetDeleteTime()))
	s.add("Etag", r.GetEtag())
	return s
}
