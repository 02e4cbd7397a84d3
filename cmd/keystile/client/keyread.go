package client

import (
	"context"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyGet shows one key.
type KeyGet struct {
	ID string `arg:"" name:"id" help:"The key's id, such as key_..."`
}

// Help shows how it is used.
func (*KeyGet) Help() string {
	return `Examples:

    keystile key get key_01k0example0000000000000000
    keystile key get key_01k0example0000000000000000 -o json`
}

// Run reads and prints the key.
func (c *KeyGet) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.keys.GetKey(ctx, &pb.GetKeyRequest{Id: c.ID})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, keySheet(res.GetKey(), t.Now()))
	})
}

// KeyList lists keys.
type KeyList struct {
	Tenant  string `placeholder:"TENANT" help:"Whose keys. Default: your own tenant's."`
	User    string `placeholder:"USER" help:"Only this user's."`
	Deleted bool   `help:"Show deleted keys too."`
	Filtering
}

// Help shows how it is used.
func (*KeyList) Help() string {
	return `LAST USED is coarse, and a few minutes late.

Examples:

    keystile key list
    keystile key list --tenant acme --user ada --limit 0
    keystile key list --filter 'state = ACTIVE AND unusedSince = "30d"'
    keystile key list -o json`
}

// Run reads and prints the keys.
func (c *KeyList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		keys := listing[*pb.Key]{
			head: []string{"ID", "TENANT", "USER", "NAME", "STATE", "SECRET", "EXPIRES", "LAST USED", "CREATED"},
			rows: func(k *pb.Key) [][]string {
				return row(k.GetId(), k.GetTenantId(), k.GetUserId(), k.GetDisplayName(), keyState(k), secretHint(k.GetCurrentSecret()),
					until(k.GetExpireTime(), t.Now()), when(k.GetLastUsedTime()), when(k.GetCreateTime()))
			},
			next: func(size int32, token string) ([]*pb.Key, string, error) {
				res, err := s.keys.ListKeys(ctx, &pb.ListKeysRequest{
					TenantId: c.Tenant, UserId: c.User, ShowDeleted: c.Deleted, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetKeys(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.Key, token string) proto.Message {
				return &pb.ListKeysResponse{Keys: all, NextPageToken: token}
			},
		}
		return keys.show(s, c.Paging)
	})
}
