package client

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// SubscriptionApprove grants a subscription, or changes its plan and its end.
type SubscriptionApprove struct {
	ID         string     `arg:"" name:"id" help:"The subscription's id."`
	Plan       *string    `placeholder:"PLAN" help:"A plan of the API's tenant, whose limits the subscription gets; empty for none, and no limits by it. Default: none, or the one that it has."`
	ExpiresIn  *Span      `placeholder:"SPAN" xor:"expiry" help:"How long the right lasts, such as 365d. Default: it does not end, or as it was."`
	ExpireTime *time.Time `placeholder:"RFC3339" xor:"expiry" help:"When the right ends."`
	Guard
	Writing
}

// Help shows how it is used.
func (*SubscriptionApprove) Help() string {
	return `It takes effect at the next check. One that is approved already gets another plan, or
another end; what is not given stays as it is.

Examples:

    keystile subscription approve sub_01k0example0000000000000000 --plan bronze --expires-in 365d
    keystile subscription approve sub_01k0example0000000000000000 --plan gold
    keystile subscription approve sub_01k0example0000000000000000 --plan ''`
}

// Run approves the subscription.
func (c *SubscriptionApprove) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		expire, _, err := expiry(c.ExpiresIn, c.ExpireTime, t.Now())
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.directory.ApproveSubscription(ctx, &pb.ApproveSubscriptionRequest{
			Id: c.ID, ExpireTime: expire, Plan: c.Plan, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		return s.wrote(res, s.subscription(res.GetSubscription()))
	})
}

// SubscriptionReject refuses a subscription.
type SubscriptionReject struct {
	ID     string `arg:"" name:"id" help:"The subscription's id."`
	Reason string `placeholder:"TEXT" help:"Why, for the subscriber to read."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*SubscriptionReject) Help() string {
	return `Examples:

    keystile subscription reject sub_01k0example0000000000000000 --reason 'use the bulk export'`
}

// Run rejects the subscription.
func (c *SubscriptionReject) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.RejectSubscription(ctx, &pb.RejectSubscriptionRequest{
			Id: c.ID, Reason: c.Reason, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		return s.wrote(res, s.subscription(res.GetSubscription()))
	})
}

// SubscriptionPause suspends a subscription.
type SubscriptionPause struct {
	ID     string `arg:"" name:"id" help:"The subscription's id."`
	Reason string `placeholder:"TEXT" help:"Why, for the subscriber to read."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*SubscriptionPause) Help() string {
	return `It stops calls at the next check, until keystile subscription resume.

Examples:

    keystile subscription pause sub_01k0example0000000000000000 --reason 'too many errors; call us'`
}

// Run pauses the subscription.
func (c *SubscriptionPause) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.PauseSubscription(ctx, &pb.PauseSubscriptionRequest{
			Id: c.ID, Reason: c.Reason, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		})
		if err != nil {
			return c.outcomeOf(err)
		}
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, s.subscription(res.GetSubscription()))
	})
}

// SubscriptionResume ends a pause.
type SubscriptionResume struct {
	ID string `arg:"" name:"id" help:"The subscription's id."`
	Guard
	DryRun
}

// Help shows how it is used.
func (*SubscriptionResume) Help() string {
	return `Examples:

    keystile subscription resume sub_01k0example0000000000000000`
}

// Run resumes the subscription.
func (c *SubscriptionResume) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.directory.ResumeSubscription(ctx, &pb.ResumeSubscriptionRequest{Id: c.ID, Etag: c.Etag, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()})
		if err != nil {
			return c.outcomeOf(err)
		}
		return s.wrote(res, s.subscription(res.GetSubscription()))
	})
}
