package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// tenantTexts are the fields of a tenant that are stored as JSON.
type tenantTexts struct{ hosts, policy, limits string }

func tenantTextsOf(t *storage.Tenant) (texts tenantTexts, err error) {
	if texts.hosts, err = jsonList(t.Hosts); err != nil {
		return texts, err
	}
	if texts.policy, err = jsonPolicy(&t.KeyPolicy); err != nil {
		return texts, err
	}
	texts.limits, err = jsonLimits(&t.Limits)
	return texts, err
}

// CreateTenant adds a tenant.
func (t *tx) CreateTenant(tenant *storage.Tenant) error {
	texts, err := tenantTextsOf(tenant)
	if err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	rows, err := t.exec(`INSERT INTO tenants (`+tenantColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $8, $9) ON CONFLICT DO NOTHING`,
		tenant.ID, tenant.DisplayName, string(tenant.State), tenant.SecretPrefix, texts.hosts, texts.policy, texts.limits,
		micros(t.now), micros(tenant.DeleteTime))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	tenant.Version, tenant.CreateTime, tenant.UpdateTime = 1, t.now, t.now
	t.wrote(tenantRef(tenant.ID))
	return nil
}

// UpdateTenant writes every field of a tenant.
func (t *tx) UpdateTenant(tenant *storage.Tenant) error {
	if t.spoilt[tenantRef(tenant.ID)] && tenant.State != storage.TenantDeleted {
		return fmt.Errorf("tenant: %w", storage.ErrUnreadable)
	}
	texts, err := tenantTextsOf(tenant)
	if err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE tenants SET display_name = $2, state = $3, secret_prefix = $4, hosts = $5, key_policy = $6,
		limits = $7, delete_time = $8, update_time = $9, version = version + 1 WHERE id = $1 AND version = $10
		RETURNING version, create_time, update_time`,
		tenant.ID, tenant.DisplayName, string(tenant.State), tenant.SecretPrefix, texts.hosts, texts.policy, texts.limits,
		micros(tenant.DeleteTime), micros(t.now), tenant.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM tenants WHERE id = $1", tenant.ID)
	}
	if err != nil {
		return fmt.Errorf("tenant: %w", err)
	}
	tenant.Version, tenant.CreateTime, tenant.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(tenantRef(tenant.ID))
	return nil
}

// LockHosts makes those who claim hosts wait for each other, and reads every
// tenant's. The reading is a statement of its own, begun with the lock in hand:
// it sees what the holder before has written.
func (t *tx) LockHosts() (map[string][]string, error) {
	var id string
	if err := t.get(&id, "SELECT id FROM tenants WHERE id = $1"+t.dialect.forUpdate, storage.SystemTenant); err != nil {
		return nil, fmt.Errorf("hosts: tenant %s: %w", storage.SystemTenant, err)
	}
	type row struct {
		ID    string `db:"id"`
		Hosts string `db:"hosts"`
	}
	hosts := map[string][]string{}
	err := each(t.session, func(r *row) error {
		var f fields
		hosts[r.ID] = f.list(r.Hosts)
		if f.spoilt {
			// What it holds can't be kept from others, so nobody gets any.
			return fmt.Errorf("tenant %q: %w", r.ID, storage.ErrUnreadable)
		}
		return nil
	}, "SELECT id, hosts FROM tenants")
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	return hosts, nil
}
