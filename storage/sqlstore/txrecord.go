package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// CreateTenant adds a tenant.
func (t *tx) CreateTenant(tenant *storage.Tenant) error {
	rows, err := t.exec(`INSERT INTO tenants (`+tenantColumns+`) VALUES ($1, $2, $3, $4, 1, $5, $5, $6) ON CONFLICT DO NOTHING`,
		tenant.ID, tenant.DisplayName, string(tenant.State), tenant.SecretPrefix, micros(t.now), micros(tenant.DeleteTime))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	tenant.Version, tenant.CreateTime, tenant.UpdateTime = 1, t.now, t.now
	t.wrote(storage.ChangeRef{Kind: storage.ChangeTenant, ID: tenant.ID})
	return nil
}

// CreateUser adds a user.
func (t *tx) CreateUser(u *storage.User) error {
	roles, err := jsonList(u.Roles)
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	rows, err := t.exec(`INSERT INTO users (`+userColumns+`) VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $7, $8) ON CONFLICT DO NOTHING`,
		u.TenantID, u.ID, u.DisplayName, string(u.Kind), string(u.State), roles, micros(t.now), micros(u.DeleteTime))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("user: %w", err)
	}
	u.Version, u.CreateTime, u.UpdateTime = 1, t.now, t.now
	t.wrote(userRef(u.Ref()))
	return nil
}

// UpdateUser writes every field of a user.
func (t *tx) UpdateUser(u *storage.User) error {
	if t.spoilt[userRef(u.Ref())] && u.State != storage.UserDeleted {
		return fmt.Errorf("user: %w", storage.ErrUnreadable)
	}
	roles, err := jsonList(u.Roles)
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE users SET display_name = $3, kind = $4, state = $5, roles = $6, delete_time = $7,
		update_time = $8, version = version + 1 WHERE tenant_id = $1 AND id = $2 AND version = $9
		RETURNING version, create_time, update_time`,
		u.TenantID, u.ID, u.DisplayName, string(u.Kind), string(u.State), roles, micros(u.DeleteTime), micros(t.now), u.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM users WHERE tenant_id = $1 AND id = $2", u.TenantID, u.ID)
	}
	if err != nil {
		return fmt.Errorf("user: %w", err)
	}
	u.Version, u.CreateTime, u.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(userRef(u.Ref()))
	return nil
}

// inserted says what an insert that changed no row means. It does nothing
// instead of failing, since on Postgres a statement that fails takes the whole
// transaction with it, and a caller may want to go on.
func inserted(rows int64, err error) error {
	if err == nil && rows == 0 {
		return storage.ErrExists
	}
	return err
}

// notUpdated says why an update found no row: there is none, or not in the
// version that was read.
func (t *tx) notUpdated(query string, id ...any) error {
	var there int
	if err := t.get(&there, query, id...); err != nil {
		return err
	}
	if there == 0 {
		return storage.ErrNotFound
	}
	return storage.ErrConflict
}
