package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyCreate issues a key.
type KeyCreate struct {
	Tenant     string            `placeholder:"TENANT" help:"The tenant that owns the key. Default: your own."`
	User       string            `required:"" placeholder:"USER" help:"The user the key belongs to; the key is never stronger than that user."`
	Name       string            `placeholder:"NAME" help:"A name for people."`
	Scopes     []string          `name:"scope" sep:"none" placeholder:"PERMISSION" help:"Narrow the key to this permission, such as orders.read or orders.*. May be given again."`
	APIs       []string          `name:"api" sep:"none" placeholder:"API" help:"Let the key call this API only: orders for one of its own tenant, acme/orders for another's. May be given again."`
	Cidrs      []string          `name:"cidr" sep:"none" placeholder:"CIDR" help:"Accept the key from this network only. May be given again."`
	Labels     map[string]string `name:"label" mapsep:"none" placeholder:"NAME=VALUE" help:"A free label. May be given again."`
	ExpiresIn  *Span             `placeholder:"SPAN" xor:"expiry" help:"How long the key lives, such as 720h or 30d. Default: it does not expire."`
	ExpireTime *time.Time        `placeholder:"RFC3339" xor:"expiry" help:"When the key ends, such as 2027-01-01T00:00:00Z."`
	StartTime  *time.Time        `placeholder:"RFC3339" help:"The key is not valid before."`
	Prefix     string            `name:"secret-prefix" placeholder:"PREFIX" help:"What the key's secrets begin with. Default: the tenant's prefix."`
	LimitFlags
	NewSecret
	Writing
}

// Help shows how it is used.
func (*KeyCreate) Help() string {
	return `The secret is printed alone on stdout, everything else on stderr; -o json prints key and secret together.

Examples:

    keystile key create --tenant acme --user ada --name ci --expires-in 90d
    keystile key create --user ada --scope orders.read --scope 'catalog.*' --cidr 203.0.113.0/24
    keystile key create --user ada --api orders --secret-prefix ci
    keystile key create --user ada --rate-limit m=10/60s,burst=20 --quota q=100/DAY,zone=Europe/Berlin
    SECRET=$(keystile key create --user ada)
    keystile key create --user ada --secret-file ./ci.key`
}

// Run issues the key.
func (c *KeyCreate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		key := &pb.Key{
			TenantId: c.Tenant, UserId: c.User, DisplayName: c.Name,
			SecretPrefix: c.Prefix, Scopes: c.Scopes, Apis: c.APIs, AllowedCidrs: c.Cidrs, Labels: c.Labels, StartTime: stamp(c.StartTime),
			RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
		}
		expire, also, err := expiry(c.ExpiresIn, c.ExpireTime, t.Now())
		if err != nil {
			return err
		}
		key.ExpireTime = expire
		req := &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Create{Create: &pb.CreateKey{
			Key: key, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		}}}
		return s.issue(ctx, &c.Writing, &c.NewSecret, req, also)
	})
}

// expiry is when a key ends. A span is counted from now, to the second; to give
// the same request again, its end must be named instead, which also says.
func expiry(in *Span, at *time.Time, now time.Time) (expire *timestamppb.Timestamp, also string, err error) {
	if in == nil {
		return stamp(at), "", nil
	}
	if *in <= 0 {
		return nil, "", usagef("--expires-in: must be more than 0")
	}
	end := now.Add(time.Duration(*in)).UTC().Truncate(time.Second)
	return timestamppb.New(end), " and --expire-time " + end.Format(time.RFC3339) + " in place of --expires-in", nil
}

// stamp is a time on the wire; an absent one stays absent.
func stamp(t *time.Time) *timestamppb.Timestamp {
	if t == nil {
		return nil
	}
	return timestamppb.New(*t)
}
