package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// GetAPI reads and locks an API.
func (t *tx) GetAPI(ref storage.APIRef) (*storage.API, error) {
	a, _, err := only(selectAPIs(t.session, "WHERE tenant_id = $1 AND id = $2"+t.dialect.forUpdate, ref.TenantID, ref.ID))
	if err != nil {
		return nil, fmt.Errorf("API: %w", missing(err))
	}
	return a, nil
}

// ListTenantAPIs reads every API of a tenant, and locks them and the tenant.
func (t *tx) ListTenantAPIs(tenantID string) ([]*storage.API, error) {
	if err := t.lockTenant(tenantID); err != nil {
		return nil, fmt.Errorf("APIs: %w", err)
	}
	apis, _, err := selectAPIs(t.session, "WHERE tenant_id = $1 ORDER BY id"+t.dialect.forUpdate, tenantID)
	if err != nil {
		return nil, fmt.Errorf("APIs: %w", err)
	}
	return apis, nil
}

// apiTexts are the fields of an API that are stored as JSON.
type apiTexts struct{ routes, limits string }

func apiTextsOf(a *storage.API) (texts apiTexts, err error) {
	if texts.routes, err = jsonRoutes(a.Routes); err != nil {
		return texts, err
	}
	texts.limits, err = jsonLimits(&a.Limits)
	return texts, err
}

// CreateAPI adds an API.
func (t *tx) CreateAPI(a *storage.API) error {
	texts, err := apiTextsOf(a)
	if err != nil {
		return fmt.Errorf("API: %w", err)
	}
	rows, err := t.exec(`INSERT INTO apis (`+apiColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $12) ON CONFLICT DO NOTHING`,
		a.TenantID, a.ID, a.DisplayName, string(a.Visibility), string(a.State), micros(a.DeprecateTime), micros(a.SunsetTime),
		flag(a.SubscriptionRequired), flag(a.AllowPreflight), texts.routes, texts.limits, micros(t.now))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("API: %w", err)
	}
	a.Version, a.CreateTime, a.UpdateTime = 1, t.now, t.now
	t.wrote(apiRef(a.Ref()))
	return nil
}

// UpdateAPI writes every field of an API.
func (t *tx) UpdateAPI(a *storage.API) error {
	if t.spoilt[apiRef(a.Ref())] {
		return fmt.Errorf("API: %w", storage.ErrUnreadable)
	}
	texts, err := apiTextsOf(a)
	if err != nil {
		return fmt.Errorf("API: %w", err)
	}
	var now dated
	err = t.get(&now, `UPDATE apis SET display_name = $3, visibility = $4, state = $5, deprecate_time = $6, sunset_time = $7,
		subscription_required = $8, allow_preflight = $9, routes = $10, limits = $11, update_time = $12, version = version + 1
		WHERE tenant_id = $1 AND id = $2 AND version = $13 RETURNING version, create_time, update_time`,
		a.TenantID, a.ID, a.DisplayName, string(a.Visibility), string(a.State), micros(a.DeprecateTime), micros(a.SunsetTime),
		flag(a.SubscriptionRequired), flag(a.AllowPreflight), texts.routes, texts.limits, micros(t.now), a.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM apis WHERE tenant_id = $1 AND id = $2", a.TenantID, a.ID)
	}
	if err != nil {
		return fmt.Errorf("API: %w", err)
	}
	a.Version, a.CreateTime, a.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(apiRef(a.Ref()))
	return nil
}

// DeleteAPI removes an API with the subscriptions to it. With the API locked,
// nobody adds another.
func (t *tx) DeleteAPI(ref storage.APIRef) error {
	if _, err := t.exec("SELECT id FROM apis WHERE tenant_id = $1 AND id = $2"+t.dialect.forUpdate, ref.TenantID, ref.ID); err != nil {
		return fmt.Errorf("API: %w", missing(err))
	}
	err := each(t.session, func(row *idRow) error {
		t.wrote(subscriptionRef(row.ID))
		return nil
	}, "DELETE FROM subscriptions WHERE api_tenant_id = $1 AND api_id = $2 RETURNING id", ref.TenantID, ref.ID)
	if err != nil {
		return fmt.Errorf("subscriptions to the API: %w", err)
	}
	rows, err := t.exec("DELETE FROM apis WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID)
	if err := deleted(rows, err); err != nil {
		return fmt.Errorf("API: %w", err)
	}
	t.wrote(apiRef(ref))
	return nil
}
