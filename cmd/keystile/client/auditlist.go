package client

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// AuditList lists audit events.
type AuditList struct {
	Tenant string `placeholder:"TENANT" help:"Whose trail. Default: your own tenant's."`
	Filtering
}

// Help shows how it is used.
func (*AuditList) Help() string {
	return `-o json shows each record before and after, and each event's hash.

Examples:

    keystile audit list --limit 20
    keystile audit list --filter 'outcome = REFUSED AND actor.userId = "ada"'
    keystile audit list --tenant acme --limit 0 -o json`
}

// Run reads and prints the events.
func (c *AuditList) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		events := listing[*pb.AuditEvent]{
			head: []string{"SEQUENCE", "TIME", "ACTOR", "ACTION", "TARGET", "OUTCOME", "REASON", "COUNT", "FROM", "REQUEST"},
			rows: func(e *pb.AuditEvent) [][]string {
				actor, target := e.GetActor(), e.GetTarget()
				return row(strconv.FormatInt(e.GetSequence(), 10), when(e.GetTime()),
					path(actor.GetTenantId(), actor.GetUserId()), e.GetAction(), path(target.GetKind(), target.GetId()),
					e.GetOutcome().String(), e.GetReason(), strconv.FormatInt(e.GetCount(), 10), e.GetSourceAddress(), e.GetRequestId())
			},
			next: func(size int32, token string) ([]*pb.AuditEvent, string, error) {
				res, err := s.audit.ListAuditEvents(ctx, &pb.ListAuditEventsRequest{
					TenantId: c.Tenant, Filter: c.Filter, PageSize: size, PageToken: token,
				})
				return res.GetAuditEvents(), res.GetNextPageToken(), err
			},
			whole: func(all []*pb.AuditEvent, token string) proto.Message {
				return &pb.ListAuditEventsResponse{AuditEvents: all, NextPageToken: token}
			},
		}
		return events.show(s, c.Paging)
	})
}
