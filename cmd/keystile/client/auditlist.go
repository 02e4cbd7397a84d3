package client

import (
	"context"
	"strconv"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// AuditList lists audit events.
type AuditList struct {
	Tenant string `placeholder:"TENANT" help:"Whose trail. Default: your own tenant's."`
	Paging
}

// Help shows how it is used.
func (*AuditList) Help() string {
	return `-o json shows each record before and after, and each event's hash.

Examples:

    keystile audit list --limit 20
    keystile audit list --tenant acme --limit 0 -o json`
}

// Run reads and prints the events.
func (c *AuditList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		events, rest, err := pages(c.Paging, func(size int32, token string) ([]*pb.AuditEvent, string, error) {
			res, err := s.audit.ListAuditEvents(ctx, &pb.ListAuditEventsRequest{TenantId: c.Tenant, PageSize: size, PageToken: token})
			if err != nil {
				return nil, "", failureOf(err)
			}
			return res.GetAuditEvents(), res.GetNextPageToken(), nil
		})
		if err != nil {
			return err
		}
		rows := &table{}
		rows.add("SEQUENCE", "TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "REASON", "COUNT", "FROM", "REQUEST")
		for _, e := range events {
			actor, target := e.GetActor(), e.GetTarget()
			rows.add(strconv.FormatInt(e.GetSequence(), 10), when(e.GetTime()),
				path(actor.GetTenantId(), actor.GetUserId()), e.GetAction(), path(target.GetKind(), target.GetId()),
				e.GetOutcome().String(), e.GetReason(), strconv.FormatInt(e.GetCount(), 10), e.GetSourceAddress(), e.GetRequestId())
		}
		if err := s.print(&pb.ListAuditEventsResponse{AuditEvents: events, NextPageToken: rest}, rows); err != nil {
			return err
		}
		s.more(rest, len(events))
		return nil
	})
}
