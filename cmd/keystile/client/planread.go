package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// PlanGet shows one plan.
type PlanGet struct {
	ID     string `arg:"" name:"id" help:"The plan's id."`
	Tenant string `placeholder:"TENANT" help:"The plan's tenant. Default: your own."`
}

// Help shows how it is used.
func (*PlanGet) Help() string {
	return `Examples:

    keystile plan get gold --tenant acme`
}

// Run reads and prints the plan.
func (c *PlanGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetPlan(ctx, &pb.GetPlanRequest{Id: c.ID, TenantId: c.Tenant})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, planSheet(res.GetPlan()))
	})
}

// PlanList lists plans.
type PlanList struct {
	Tenant string `placeholder:"TENANT" help:"Whose plans. Default: your own tenant's."`
	Filtering
}

// Help shows how it is used.
func (*PlanList) Help() string {
	return `Examples:

    keystile plan list
    keystile plan list --tenant acme --filter 'rateLimits.name:minute'`
}

// Run reads and prints the plans.
func (c *PlanList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		plans := listing[*pb.Plan]{
			head: []string{"ID", "TENANT", "NAME", "LIMITS"},
			rows: func(r *pb.Plan) [][]string {
				return row(r.GetId(), r.GetTenantId(), r.GetDisplayName(), limitList(r))
			},
			next: func(size int32, token string) ([]*pb.Plan, string, error) {
				res, err := s.directory.ListPlans(ctx, &pb.ListPlansRequest{
					TenantId: c.Tenant, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetPlans(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.Plan, token string) proto.Message {
				return &pb.ListPlansResponse{Plans: all, NextPageToken: token}
			},
		}
		return plans.show(s, c.Paging)
	})
}

func planSheet(r *pb.Plan) *sheet {
	s := &sheet{}
	s.add("Id", r.GetId())
	s.add("Tenant", r.GetTenantId())
	s.add("Name", r.GetDisplayName())
	s.addLimits(r)
	s.add("Created", when(r.GetCreateTime()))
	s.add("Updated", when(r.GetUpdateTime()))
	s.add("Etag", r.GetEtag())
	return s
}
