package sqlstore

import (
	"errors"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// GetSubscription reads and locks a subscription.
func (t *tx) GetSubscription(id string) (*storage.Subscription, error) {
	s, _, err := only(selectSubscriptions(t.session, "WHERE id = $1"+t.dialect.forUpdate, id))
	if err != nil {
		return nil, fmt.Errorf("subscription: %w", missing(err))
	}
	return s, nil
}

// FindSubscriptions reads subscriptions and locks them and one tenant: the
// subscriber's, or else the API's. Those who look whether there is one before
// they add one so wait for each other.
func (t *tx) FindSubscriptions(query storage.SubscriptionQuery) ([]*storage.Subscription, error) {
	where, err := subscriptionsOf(&query)
	if err != nil {
		return nil, fmt.Errorf("subscriptions: %w", err)
	}
	owner := query.TenantID
	if owner == "" {
		owner = query.API.TenantID
	}
	if err := t.lockTenant(owner); err != nil {
		return nil, fmt.Errorf("subscriptions: %w", err)
	}
	subs, _, err := selectSubscriptions(t.session, where.text+" ORDER BY id"+t.dialect.forUpdate, where.args...)
	if err != nil {
		return nil, fmt.Errorf("subscriptions: %w", err)
	}
	return subs, nil
}

// CreateSubscription adds a subscription.
func (t *tx) CreateSubscription(s *storage.Subscription) error {
	rows, err := t.exec(`INSERT INTO subscriptions (`+subscriptionColumns+`) VALUES
		($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11, $11) ON CONFLICT DO NOTHING`,
		s.ID, s.TenantID, orNull(s.UserID), s.API.TenantID, s.API.ID, string(s.State), s.Note, s.Plan, s.Reason,
		micros(s.ExpireTime), micros(t.now))
	if err := inserted(rows, err); err != nil {
		return fmt.Errorf("subscription: %w", err)
	}
	s.Version, s.CreateTime, s.UpdateTime = 1, t.now, t.now
	t.wrote(subscriptionRef(s.ID))
	return nil
}

// UpdateSubscription writes every field of a subscription.
func (t *tx) UpdateSubscription(s *storage.Subscription) error {
	if t.spoilt[subscriptionRef(s.ID)] {
		return fmt.Errorf("subscription: %w", storage.ErrUnreadable)
	}
	var now dated
	err := t.get(&now, `UPDATE subscriptions SET tenant_id = $2, user_id = $3, api_tenant_id = $4, api_id = $5, state = $6,
		note = $7, plan = $8, reason = $9, expire_time = $10, update_time = $11, version = version + 1
		WHERE id = $1 AND version = $12 RETURNING version, create_time, update_time`,
		s.ID, s.TenantID, orNull(s.UserID), s.API.TenantID, s.API.ID, string(s.State), s.Note, s.Plan, s.Reason,
		micros(s.ExpireTime), micros(t.now), s.Version)
	if errors.Is(err, storage.ErrNotFound) {
		err = t.notUpdated("SELECT count(*) FROM subscriptions WHERE id = $1", s.ID)
	}
	if err != nil {
		return fmt.Errorf("subscription: %w", err)
	}
	s.Version, s.CreateTime, s.UpdateTime = now.Version, at(now.CreateTime), at(now.UpdateTime)
	t.wrote(subscriptionRef(s.ID))
	return nil
}

// DeleteSubscription removes a subscription.
func (t *tx) DeleteSubscription(id string) error {
	rows, err := t.exec("DELETE FROM subscriptions WHERE id = $1", id)
	if err := deleted(rows, err); err != nil {
		return fmt.Errorf("subscription: %w", err)
	}
	t.wrote(subscriptionRef(id))
	return nil
}
