package client

import (
	"context"
)

// KeyCheck asks about a secret.
type KeyCheck struct {
	SecretFile  string `type:"path" placeholder:"FILE" help:"Read the secret to check from FILE; - is stdin. Otherwise it is KEYSTILE_CHECK_SECRET, or asked for."`
	Cost        *int32 `placeholder:"N" group:"Question:" help:"What the call costs against limits; 0 only looks. Default: 1."`
	MinRevision string `placeholder:"REVISION" group:"Question:" help:"Be answered by what a write has made of things, or not at all: propagation.revision of what the write prints with -o json."`
	Question
}

// Help shows how it is used.
func (*KeyCheck) Help() string {
	return `The secret is never an argument: other users of this machine can read a command line.
Asked for nothing, it tells only whether the key is good.

Examples:

    keystile key check --permission orders.read
    keystile key check --method GET --host api.acme.test --path /orders/7
    keystile key check --api acme/orders --permission orders.read
    keystile key check --secret-file ./ci.key --client-ip 203.0.113.7
    keystile key check --secret-file ./ci.key --min-revision 4711
    printf %s "$SECRET" | keystile key check --secret-file - -o json

` + ExitCodesHelp()
}

// Run asks, and prints the verdict. A refusal is the exit code's business.
func (c *KeyCheck) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		req, err := c.request()
		if err != nil {
			return err
		}
		if req.Key, err = presented(c.SecretFile, t); err != nil {
			return err
		}
		req.Cost, req.MinRevision = c.Cost, c.MinRevision
		res, err := s.keys.CheckKey(ctx, req)
		if err != nil {
			return failureOf(err)
		}
		if err := s.print(res, verdictSheet(res)); err != nil {
			return err
		}
		if !res.GetAllowed() {
			return answered(exitRefused, res.GetReason().String(), res.GetMessage())
		}
		return nil
	})
}
