package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// ListTenantRoles reads every role of a tenant, and locks them and the tenant.
func (t *tx) ListTenantRoles(tenantID string) ([]*storage.Role, error) {
	if err := t.lockTenant(tenantID); err != nil {
		return nil, fmt.Errorf("roles: %w", err)
	}
	roles, _, err := selectRoles(t.session, "WHERE tenant_id = $1 ORDER BY id"+t.dialect.forUpdate, tenantID)
	if err != nil {
		return nil, fmt.Errorf("roles: %w", err)
	}
	return roles, nil
}

// CreateRole adds a role.
func (t *tx) CreateRole(r *storage.Role) error {
	permissions, err := jsonList(r.Permissions)
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	rows, err := t.exec(`INSERT INTO roles (`+roleColumns+`) VALUES ($1, $2, $3, $4, 1, $5, $5) ON CONFLICT DO NOTHING`,
		r.TenantID, r.ID, r.DisplayName, permissions, micros(t.now))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("role: %w", err)
	}
	r.Version, r.CreateTime, r.UpdateTime = 1, t.now, t.now
	t.wrote(roleRef(r.Ref()))
	return nil
}

// UpdateRole writes every field of a role.
func (t *tx) UpdateRole(r *storage.Role) error {
	if t.spoilt[roleRef(r.Ref())] {
		return fmt.Errorf("role: %w", storage.ErrUnreadable)
	}
	permissions, err := jsonList(r.Permissions)
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE roles SET display_name = $3, permissions = $4, update_time = $5, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND version = $6 RETURNING version, create_time, update_time`,
		r.TenantID, r.ID, r.DisplayName, permissions, micros(t.now), r.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM roles WHERE tenant_id = $1 AND id = $2", r.TenantID, r.ID)
	}
	if err != nil {
		return fmt.Errorf("role: %w", err)
	}
	r.Version, r.CreateTime, r.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(roleRef(r.Ref()))
	return nil
}

// DeleteRole removes a role.
func (t *tx) DeleteRole(ref storage.RoleRef) error {
	rows, err := t.exec("DELETE FROM roles WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
	if err := deleted(rows, err); err != nil {
		return fmt.Errorf("role: %w", err)
	}
	t.wrote(roleRef(ref))
	return nil
}
