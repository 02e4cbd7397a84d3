package sqlstore

import (
	"context"

	"github.com/keystile/keystile/storage"
)

// ListTenants lists a page of the tenants, by id.
func (s *Store) ListTenants(ctx context.Context, query storage.PageQuery) ([]*storage.Tenant, error) {
	return listed(ctx, s, "list_tenants", selectTenants, func() (condition, error) { return pageByID(&query, false, true) })
}

// ListUsers lists a page of a tenant's users, by id.
func (s *Store) ListUsers(ctx context.Context, query storage.PageQuery) ([]*storage.User, error) {
	return listed(ctx, s, "list_users", selectUsers, func() (condition, error) { return pageByID(&query, true, true) })
}

// ListRoles lists a page of a tenant's roles, by id.
func (s *Store) ListRoles(ctx context.Context, query storage.PageQuery) ([]*storage.Role, error) {
	return listed(ctx, s, "list_roles", selectRoles, func() (condition, error) { return pageByID(&query, true, false) })
}

// ListAPIs lists a page of a tenant's APIs, by id.
func (s *Store) ListAPIs(ctx context.Context, query storage.PageQuery) ([]*storage.API, error) {
	return listed(ctx, s, "list_apis", selectAPIs, func() (condition, error) { return pageByID(&query, true, false) })
}

// ListPlans lists a page of a tenant's plans, by id.
func (s *Store) ListPlans(ctx context.Context, query storage.PageQuery) ([]*storage.Plan, error) {
	return listed(ctx, s, "list_plans", selectPlans, func() (condition, error) { return pageByID(&query, true, false) })
}

// ListSubscriptions lists a page of subscriptions, newest first.
func (s *Store) ListSubscriptions(ctx context.Context, query storage.SubscriptionQuery) ([]*storage.Subscription, error) {
	return listed(ctx, s, "list_subscriptions", selectSubscriptions, func() (condition, error) {
		where, err := subscriptionsOf(&query)
		if err != nil {
			return where, err
		}
		return where, where.page(query.After, query.Limit)
	})
}

// ListKeys lists a page of a tenant's keys, newest first.
func (s *Store) ListKeys(ctx context.Context, query storage.KeyQuery) ([]*storage.Key, error) {
	return listed(ctx, s, "list_keys", selectWholeKeys, func() (where condition, err error) {
		where.add("WHERE tenant_id = $%d", query.TenantID)
		if query.UserID != "" {
			where.add(" AND user_id = $%d", query.UserID)
		}
		if !query.ShowDeleted {
			where.text += " AND delete_time IS NULL"
		}
		return where, where.page(query.After, query.Limit)
	})
}

// listed runs a listing.
func listed[T any](
	ctx context.Context, s *Store, operation string,
	read func(q *session, rest string, args ...any) ([]*T, int, error), which func() (condition, error),
) (records []*T, err error) {
	err = s.read(ctx, operation, func(q *session) error {
		where, err := which()
		if err != nil {
			return err
		}
		records, _, err = read(q, where.text, where.args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}
