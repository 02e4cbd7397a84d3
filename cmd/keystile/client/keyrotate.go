package client

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyRotate issues a new secret.
type KeyRotate struct {
	ID    string `arg:"" name:"id" help:"The key's id."`
	Grace *Span  `placeholder:"SPAN" help:"How long the secret now in use goes on working; 0s ends it at once. Default: the server's, 24h."`
	NewSecret
	Guard
	Writing
}

// Help shows how it is used.
func (*KeyRotate) Help() string {
	return `The new secret is printed alone on stdout, everything else on stderr.

Examples:

    keystile key rotate key_01k0example0000000000000000
    keystile key rotate key_01k0example0000000000000000 --grace 1h --secret-file ./ci.key.new
    keystile key rotate key_01k0example0000000000000000 --grace 0s`
}

// Run issues the secret.
func (c *KeyRotate) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := c.name(t); err != nil {
			return err
		}
		rotate := &pb.RotateKey{Id: c.ID, Etag: c.Etag, RequestId: c.RequestID, ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()}
		if c.Grace != nil {
			rotate.GracePeriod = durationpb.New(time.Duration(*c.Grace))
		}
		req := &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Rotate{Rotate: rotate}}
		return s.issue(ctx, &c.Writing, &c.NewSecret, req, "")
	})
}
