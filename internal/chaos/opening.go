package chaos

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// What accounts are made of.
const (
	quotaName = "q"
	rateName  = "m"
	apiID     = "market"
)

func rateToProto(r *access.Rate, exact bool) *pb.RateLimit {
	return &pb.RateLimit{
		Name: rateName, Requests: int32(r.Requests), Burst: int32(r.Burst), Period: durationpb.New(r.Period), Exact: exact, //nolint:gosec // kinds are small
	}
}

// planID is the plan of a kind of account.
func planID(t *Terms) string { return fmt.Sprintf("plan-%d", t.Quota) }

// furnishMarket makes the API that subscribers call, and the plans that they have.
func (g *group) furnishMarket(ctx context.Context, all []Terms) error {
	dirs := g.process(0).dirs
	if _, err := dirs.CreateApi(ctx, &pb.CreateApiRequest{Api: &pb.Api{Id: apiID, TenantId: tenantID, SubscriptionRequired: true}}); err != nil {
		return fmt.Errorf("furnishing the store: %w", err)
	}
	for i := range all {
		if all[i].on != onPlan {
			continue
		}
		rates, quotas := all[i].limits()
		if _, err := dirs.CreatePlan(ctx, &pb.CreatePlanRequest{Plan: &pb.Plan{
			Id: planID(&all[i]), TenantId: tenantID, DisplayName: all[i].Name, RateLimits: rates, Quotas: quotas,
		}}); err != nil {
			return fmt.Errorf("furnishing the store: %w", err)
		}
	}
	return nil
}

// open makes an account; nil when a write failed, and then what was made is nobody's.
func (s *spender) open(ctx context.Context, t *Terms) *Account {
	ctx, cancel := context.WithTimeout(s.group.asRoot(ctx), 5*time.Second)
	defer cancel()
	p := s.group.process(s.random.IntN(replicas))
	a := &Account{Terms: t, Born: s.since()}
	if err := s.furnish(ctx, a, p, fmt.Sprintf("spender-%d", s.book.born.Add(1))); err != nil {
		if code := status.Code(err); code != codes.Unavailable && code != codes.DeadlineExceeded && code != codes.Canceled && code != codes.Aborted {
			s.tally.odd.Add(1)
			s.config.Log("opening %s: %v", t.Name, err)
		}
		return nil
	}
	return a
}

// furnish makes an account's user, its subscription if it takes one, and its keys.
func (s *spender) furnish(ctx context.Context, a *Account, p *process, user string) error {
	rates, quotas := a.limits()
	owner := &pb.User{Id: user, TenantId: tenantID, Kind: pb.User_SERVICE_ACCOUNT, Roles: []string{"developer"}}
	key := &pb.Key{TenantId: tenantID, UserId: user}
	keys := 1
	switch a.on {
	case onKey:
		key.RateLimits, key.Quotas = rates, quotas
	case onUser:
		owner.RateLimits, owner.Quotas, keys = rates, quotas, 2
	case onPlan:
	}
	if _, err := p.dirs.CreateUser(ctx, &pb.CreateUserRequest{User: owner, WaitForPropagation: new(bool)}); err != nil {
		return err //nolint:wrapcheck // open looks at its code
	}
	if a.on == onPlan {
		made, err := p.dirs.CreateSubscription(ctx, &pb.CreateSubscriptionRequest{
			Subscription: &pb.Subscription{TenantId: tenantID, UserId: user, ApiId: apiID}, WaitForPropagation: new(bool),
		})
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		if _, err := p.dirs.ApproveSubscription(ctx, &pb.ApproveSubscriptionRequest{
			Id: made.GetSubscription().GetId(), Plan: new(planID(a.Terms)), WaitForPropagation: new(bool),
		}); err != nil {
			return err //nolint:wrapcheck // as above
		}
	}
	for range keys {
		made, err := p.keys.ManageKey(ctx, &pb.ManageKeyRequest{
			Operation: &pb.ManageKeyRequest_Create{Create: &pb.CreateKey{Key: key, WaitForPropagation: new(bool)}},
		})
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
		a.secrets = append(a.secrets, made.GetSecret())
		if a.key == "" {
			a.key = made.GetKey().GetId()
		}
	}
	return nil
}
