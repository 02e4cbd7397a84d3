package sqlstore

import (
	"fmt"
	"time"

	"github.com/keystile/keystile/storage"
)

// replyLife is how long an answer is remembered at the least.
const replyLife = 24 * time.Hour

type replyRow struct {
	Fingerprint []byte `db:"fingerprint"`
	Body        []byte `db:"body"`
	Time        int64  `db:"time"`
}

// GetReply gives what was remembered under a request id.
func (t *tx) GetReply(id storage.ReplyID) (storage.Reply, error) {
	var row replyRow
	err := t.get(&row, "SELECT fingerprint, body, time FROM replies WHERE tenant_id = $1 AND user_id = $2 AND request_id = $3",
		id.Caller.TenantID, id.Caller.ID, id.RequestID)
	if err != nil {
		return storage.Reply{}, fmt.Errorf("reply: %w", missing(err))
	}
	var f fields
	reply := storage.Reply{Fingerprint: f.digest(row.Fingerprint), Body: row.Body, Time: at(row.Time)}
	if f.spoilt {
		return storage.Reply{}, fmt.Errorf("reply: %w", storage.ErrUnreadable)
	}
	return reply, nil
}

// PutReply remembers an answer, and forgets the caller's that have had their time.
func (t *tx) PutReply(id storage.ReplyID, r storage.Reply) error {
	rows, err := t.exec(`INSERT INTO replies (tenant_id, user_id, request_id, fingerprint, body, time)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		id.Caller.TenantID, id.Caller.ID, id.RequestID, r.Fingerprint[:], bytes(r.Body), r.Time.UnixMicro())
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	if _, err := t.exec("DELETE FROM replies WHERE tenant_id = $1 AND user_id = $2 AND time < $3",
		id.Caller.TenantID, id.Caller.ID, r.Time.Add(-replyLife).UnixMicro()); err != nil {
		return fmt.Errorf("replies: %w", err)
	}
	return nil
}
