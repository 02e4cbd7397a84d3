package sqlstore

import (
	"database/sql"

	"github.com/keystile/keystile/storage"
)

const subscriptionColumns = `id, tenant_id, user_id, api_tenant_id, api_id, state, note, plan, reason, expire_time,
	version, create_time, update_time`

type subscriptionRow struct {
	dated
	ID          string         `db:"id"`
	TenantID    string         `db:"tenant_id"`
	UserID      sql.NullString `db:"user_id"`
	APITenantID string         `db:"api_tenant_id"`
	APIID       string         `db:"api_id"`
	State       string         `db:"state"`
	Note        string         `db:"note"`
	Plan        string         `db:"plan"`
	Reason      string         `db:"reason"`
	ExpireTime  sql.NullInt64  `db:"expire_time"`
}

func (r *subscriptionRow) subscription() (s *storage.Subscription, spoilt bool) {
	var f fields
	s = &storage.Subscription{
		ID:       r.ID,
		TenantID: r.TenantID,
		UserID:   r.UserID.String,
		API:      storage.APIRef{TenantID: r.APITenantID, ID: r.APIID},
		State: oneOf(&f, r.State, storage.SubscriptionPending, storage.SubscriptionApproved,
			storage.SubscriptionRejected, storage.SubscriptionPaused),
		Note:       r.Note,
		Plan:       r.Plan,
		Reason:     r.Reason,
		ExpireTime: maybeAt(r.ExpireTime),
		Version:    r.Version,
		CreateTime: at(r.CreateTime),
		UpdateTime: at(r.UpdateTime),
	}
	return s, f.spoilt
}
