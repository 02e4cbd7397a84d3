package sqlstore

import (
	"context"
	"fmt"

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
		if k, _, err = only(selectKeys(q, "WHERE id = $1", id)); err != nil {
			return missing(err)
		}
		_, err = withSecrets(q, []*storage.Key{k})
		return err
	})
	return orNil(k, err)
}

// ListKeys lists a page of a tenant's keys, newest first.
func (s *Store) ListKeys(ctx context.Context, query storage.KeyQuery) (keys []*storage.Key, err error) {
	where, args := "WHERE tenant_id = $1", []any{query.TenantID}
	add := func(format string, values ...any) {
		places := make([]any, len(values))
		for i, value := range values {
			args = append(args, value)
			places[i] = len(args)
		}
		where += fmt.Sprintf(format, places...)
	}
	if query.UserID != "" {
		add(" AND user_id = $%d", query.UserID)
	}
	if !query.ShowDeleted {
		where += " AND delete_time IS NULL"
	}
	if query.After.ID != "" {
		add(" AND (create_time, id) < ($%d, $%d)", query.After.CreateTime.UnixMicro(), query.After.ID)
	}
	add(" ORDER BY create_time DESC, id DESC LIMIT $%d", int64(query.Limit))
	err = s.read(ctx, "list_keys", func(q *session) (err error) {
		if query.Limit <= 0 {
			return fmt.Errorf("%w: a page of %d keys", storage.ErrInvalid, query.Limit)
		}
		if keys, _, err = selectKeys(q, where, args...); err != nil {
			return err
		}
		_, err = withSecrets(q, keys)
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
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
