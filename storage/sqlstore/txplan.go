package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// GetPlan reads and locks a plan.
func (t *tx) GetPlan(ref storage.PlanRef) (*storage.Plan, error) {
	p, _, err := only(selectPlans(t.session, "WHERE tenant_id = $1 AND id = $2"+t.dialect.forUpdate, ref.TenantID, ref.ID))
	if err != nil {
		return nil, fmt.Errorf("plan: %w", missing(err))
	}
	return p, nil
}

// ListTenantPlans reads every plan of a tenant, and locks them and the tenant.
func (t *tx) ListTenantPlans(tenantID string) ([]*storage.Plan, error) {
	if err := t.lockTenant(tenantID); err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	plans, _, err := selectPlans(t.session, "WHERE tenant_id = $1 ORDER BY id"+t.dialect.forUpdate, tenantID)
	if err != nil {
		return nil, fmt.Errorf("plans: %w", err)
	}
	return plans, nil
}

// CountPlanned counts the subscriptions that a plan bounds, or will when they are
// resumed.
func (t *tx) CountPlanned(ref storage.PlanRef) (planned int64, err error) {
	// The text of the index is repeated, so that both engines see that it serves.
	err = t.get(&planned, `SELECT count(*) FROM subscriptions WHERE api_tenant_id = $1 AND plan = $2 AND plan <> ''
		AND state IN ('APPROVED', 'PAUSED')`, ref.TenantID, ref.ID)
	if err != nil {
		return 0, fmt.Errorf("subscriptions with the plan: %w", err)
	}
	return planned, nil
}

// CreatePlan adds a plan.
func (t *tx) CreatePlan(p *storage.Plan) error {
	limits, err := jsonLimits(&p.Limits)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	rows, err := t.exec(`INSERT INTO plans (`+planColumns+`) VALUES ($1, $2, $3, $4, 1, $5, $5) ON CONFLICT DO NOTHING`,
		p.TenantID, p.ID, p.DisplayName, limits, micros(t.now))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	p.Version, p.CreateTime, p.UpdateTime = 1, t.now, t.now
	t.wrote(planRef(p.Ref()))
	return nil
}

// UpdatePlan writes every field of a plan.
func (t *tx) UpdatePlan(p *storage.Plan) error {
	if t.spoilt[planRef(p.Ref())] {
		return fmt.Errorf("plan: %w", storage.ErrUnreadable)
	}
	limits, err := jsonLimits(&p.Limits)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE plans SET display_name = $3, limits = $4, update_time = $5, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND version = $6 RETURNING version, create_time, update_time`,
		p.TenantID, p.ID, p.DisplayName, limits, micros(t.now), p.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM plans WHERE tenant_id = $1 AND id = $2", p.TenantID, p.ID)
	}
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	p.Version, p.CreateTime, p.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(planRef(p.Ref()))
	return nil
}

// DeletePlan removes a plan.
func (t *tx) DeletePlan(ref storage.PlanRef) error {
	rows, err := t.exec("DELETE FROM plans WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
	if err := deleted(rows, err); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	t.wrote(planRef(ref))
	return nil
}
