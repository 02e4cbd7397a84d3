package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/keystile/keystile/storage"
)

// decisionsAtOnce is how many decisions are kept in one transaction.
const decisionsAtOnce = 200

const decisionColumns = "id, tenant_id, api_tenant_id, time, payload"

type decisionRow struct {
	ID          string `db:"id"`
	TenantID    string `db:"tenant_id"`
	APITenantID string `db:"api_tenant_id"`
	Time        int64  `db:"time"`
	Payload     []byte `db:"payload"`
}

// PutDecisions keeps decisions, some at a time, in the order of their ids.
func (s *Store) PutDecisions(ctx context.Context, decisions []storage.Decision) error {
	sorted := slices.SortedFunc(slices.Values(decisions), func(a, b storage.Decision) int { return strings.Compare(a.ID, b.ID) })
	rows := make([][]any, len(sorted))
	for i, d := range sorted {
		rows[i] = []any{d.ID, d.TenantID, d.APITenantID, d.Time.UnixMicro(), bytes(d.Payload)}
	}
	return s.observed(ctx, "put_decisions", s.opts.OperationTimeout, func(ctx context.Context) error {
		for some := range slices.Chunk(rows, decisionsAtOnce) {
			if err := s.aside(ctx, func(q *session) error {
				_, err := q.insertRows("decisions", decisionColumns, some)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

// GetDecision reads a decision that is still kept.
func (s *Store) GetDecision(ctx context.Context, id string) (d storage.Decision, err error) {
	err = s.read(ctx, "get_decision", func(q *session) error {
		var row decisionRow
		if err := q.get(&row, "SELECT "+decisionColumns+" FROM decisions WHERE id = $1", id); err != nil {
			return missing(err)
		}
		d = storage.Decision{
			ID: row.ID, TenantID: row.TenantID, APITenantID: row.APITenantID, Time: at(row.Time), Payload: row.Payload,
		}
		return nil
	})
	return d, err
}

// ForgetDecisions removes decisions made before a time, some at a time, the
// oldest first.
func (s *Store) ForgetDecisions(ctx context.Context, before time.Time) error {
	return s.observed(ctx, "forget_decisions", s.opts.OperationTimeout, func(ctx context.Context) error {
		const most = 10 * decisionsAtOnce
		for removed := int64(most); removed == most; {
			if err := s.aside(ctx, func(q *session) (err error) {
				removed, err = q.exec("DELETE FROM decisions WHERE id IN "+
					"(SELECT id FROM decisions WHERE time < $1 ORDER BY time, id LIMIT $2)", before.UnixMicro(), int64(most))
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}
