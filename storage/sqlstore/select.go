package sqlstore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/keystile/keystile/storage"
)

// idsAtOnce bounds the ids in one statement.
const idsAtOnce = 500

// selectTenants reads tenants, and counts the spoilt ones.
func selectTenants(q *session, rest string, args ...any) (tenants []*storage.Tenant, spoilt int, err error) {
	err = each(q, func(row *tenantRow) error {
		t, bad := row.tenant()
		q.note(tenantRef(t.ID), bad)
		tenants, spoilt = append(tenants, t), spoilt+count(bad)
		return nil
	}, "SELECT "+tenantColumns+" FROM tenants "+rest, args...)
	return tenants, spoilt, err
}

func selectUsers(q *session, rest string, args ...any) (users []*storage.User, spoilt int, err error) {
	err = each(q, func(row *userRow) error {
		u, bad := row.user()
		q.note(userRef(u.Ref()), bad)
		users, spoilt = append(users, u), spoilt+count(bad)
		return nil
	}, "SELECT "+userColumns+" FROM users "+rest, args...)
	return users, spoilt, err
}

func selectRoles(q *session, rest string, args ...any) (roles []*storage.Role, spoilt int, err error) {
	err = each(q, func(row *roleRow) error {
		r, bad := row.role()
		q.note(roleRef(r.Ref()), bad)
		roles, spoilt = append(roles, r), spoilt+count(bad)
		return nil
	}, "SELECT "+roleColumns+" FROM roles "+rest, args...)
	return roles, spoilt, err
}

// rolesOf reads those of some roles of a tenant that exist, in the order of
// their ids.
func rolesOf(q *session, tenantID string, ids []string, ending string) (roles []*storage.Role, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for some := range slices.Chunk(ids, idsAtOnce) {
		args := append(anys(some), tenantID)
		found, _, err := selectRoles(q, fmt.Sprintf("WHERE id IN %s AND tenant_id = $%d ORDER BY id%s",
			tuples(1, len(some)), len(args), ending), args...)
		if err != nil {
			return nil, fmt.Errorf("roles: %w", err)
		}
		roles = append(roles, found...)
	}
	return roles, nil
}

func selectAPIs(q *session, rest string, args ...any) (apis []*storage.API, spoilt int, err error) {
	err = each(q, func(row *apiRow) error {
		a, bad := row.api()
		q.note(apiRef(a.Ref()), bad)
		apis, spoilt = append(apis, a), spoilt+count(bad)
		return nil
	}, "SELECT "+apiColumns+" FROM apis "+rest, args...)
	return apis, spoilt, err
}

func selectPlans(q *session, rest string, args ...any) (plans []*storage.Plan, spoilt int, err error) {
	err = each(q, func(row *planRow) error {
		p, bad := row.plan()
		q.note(planRef(p.Ref()), bad)
		plans, spoilt = append(plans, p), spoilt+count(bad)
		return nil
	}, "SELECT "+planColumns+" FROM plans "+rest, args...)
	return plans, spoilt, err
}

func selectSubscriptions(q *session, rest string, args ...any) (subs []*storage.Subscription, spoilt int, err error) {
	err = each(q, func(row *subscriptionRow) error {
		s, bad := row.subscription()
		q.note(subscriptionRef(s.ID), bad)
		subs, spoilt = append(subs, s), spoilt+count(bad)
		return nil
	}, "SELECT "+subscriptionColumns+" FROM subscriptions "+rest, args...)
	return subs, spoilt, err
}

// selectKeys reads keys without their secrets.
func selectKeys(q *session, rest string, args ...any) (keys []*storage.Key, spoilt int, err error) {
	err = each(q, func(row *keyRow) error {
		k, bad := row.key(q.known)
		q.note(keyRef(k.ID), bad)
		keys, spoilt = append(keys, k), spoilt+count(bad)
		return nil
	}, "SELECT "+keyColumns+" FROM keys "+rest, args...)
	return keys, spoilt, err
}

// selectWholeKeys reads a few keys with their secrets.
func selectWholeKeys(q *session, rest string, args ...any) (keys []*storage.Key, spoilt int, err error) {
	if keys, spoilt, err = selectKeys(q, rest, args...); err != nil {
		return nil, 0, err
	}
	more, err := withSecrets(q, keys)
	return keys, spoilt + more, err
}

// selectSecrets reads secrets and adds them to their keys. Both are walked in
// the order of key ids, byte by byte, so keys must be sorted so.
func selectSecrets(q *session, keys []*storage.Key, where string, args ...any) (spoilt int, err error) {
	i := 0
	err = each(q, func(row *secretRow) error {
		for i < len(keys) && keys[i].ID < row.KeyID {
			i++
		}
		if i == len(keys) || keys[i].ID != row.KeyID {
			return nil
		}
		secret, bad := row.secret()
		if bad {
			if keys[i].State != "" {
				spoilt++
			}
			keys[i].State = ""
			q.note(keyRef(row.KeyID), true)
			return nil
		}
		keys[i].Secrets = append(keys[i].Secrets, secret)
		return nil
	}, "SELECT "+secretColumns+" FROM key_secrets "+where+" ORDER BY key_id, position", args...)
	return spoilt, err
}

// withSecrets adds the secrets of a few keys, which keep their order.
func withSecrets(q *session, keys []*storage.Key) (spoilt int, err error) {
	sorted := slices.Clone(keys)
	slices.SortFunc(sorted, func(a, b *storage.Key) int { return strings.Compare(a.ID, b.ID) })
	for some := range slices.Chunk(sorted, idsAtOnce) {
		args := make([]any, len(some))
		for i, k := range some {
			args[i] = k.ID
		}
		bad, err := selectSecrets(q, some, "WHERE key_id IN "+tuples(1, len(some)), args...)
		if err != nil {
			return spoilt, err
		}
		spoilt += bad
	}
	return spoilt, nil
}

// only gives the one record that was read, or ErrNotFound.
func only[T any](records []*T, spoilt int, err error) (record *T, bad bool, _ error) {
	switch {
	case err != nil:
		return nil, false, err
	case len(records) == 0:
		return nil, false, storage.ErrNotFound
	case len(records) > 1:
		return nil, false, fmt.Errorf("%d records of one id", len(records))
	}
	return records[0], spoilt > 0, nil
}

func count(bad bool) int {
	if bad {
		return 1
	}
	return 0
}
