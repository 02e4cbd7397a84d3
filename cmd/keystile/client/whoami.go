package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// WhoAmI tells the holder of a key what it is.
type WhoAmI struct {
	Options
}

// Help shows how it is used.
func (*WhoAmI) Help() string {
	return `Every good key may ask, whatever else it may do.

Examples:

    keystile whoami
    keystile whoami --key-file ./ci.key -o json

` + ExitCodesHelp()
}

// Run asks, and prints the answer.
func (c *WhoAmI) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.keys.WhoAmI(ctx, &pb.WhoAmIRequest{})
		if err != nil {
			return failureOf(err)
		}
		who := &sheet{}
		who.addIdentity(res.GetIdentity())
		who.add("APIs", list(res.GetApis()))
		who.add("Expires", when(res.GetExpireTime()))
		who.addWarnings(res.GetWarnings())
		return s.print(res, who)
	})
}
