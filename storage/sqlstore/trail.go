package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/keystile/keystile/storage"
)

type headRow struct {
	Sequence int64  `db:"sequence"`
	Hash     []byte `db:"hash"`
}

func (r *headRow) head() (storage.AuditHead, error) {
	var f fields
	head := storage.AuditHead{Sequence: r.Sequence, Hash: f.digest(r.Hash)}
	if f.spoilt {
		return storage.AuditHead{}, fmt.Errorf("%w: the audit chain's head", storage.ErrUnreadable)
	}
	return head, nil
}

type eventRow struct {
	TenantID string `db:"tenant_id"`
	Sequence int64  `db:"sequence"`
	Time     int64  `db:"time"`
	Payload  []byte `db:"payload"`
	Hash     []byte `db:"hash"`
}

// event gives a spoilt hash as the zero hash, which no chain holds: to find
// such an event is what verifying is for.
func (r *eventRow) event() storage.AuditEvent {
	var f fields
	return storage.AuditEvent{
		TenantID: r.TenantID, Sequence: r.Sequence, Time: at(r.Time), Payload: r.Payload, Hash: f.digest(r.Hash),
	}
}

// AuditHead gives the newest link of a tenant's chain.
func (s *Store) AuditHead(ctx context.Context, tenantID string) (head storage.AuditHead, err error) {
	err = s.read(ctx, "audit_head", func(q *session) error {
		var row headRow
		err := q.get(&row, "SELECT sequence, hash FROM audit_heads WHERE tenant_id = $1", tenantID)
		if errors.Is(missing(err), storage.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		head, err = row.head()
		return err
	})
	return head, err
}

// ListAuditEvents gives events below a sequence, newest first.
func (s *Store) ListAuditEvents(ctx context.Context, tenantID string, before int64, limit int) ([]storage.AuditEvent, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	return s.auditEvents(ctx, "list_audit_events", tenantID, "sequence < $2 ORDER BY sequence DESC", before, limit)
}

// ScanAuditEvents gives events above a sequence, oldest first.
func (s *Store) ScanAuditEvents(ctx context.Context, tenantID string, after int64, limit int) ([]storage.AuditEvent, error) {
	return s.auditEvents(ctx, "scan_audit_events", tenantID, "sequence > $2 ORDER BY sequence", after, limit)
}

func (s *Store) auditEvents(
	ctx context.Context, operation, tenantID, where string, sequence int64, limit int,
) (events []storage.AuditEvent, err error) {
	err = s.read(ctx, operation, func(q *session) error {
		if limit <= 0 {
			return fmt.Errorf("%w: a page of %d events", storage.ErrInvalid, limit)
		}
		return each(q, func(row *eventRow) error {
			events = append(events, row.event())
			return nil
		}, "SELECT tenant_id, sequence, time, payload, hash FROM audit_events WHERE tenant_id = $1 AND "+where+" LIMIT $3",
			tenantID, sequence, int64(limit))
	})
	if err != nil {
		return nil, err
	}
	return events, nil
}
