package sqlstore

import "github.com/keystile/keystile/storage"

const planColumns = "tenant_id, id, display_name, limits, version, create_time, update_time"

type planRow struct {
	dated
	TenantID    string `db:"tenant_id"`
	ID          string `db:"id"`
	DisplayName string `db:"display_name"`
	Limits      string `db:"limits"`
}

// plan gives a spoilt plan with limits that refuse: it has no state to lose, and
// without limits it would allow more than before.
func (r *planRow) plan() (p *storage.Plan, spoilt bool) {
	var f fields
	p = &storage.Plan{
		TenantID:    r.TenantID,
		ID:          r.ID,
		DisplayName: r.DisplayName,
		Limits:      f.limits(r.Limits),
		Version:     r.Version,
		CreateTime:  at(r.CreateTime),
		UpdateTime:  at(r.UpdateTime),
	}
	if f.spoilt {
		p.Limits = storage.UnreadableLimits()
	}
	return p, f.spoilt
}
