package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyUpdate changes a key. What no flag names stays as it is.
type KeyUpdate struct {
	ID          string            `arg:"" name:"id" help:"The key's id."`
	Name        *string           `placeholder:"NAME" help:"A name for people; empty for none."`
	Scopes      []string          `name:"scope" sep:"none" xor:"scopes" placeholder:"PERMISSION" help:"Narrow the key to this permission. May be given again; together they take the place of all scopes there were."`
	ClearScopes bool              `xor:"scopes" help:"Narrow the key no longer."`
	APIs        []string          `name:"api" sep:"none" xor:"apis" placeholder:"API" help:"Let the key call this API only: orders for one of its own tenant, acme/orders for another's. May be given again; together they take the place of all there were."`
	ClearAPIs   bool              `name:"clear-apis" xor:"apis" help:"Restrict the key to no APIs."`
	Cidrs       []string          `name:"cidr" sep:"none" xor:"cidrs" placeholder:"CIDR" help:"Accept the key from this network only. May be given again; together they take the place of all there were."`
	ClearCidrs  bool              `xor:"cidrs" help:"Accept the key from everywhere."`
	Labels      map[string]string `name:"label" mapsep:"none" xor:"labels" placeholder:"NAME=VALUE" help:"A free label. May be given again; together they take the place of all there were."`
	ClearLabels bool              `xor:"labels" help:"Remove all labels."`
	ExpiresIn   *Span             `placeholder:"SPAN" xor:"expiry" help:"How long the key lives from now on, such as 720h or 30d."`
	ExpireTime  *time.Time        `placeholder:"RFC3339" xor:"expiry" help:"When the key ends."`
	ClearExpiry bool              `xor:"expiry" help:"Let the key live without end."`
	StartTime   *time.Time        `placeholder:"RFC3339" xor:"start" help:"The key is not valid before."`
	ClearStart  bool              `xor:"start" help:"Let the key be valid at once."`
	LimitChanges
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyUpdate) Help() string {
	return `Examples:

    keystile key update key_01k0example0000000000000000 --name nightly --expires-in 30d
    keystile key update key_01k0example0000000000000000 --scope orders.read --scope orders.write
    keystile key update key_01k0example0000000000000000 --api orders --api acme/billing
    keystile key update key_01k0example0000000000000000 --rate-limit m=20/60s --clear-quotas
    keystile key update key_01k0example0000000000000000 --clear-cidrs --etag "$ETAG"`
}

// Run changes the key.
func (c *KeyUpdate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		key, mask, also, err := c.change(t.Now())
		if err != nil {
			return err
		}
		if err := c.name(t); err != nil {
			return err
		}
		res, err := s.manage(ctx, &c.Writing, &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Update{Update: &pb.UpdateKey{
			Key: key, UpdateMask: mask, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		}}}, also)
		if err != nil {
			return err
		}
		return s.print(res, s.keyAfter(res))
	})
}

// change is what the flags say: the new values, and which fields they are for.
func (c *KeyUpdate) change(now time.Time) (*pb.Key, *fieldmaskpb.FieldMask, string, error) {
	key := &pb.Key{
		Id: c.ID, DisplayName: textOf(c.Name), Scopes: c.Scopes, Apis: c.APIs, AllowedCidrs: c.Cidrs, Labels: c.Labels, StartTime: stamp(c.StartTime),
		RateLimits: rateLimitsOf(c.RateLimits), Quotas: quotasOf(c.Quotas),
	}
	expire, also, err := expiry(c.ExpiresIn, c.ExpireTime, now)
	if err != nil {
		return nil, nil, "", err
	}
	key.ExpireTime = expire
	mask, err := changed(append([]change{
		{"display_name", c.Name != nil},
		{"scopes", len(c.Scopes) > 0 || c.ClearScopes},
		{"apis", len(c.APIs) > 0 || c.ClearAPIs},
		{"allowed_cidrs", len(c.Cidrs) > 0 || c.ClearCidrs},
		{"labels", len(c.Labels) > 0 || c.ClearLabels},
		{"start_time", c.StartTime != nil || c.ClearStart},
		{"expire_time", expire != nil || c.ClearExpiry},
	}, c.changes()...))
	if err != nil {
		return nil, nil, "", err
	}
	return key, mask, also, nil
}
