package server

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/storage"
)

// audit adds to a transaction the event of what it does, in the trail of the
// target's tenant.
func (s *Service) audit(ctx context.Context, tx storage.Tx, c *Caller, now time.Time, action string, target auditTarget, before, after proto.Message) error {
	call := callInfoFrom(ctx)
	ref := c.ref()
	r := auditRecord{
		Actor:         auditActor{ref.TenantID, ref.ID, c.Grant.Key.ID},
		Action:        action,
		Target:        target,
		Outcome:       outcomeDone,
		Count:         1,
		SourceAddress: call.source,
		RequestID:     call.requestID,
	}
	var err error
	if r.Before, err = image(before); err != nil {
		return err
	}
	if r.After, err = image(after); err != nil {
		return err
	}
	payload, err := r.encode()
	if err != nil {
		return err
	}
	tx.Audit(target.TenantID, now, payload)
	return nil
}
