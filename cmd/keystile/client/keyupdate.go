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
	Name        *string           `placeholder:"NAME" help:"A name for people; '' for none."`
	Scopes      []string          `name:"scope" sep:"none" xor:"scopes" placeholder:"PERMISSION" help:"Narrow the key to this permission. May be given again; together they take the place of all scopes there were."`
	ClearScopes bool              `xor:"scopes" help:"Narrow the key no longer."`
	Cidrs       []string          `name:"cidr" sep:"none" xor:"cidrs" placeholder:"CIDR" help:"Accept the key from this network only. May be given again; together they take the place of all there were."`
	ClearCidrs  bool              `xor:"cidrs" help:"Accept the key from everywhere."`
	Labels      map[string]string `name:"label" mapsep:"none" xor:"labels" placeholder:"NAME=VALUE" help:"A free label. May be given again; together they take the place of all there were."`
	ClearLabels bool              `xor:"labels" help:"Remove all labels."`
	ExpiresIn   *Span             `placeholder:"SPAN" xor:"expiry" help:"How long the key lives from now on, such as 720h or 30d."`
	ExpireTime  *time.Time        `placeholder:"RFC3339" xor:"expiry" help:"When the key ends."`
	ClearExpiry bool              `xor:"expiry" help:"Let the key live without end."`
	StartTime   *time.Time        `placeholder:"RFC3339" xor:"start" help:"The key is not valid before."`
	ClearStart  bool              `xor:"start" help:"Let the key be valid at once."`
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyUpdate) Help() string {
	return `Examples:

    keystile key update key_01k0example0000000000000000 --name nightly --expires-in 30d
    keystile key update key_01k0example0000000000000000 --scope orders.read --scope orders.write
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
			Key: key, UpdateMask: mask, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly,
		}}}, also)
		if err != nil {
			return err
		}
		return s.print(res, keySheet(res.GetKey(), t.Now()))
	})
}

// change is what the flags say: the new values, and which fields they are for.
func (c *KeyUpdate) change(now time.Time) (*pb.Key, *fieldmaskpb.FieldMask, string, error) {
	key := &pb.Key{
		Id: c.ID, Scopes: c.Scopes, AllowedCidrs: c.Cidrs, Labels: c.Labels, StartTime: stamp(c.StartTime),
	}
	if c.Name != nil {
		key.DisplayName = *c.Name
	}
	expire, also, err := expiry(c.ExpiresIn, c.ExpireTime, now)
	if err != nil {
		return nil, nil, "", err
	}
	key.ExpireTime = expire
	mask := &fieldmaskpb.FieldMask{}
	for _, field := range []struct {
		path  string
		given bool
	}{
		{"display_name", c.Name != nil},
		{"scopes", len(c.Scopes) > 0 || c.ClearScopes},
		{"allowed_cidrs", len(c.Cidrs) > 0 || c.ClearCidrs},
		{"labels", len(c.Labels) > 0 || c.ClearLabels},
		{"start_time", c.StartTime != nil || c.ClearStart},
		{"expire_time", expire != nil || c.ClearExpiry},
	} {
		if field.given {
			mask.Paths = append(mask.Paths, field.path)
		}
	}
	if len(mask.GetPaths()) == 0 {
		return nil, nil, "", usagef("nothing to change: give at least one of the flags that name a field")
	}
	return key, mask, also, nil
}
