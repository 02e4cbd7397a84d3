package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyRevoke ends a key for good.
type KeyRevoke struct {
	ID     string       `arg:"" name:"id" help:"The key's id."`
	Reason RevokeReason `placeholder:"REASON" help:"Why: key-compromise, cessation-of-operation, superseded or privilege-withdrawn. The holder is told."`
	Note   string       `placeholder:"TEXT" help:"For administrators; the holder is never told."`
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyRevoke) Help() string {
	return `Nothing leads back from a revocation. See also: keystile key disable.

Examples:

    keystile key revoke key_01k0example0000000000000000 --reason key-compromise --note 'seen in a public log'`
}

// Run revokes the key.
func (c *KeyRevoke) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		return s.ended(ctx, &c.Writing, &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Revoke{Revoke: &pb.RevokeKey{
			Id: c.ID, Reason: pb.Key_RevokeReason(c.Reason), Note: c.Note,
			Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		}}})
	})
}
