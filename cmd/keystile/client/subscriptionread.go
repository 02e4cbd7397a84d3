package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// SubscriptionGet shows one subscription.
type SubscriptionGet struct {
	ID string `arg:"" name:"id" help:"The subscription's id, such as sub_..."`
}

// Help shows how it is used.
func (*SubscriptionGet) Help() string {
	return `Examples:

    keystile subscription get sub_01k0example0000000000000000`
}

// Run reads and prints the subscription.
func (c *SubscriptionGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.GetSubscription(ctx, &pb.GetSubscriptionRequest{Id: c.ID})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, s.subscription(res.GetSubscription()))
	})
}

// SubscriptionList lists subscriptions.
type SubscriptionList struct {
	Tenant    string `placeholder:"TENANT" help:"Only this tenant's subscriptions. Default, without --api-tenant: your own tenant's."`
	User      string `placeholder:"USER" help:"Only this user's."`
	API       string `name:"api" placeholder:"API" help:"Only those to this API: orders, or acme/orders."`
	APITenant string `name:"api-tenant" placeholder:"TENANT" help:"Only those to this tenant's APIs."`
	Filtering
}

// Help shows how it is used.
func (*SubscriptionList) Help() string {
	return `Examples:

    keystile subscription list
    keystile subscription list --api-tenant acme --filter 'state = PENDING'
    keystile subscription list --api acme/orders --tenant beta`
}

// Run reads and prints the subscriptions.
func (c *SubscriptionList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		tenant, api, err := namedAPI(c.API, c.APITenant)
		if err != nil {
			return err
		}
		subscriptions := listing[*pb.Subscription]{
			head: []string{"ID", "TENANT", "USER", "API", "STATE", "PLAN", "EXPIRES", "CREATED"},
			rows: func(r *pb.Subscription) [][]string {
				return row(r.GetId(), r.GetTenantId(), subscriber(r), path(r.GetApiTenantId(), r.GetApiId()), r.GetState().String(),
					r.GetPlan(), until(r.GetExpireTime(), t.Now()), when(r.GetCreateTime()))
			},
			next: func(size int32, token string) ([]*pb.Subscription, string, error) {
				res, err := s.directory.ListSubscriptions(ctx, &pb.ListSubscriptionsRequest{
					TenantId: c.Tenant, UserId: c.User, ApiTenantId: tenant, ApiId: api, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetSubscriptions(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.Subscription, token string) proto.Message {
				return &pb.ListSubscriptionsResponse{Subscriptions: all, NextPageToken: token}
			},
		}
		return subscriptions.show(s, c.Paging)
	})
}

// subscription is all there is to know about a subscription.
func (s *session) subscription(r *pb.Subscription) *sheet {
	out := &sheet{}
	out.add("Id", r.GetId())
	out.add("Tenant", r.GetTenantId())
	out.add("User", subscriber(r))
	out.add("API", path(r.GetApiTenantId(), r.GetApiId()))
	out.add("State", r.GetState().String())
	out.add("Reason", r.GetReason())
	out.add("Note", r.GetNote())
	out.add("Plan", r.GetPlan())
	out.add("Expires", until(r.GetExpireTime(), s.Now()))
	out.add("Created", when(r.GetCreateTime()))
	out.add("Updated", when(r.GetUpdateTime()))
	out.add("Etag", r.GetEtag())
	return out
}

// subscriber is the user, or what stands for all of them.
func subscriber(r *pb.Subscription) string {
	if r.GetUserId() == "" {
		return "(whole tenant)"
	}
	return r.GetUserId()
}
