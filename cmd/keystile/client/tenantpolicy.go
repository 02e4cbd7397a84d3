package client

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// TenantPolicy shows what a tenant's keys must be like.
type TenantPolicy struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
}

// Help shows how it is used.
func (*TenantPolicy) Help() string {
	return `It is changed by keystile tenant update, and holds for keys that are created, changed or
rotated from then on; keystile tenant violations lists the others.

Examples:

    keystile tenant policy acme
    keystile tenant policy acme -o json`
}

// Run reads and prints the policy.
func (c *TenantPolicy) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetTenant(ctx, &pb.GetTenantRequest{Id: c.ID})
		if err != nil {
			return failureOf(err)
		}
		policy := res.GetTenant().GetKeyPolicy()
		if policy == nil {
			policy = &pb.KeyPolicy{}
		}
		rules := &sheet{}
		rules.addPolicy(policy)
		if len(*rules) == 0 {
			rules.add("Key policy", "none")
		}
		return s.print(policy, rules)
	})
}

// TenantViolations lists keys that break their tenant's policy.
type TenantViolations struct {
	ID string `arg:"" name:"id" help:"The tenant's id."`
	Paging
}

// Help shows how it is used.
func (*TenantViolations) Help() string {
	return `Keys that were made before a rule are never changed by it. A line for each rule that a key breaks.

Examples:

    keystile tenant violations acme --limit 0`
}

// Run reads and prints the violations.
func (c *TenantViolations) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		violations := listing[*pb.PolicyViolation]{
			head: []string{"KEY", "USER", "RULE", "WHAT IS WRONG"},
			rows: violationRows,
			next: func(size int32, token string) ([]*pb.PolicyViolation, string, error) {
				res, err := s.directory.ListPolicyViolations(ctx, &pb.ListPolicyViolationsRequest{Id: c.ID, PageSize: size, PageToken: token})
				return res.GetViolations(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.PolicyViolation, token string) proto.Message {
				return &pb.ListPolicyViolationsResponse{Violations: all, NextPageToken: token}
			},
		}
		return violations.show(s, c.Paging)
	})
}

func violationRows(v *pb.PolicyViolation) [][]string {
	if len(v.GetRules()) != len(v.GetMessages()) {
		return row(v.GetKeyId(), v.GetUserId(), list(v.GetRules()), strings.Join(v.GetMessages(), "; "))
	}
	var out [][]string
	for i, rule := range v.GetRules() {
		out = append(out, []string{v.GetKeyId(), v.GetUserId(), rule, v.GetMessages()[i]})
	}
	return out
}
