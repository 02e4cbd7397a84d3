package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyDisable switches a key off.
type KeyDisable struct {
	ID string `arg:"" name:"id" help:"The key's id."`
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyDisable) Help() string {
	return `Examples:

    keystile key disable key_01k0example0000000000000000`
}

// Run disables the key.
func (c *KeyDisable) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		return s.ended(ctx, &c.Writing, &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Disable{Disable: &pb.DisableKey{
			Id: c.ID, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		}}})
	})
}

// KeyEnable switches a disabled key on.
type KeyEnable struct {
	ID string `arg:"" name:"id" help:"The key's id."`
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyEnable) Help() string {
	return `Examples:

    keystile key enable key_01k0example0000000000000000`
}

// Run enables the key.
func (c *KeyEnable) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		return s.changed(ctx, &c.Writing, &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Enable{Enable: &pb.EnableKey{
			Id: c.ID, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		}}})
	})
}

// KeyDelete removes a key from use.
type KeyDelete struct {
	ID string `arg:"" name:"id" help:"The key's id."`
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyDelete) Help() string {
	return `The key's record stays readable: keystile key list --deleted.

Examples:

    keystile key delete key_01k0example0000000000000000`
}

// Run deletes the key.
func (c *KeyDelete) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		return s.ended(ctx, &c.Writing, &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Delete{Delete: &pb.DeleteKey{
			Id: c.ID, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait(),
		}}})
	})
}
