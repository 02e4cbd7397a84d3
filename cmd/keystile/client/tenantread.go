package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

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

// TenantList lists tenants.
type TenantList struct {
	Deleted bool `help:"Show deleted tenants too."`
	Filtering
}

// Help shows how it is used.
func (*TenantList) Help() string {
	return `Outside the operator's tenant, system, it lists your own.

Examples:

    keystile tenant list
    keystile tenant list --filter 'state = SUSPENDED' -o json`
}

// Run reads and prints the tenants.
func (c *TenantList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		tenants := listing[*pb.Tenant]{
			head: []string{"ID", "NAME", "STATE", "SECRETS", "HOSTS", "CREATED"},
			rows: func(r *pb.Tenant) [][]string {
				return row(r.GetId(), r.GetDisplayName(), r.GetState().String(), r.GetSecretPrefix()+"_...", list(r.GetHosts()), when(r.GetCreateTime()))
			},
			next: func(size int32, token string) ([]*pb.Tenant, string, error) {
				res, err := s.directory.ListTenants(ctx, &pb.ListTenantsRequest{
					ShowDeleted: c.Deleted, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetTenants(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.Tenant, token string) proto.Message {
				return &pb.ListTenantsResponse{Tenants: all, NextPageToken: token}
			},
		}
		return tenants.show(s, c.Paging)
	})
}

func tenantSheet(r *pb.Tenant) *sheet {
	s := &sheet{}
	s.add("Id", r.GetId())
	s.add("Name", r.GetDisplayName())
	s.add("State", r.GetState().String())
	s.add("Secrets", r.GetSecretPrefix()+"_...")
	s.add("Hosts", list(r.GetHosts()))
	s.addPolicy(r.GetKeyPolicy())
	s.addLimits(r)
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Deleted", when(r.GetDeleteTime()))
	s.add("Etag", r.GetEtag())
	return s
}
