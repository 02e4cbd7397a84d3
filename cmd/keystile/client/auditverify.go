package client

import (
	"context"
	"strconv"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// AuditVerify recomputes a chain.
type AuditVerify struct {
	Tenant string `placeholder:"TENANT" help:"Whose chain. Default: your own tenant's."`
	Head   string `placeholder:"SEQ:HASH" help:"A head kept elsewhere, as keystile audit head printed it: the chain must still contain it."`
}

// Help shows how it is used.
func (*AuditVerify) Help() string {
	return `Without --head, a chain that was cut off or rewritten as a whole looks sound.

Examples:

    keystile audit verify
    keystile audit verify --tenant acme --head "$(cat acme.head)"

` + ExitCodesHelp()
}

// Run follows the chain stretch by stretch, to its end or its first broken link.
func (c *AuditVerify) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		from := &pb.AuditLink{}
		for {
			req := &pb.VerifyAuditChainRequest{TenantId: c.Tenant, Head: c.Head}
			if from.GetSequence() > 0 {
				req.From = linkText(from)
			}
			res, err := s.audit.VerifyAuditChain(ctx, req)
			switch {
			case err != nil:
				return failureOf(err)
			case res.GetBrokenSequence() != 0 || res.GetProblem() != "":
				if err := s.print(res, chainSheet("broken", res)); err != nil {
					return err
				}
				return answered(exitBroken, "AUDIT_CHAIN_BROKEN", res.GetProblem())
			case res.GetComplete():
				return s.print(res, chainSheet("whole", res))
			case res.GetVerified().GetSequence() <= from.GetSequence():
				return unexpectedf("the server does not get past link %d of the chain", from.GetSequence())
			}
			from = res.GetVerified()
		}
	})
}

func chainSheet(chain string, res *pb.VerifyAuditChainResponse) *sheet {
	s := &sheet{}
	s.add("Chain", chain)
	if res.GetVerified().GetSequence() > 0 {
		s.add("Verified up to", linkText(res.GetVerified()))
	}
	if res.GetBrokenSequence() > 0 {
		s.add("First broken link", strconv.FormatInt(res.GetBrokenSequence(), 10))
	}
	s.add("Problem", res.GetProblem())
	return s
}

// AuditHead prints the newest link of a chain.
type AuditHead struct {
	Tenant string `placeholder:"TENANT" help:"Whose chain. Default: your own tenant's."`
}

// Help shows how it is used.
func (*AuditHead) Help() string {
	return `What it prints is what keystile audit verify --head takes. Keep it where the server can't reach.

Examples:

    keystile audit head --tenant acme > acme.head`
}

// Run reads and prints the link.
func (c *AuditHead) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.audit.GetAuditHead(ctx, &pb.GetAuditHeadRequest{TenantId: c.Tenant})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, line(linkText(res.GetHead())))
	})
}

// linkText is a link as "SEQUENCE:HASH", the form in which servers take it.
func linkText(l *pb.AuditLink) string {
	return strconv.FormatInt(l.GetSequence(), 10) + ":" + l.GetHash()
}
