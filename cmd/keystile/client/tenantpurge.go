package client

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// TenantPurge removes for good what was deleted long enough ago.
type TenantPurge struct {
	Retention *Span `placeholder:"SPAN" help:"Remove what was deleted longer ago than this, such as 180d; not less than the server's --purge-retention, which is the default."`
	DryRun
}

// Help shows how it is used.
func (*TenantPurge) Help() string {
	return `Nothing leads back from a purge. The audit trail stays.

Examples:

    keystile tenant purge --validate-only
    keystile tenant purge --retention 180d`
}

// Run purges, and prints how much it was.
func (c *TenantPurge) Run(ctx context.Context, o *Options, t *Terminal) error {
	return o.run(ctx, t, func(ctx context.Context, s *session) error {
		req := &pb.PurgeDeletedRequest{ValidateOnly: c.ValidateOnly, WaitForPropagation: c.wait()}
		if c.Retention != nil {
			req.Retention = durationpb.New(time.Duration(*c.Retention))
		}
		res, err := s.directory.PurgeDeleted(ctx, req)
		if err != nil {
			return c.outcomeOf(err)
		}
		purged := &sheet{}
		purged.add("Tenants", strconv.FormatInt(res.GetTenants(), 10))
		purged.add("Users", strconv.FormatInt(res.GetUsers(), 10))
		purged.add("Keys", strconv.FormatInt(res.GetKeys(), 10))
		return s.wrote(res, purged)
	})
}
