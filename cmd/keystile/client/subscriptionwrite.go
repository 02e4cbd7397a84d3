package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// SubscriptionCreate asks for the right to call an API.
type SubscriptionCreate struct {
	API       string `name:"api" required:"" placeholder:"API" help:"The API: orders, or acme/orders."`
	APITenant string `name:"api-tenant" placeholder:"TENANT" help:"The API's tenant. Default: the subscriber's."`
	Tenant    string `placeholder:"TENANT" help:"The subscriber's tenant. Default: your own."`
	User      string `placeholder:"USER" help:"The user to subscribe. Default: the whole tenant, which its administrators may."`
	Note      string `placeholder:"TEXT" help:"Your words to whoever approves."`
	Writing
}

// Help shows how it is used.
func (*SubscriptionCreate) Help() string {
	return `It is PENDING until an administrator of the API's tenant has decided. A user may ask for itself.

Examples:

    keystile subscription create --api acme/orders --user bo --note 'nightly export, 10 calls a minute'
    keystile subscription create --tenant beta --api orders --api-tenant acme`
}

// Run asks for the subscription.
func (c *SubscriptionCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		tenant, api, err := namedAPI(c.API, c.APITenant)
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.CreateSubscription(ctx, &pb.CreateSubscriptionRequest{
			Subscription: &pb.Subscription{TenantId: c.Tenant, UserId: c.User, ApiId: api, ApiTenantId: tenant, Note: c.Note},
			RequestId:    c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, s.subscription(res.GetSubscription()))
	})
}

// SubscriptionUpdate changes the subscriber's note.
type SubscriptionUpdate struct {
	ID   string  `arg:"" name:"id" help:"The subscription's id."`
	Note *string `placeholder:"TEXT" help:"Your words to whoever approves; empty for none."`
	Guard
	Writing
}

// Help shows how it is used.
func (*SubscriptionUpdate) Help() string {
	return `Examples:

    keystile subscription update sub_01k0example0000000000000000 --note 'now 100 calls a minute'`
}

// Run changes the subscription.
func (c *SubscriptionUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		mask, err := changed([]change{{"note", c.Note != nil}})
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.UpdateSubscription(ctx, &pb.UpdateSubscriptionRequest{
			Subscription: &pb.Subscription{Id: c.ID, Note: textOf(c.Note)},
			UpdateMask:   mask, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcome(err, "")
		}
		return s.wrote(res, s.subscription(res.GetSubscription()))
	})
}

// SubscriptionDelete removes a subscription.
type SubscriptionDelete struct {
	ID string `arg:"" name:"id" help:"The subscription's id."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*SubscriptionDelete) Help() string {
	return `Examples:

    keystile subscription delete sub_01k0example0000000000000000`
}

// Run deletes the subscription.
func (c *SubscriptionDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.DeleteSubscription(ctx, &pb.DeleteSubscriptionRequest{Id: c.ID, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcomeOf(err)
		}
		gone := &sheet{}
		gone.add("Deleted", "subscription "+c.ID)
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, gone)
	})
}
