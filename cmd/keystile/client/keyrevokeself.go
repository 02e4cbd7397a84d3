package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyRevokeSelf ends the key that the command is given with.
type KeyRevokeSelf struct {
	Reason RevokeReason `placeholder:"REASON" help:"Why: key-compromise, cessation-of-operation, superseded or privilege-withdrawn."`
	Note   string       `placeholder:"TEXT" help:"For administrators, such as where the key was found."`
	Waiting
}

// Help shows how it is used.
func (*KeyRevokeSelf) Help() string {
	return `Whoever holds a secret may end it: a key that was found where it does not belong needs no
administrator. Nothing leads back. keystile whoami tells first which key it would be.

Examples:

    keystile key revoke-self --key-file ./found.key --reason key-compromise --note 'seen in a public log'`
}

// Run revokes the key.
func (c *KeyRevokeSelf) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.keys.RevokeSelf(ctx, &pb.RevokeSelfRequest{Reason: pb.Key_RevokeReason(c.Reason), Note: c.Note, WaitForPropagation: c.wait()})
		if err != nil {
			f := failureOf(err)
			if f.open() {
				f.repeat = "Whether it took effect is open; the same command is answered KEY_REVOKED if it did."
			}
			return f
		}
		s.warnOfPending(res.GetPropagation())
		return s.wrote(res, keySheet(res.GetKey(), t.Now()))
	})
}
