package sqlstore

import (
	"context"

	"github.com/keystile/keystile/storage"
)

// GetTenant reads a tenant.
func (s *Store) GetTenant(ctx context.Context, id string) (t *storage.Tenant, err error) {
	err = s.read(ctx, "get_tenant", func(q *session) (err error) {
		t, _, err = only(selectTenants(q, "WHERE id = $1", id))
		return missing(err)
	})
	return orNil(t, err)
}

// GetUser reads a user.
func (s *Store) GetUser(ctx context.Context, ref storage.UserRef) (u *storage.User, err error) {
	err = s.read(ctx, "get_user", func(q *session) (err error) {
		u, _, err = only(selectUsers(q, "WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID))
		return missing(err)
	})
	return orNil(u, err)
}

// GetRoles reads those of some roles of a tenant that exist.
func (s *Store) GetRoles(ctx context.Context, tenantID string, ids []string) (roles []*storage.Role, err error) {
	err = s.read(ctx, "get_roles", func(q *session) (err error) {
		roles, err = rolesOf(q, tenantID, ids, "")
		return err
	})
	if err != nil {
		return nil, err
	}
	return roles, nil
}

// GetKey reads a key with its secrets.
func (s *Store) GetKey(ctx context.Context, id string) (k *storage.Key, err error) {
	err = s.read(ctx, "get_key", func(q *session) (err error) {
		k, _, err = only(selectWholeKeys(q, "WHERE id = $1", id))
		return missing(err)
	})
	return orNil(k, err)
}

// GetRole reads a role.
func (s *Store) GetRole(ctx context.Context, ref storage.RoleRef) (r *storage.Role, err error) {
	err = s.read(ctx, "get_role", func(q *session) (err error) {
		r, _, err = only(selectRoles(q, "WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID))
		return missing(err)
	})
	return orNil(r, err)
}

// GetAPI reads an API.
func (s *Store) GetAPI(ctx context.Context, ref storage.APIRef) (a *storage.API, err error) {
	err = s.read(ctx, "get_api", func(q *session) (err error) {
		a, _, err = only(selectAPIs(q, "WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID))
		return missing(err)
	})
	return orNil(a, err)
}

// GetPlan reads a plan.
func (s *Store) GetPlan(ctx context.Context, ref storage.PlanRef) (p *storage.Plan, err error) {
	err = s.read(ctx, "get_plan", func(q *session) (err error) {
		p, _, err = only(selectPlans(q, "WHERE tenant_id = $1 AND id = $2", ref.TenantID, ref.ID))
		return missing(err)
	})
	return orNil(p, err)
}

// GetSubscription reads a subscription.
func (s *Store) GetSubscription(ctx context.Context, id string) (sub *storage.Subscription, err error) {
	err = s.read(ctx, "get_subscription", func(q *session) (err error) {
		sub, _, err = only(selectSubscriptions(q, "WHERE id = $1", id))
		return missing(err)
	})
	return orNil(sub, err)
}

// CountPeppers counts the remembered secrets of undeleted keys by pepper id.
func (s *Store) CountPeppers(ctx context.Context) (map[string]int64, error) {
	type row struct {
		PepperID string `db:"pepper_id"`
		Secrets  int64  `db:"secrets"`
	}
	counts := map[string]int64{}
	err := s.observed(ctx, "count_peppers", s.opts.BulkTimeout, func(ctx context.Context) error {
		return s.oneMoment(ctx, s.reader, s.dialect.bulkLimits, func(q *session) error {
			return each(q, func(r *row) error {
				counts[r.PepperID] = r.Secrets
				return nil
			}, `SELECT s.pepper_id AS pepper_id, count(*) AS secrets FROM key_secrets s
				JOIN keys k ON k.id = s.key_id WHERE k.delete_time IS NULL GROUP BY s.pepper_id`)
		})
	})
	if err != nil {
		return nil, err
	}
	return counts, nil
}

// orNil keeps a half-read record from leaving with an error.
func orNil[T any](record *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return record, nil
}
