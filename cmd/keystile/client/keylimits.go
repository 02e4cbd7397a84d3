package client

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// KeyLimits shows how a key's limits stand.
type KeyLimits struct {
	ID string `arg:"" name:"id" help:"The key's id."`
}

// Help shows how it is used.
func (*KeyLimits) Help() string {
	return `Shows the limits of the key, its user and its tenant, and what is left of each over
all replicas. Limits of an API, a route or a plan depend on the call: see
keystile explain.

Examples:

    keystile key limits key_01k0example0000000000000000`
}

// Run reads and prints the limits.
func (c *KeyLimits) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		res, err := s.keys.GetKeyLimits(ctx, &pb.GetKeyLimitsRequest{Id: c.ID})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, limitTable(res.GetLimits()))
	})
}

// KeyResetLimits makes a key's limits whole again.
type KeyResetLimits struct {
	ID        string `arg:"" name:"id" help:"The key's id."`
	RequestID string `name:"request-id" placeholder:"ID" help:"Names this write, so that giving the same command again within a day does nothing more. Generated when absent."`
}

// Help shows how it is used.
func (*KeyResetLimits) Help() string {
	return `Makes the key's own rate limits whole again, and forgets what was spent of its
quotas in their present periods.

Examples:

    keystile key reset-limits key_01k0example0000000000000000`
}

// Run resets the limits.
func (c *KeyResetLimits) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := nameWrite(t, &c.RequestID); err != nil {
			return err
		}
		res, err := s.keys.ResetKeyLimits(ctx, &pb.ResetKeyLimitsRequest{Id: c.ID, RequestId: c.RequestID})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, limitTable(res.GetLimits()))
	})
}

// KeyGrantCredits adds credits to a quota.
type KeyGrantCredits struct {
	ID        string `arg:"" name:"id" help:"The key's id."`
	Quota     string `required:"" placeholder:"NAME" help:"The name of one of the key's own quotas."`
	Credits   int64  `required:"" placeholder:"N" help:"How many to add to its present period."`
	Note      string `placeholder:"TEXT" help:"Why, for the audit trail."`
	RequestID string `name:"request-id" placeholder:"ID" help:"Names this write, so that giving the same command again within a day does nothing more. Generated when absent."`
}

// Help shows how it is used.
func (*KeyGrantCredits) Help() string {
	return `Examples:

    keystile key grant-credits key_01k0example0000000000000000 --quota q --credits 500 --note 'invoice 4711'`
}

// Run grants the credits.
func (c *KeyGrantCredits) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		if err := nameWrite(t, &c.RequestID); err != nil {
			return err
		}
		res, err := s.keys.GrantKeyCredits(ctx, &pb.GrantKeyCreditsRequest{
			Id: c.ID, Quota: c.Quota, Credits: c.Credits, Note: c.Note, RequestId: c.RequestID,
		})
		if err != nil {
			return failureOf(err)
		}
		return s.print(res, limitTable([]*pb.LimitState{res.GetLimit()}))
	})
}

// limitLine says in one line how the limit of a verdict stands.
func limitLine(l *pb.LimitState) string {
	if l == nil {
		return ""
	}
	text := fmt.Sprintf("%s on the %s, %d of %d left", l.GetName(), strings.ToLower(l.GetSubject().String()), l.GetRemaining(), l.GetLimit())
	if l.GetRetryAfter() != nil {
		text += ", room again in " + l.GetRetryAfter().AsDuration().Round(time.Millisecond).String()
	}
	if l.GetDegraded() {
		text += " (without what replicas share)"
	}
	return text
}

// limitTable shows how limits stand.
func limitTable(states []*pb.LimitState) *table {
	out := &table{{"NAME", "ON", "KIND", "LEFT", "OF", "RESET", "NOTE"}}
	for _, l := range states {
		of := strconv.FormatInt(l.GetLimit(), 10)
		if l.GetKind() == pb.LimitState_RATE {
			of = fmt.Sprintf("%d a %s, %d at once", l.GetRequests(), l.GetPeriod().AsDuration(), l.GetLimit())
		}
		reset, remark := "", ""
		if l.GetReset_() != nil {
			reset = l.GetReset_().AsDuration().Round(time.Second).String()
		}
		if l.GetDegraded() {
			remark = "as this replica last knew: what replicas share is out of reach"
		}
		*out = append(*out, []string{l.GetName(), l.GetSubject().String(), l.GetKind().String(), strconv.FormatInt(l.GetRemaining(), 10), of, reset, remark})
	}
	return out
}
