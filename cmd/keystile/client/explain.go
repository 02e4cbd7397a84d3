package client

import (
	"context"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Explain goes through a decision step by step.
type Explain struct {
	SecretFile string `type:"path" placeholder:"FILE" xor:"subject" group:"Whose call:" help:"Read the secret to explain from FILE; - is stdin. Without this, --key-id and --decision it is KEYSTILE_CHECK_SECRET, or asked for."`
	KeyID      string `name:"key-id" placeholder:"ID" xor:"subject" group:"Whose call:" help:"Explain the key with this id; nobody needs its secret."`
	Decision   string `placeholder:"ID" xor:"subject" group:"Whose call:" help:"Explain a refusal that was made not long ago, by the decision id that its caller was given."`
	Question
	Options
}

// Help shows how it is used.
func (*Explain) Help() string {
	return `It spends no limits, is noted as no use of the key, and is for administrators of the key's tenant.
Of a past decision it shows what was decided then, and goes through it again as things stand now.

Examples:

    keystile explain --decision dec_01k0example0000000000000000
    keystile explain --key-id key_01k0example0000000000000000 --permission orders.read
    keystile explain --key-id key_01k0example0000000000000000 --method GET --host api.acme.test --path /orders/7
    keystile explain --secret-file ./ci.key --api acme/orders --client-ip 203.0.113.7 -o json

` + ExitCodesHelp()
}

// Run asks, and prints the explanation. That it explains a refusal is no
// failure of the command.
func (c *Explain) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		req, err := c.about(t)
		if err != nil {
			return err
		}
		res, err := s.directory.Explain(ctx, req)
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, explanation(res))
	})
}

// about is what is to be explained.
func (c *Explain) about(t *Terminal) (*pb.ExplainRequest, error) {
	if c.Decision != "" {
		if c.asked() {
			return nil, usagef("--decision names the whole question: give no other flag of it")
		}
		return &pb.ExplainRequest{DecisionId: c.Decision}, nil
	}
	check, err := c.request()
	if err != nil {
		return nil, err
	}
	if c.KeyID == "" {
		if check.Key, err = presented(c.SecretFile, t); err != nil {
			return nil, err
		}
	}
	return &pb.ExplainRequest{Check: check, KeyId: c.KeyID}, nil
}
