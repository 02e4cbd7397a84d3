package server

import (
	"fmt"
	"slices"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// usableAdmin tells whether a key can administer everything, for good: a key of
// the operator's tenant, of an active admin, without end, scopes, networks or
// named APIs.
func usableAdmin(k *storage.Key, u *storage.User, now time.Time) bool {
	return k.TenantID == storage.SystemTenant && k.State == storage.KeyActive && k.DeleteTime.IsZero() &&
		k.ExpireTime.IsZero() && !k.StartTime.After(now) && len(k.Scopes) == 0 && len(k.AllowedCIDRs) == 0 && len(k.APIs) == 0 &&
		u != nil && u.State == storage.UserActive && slices.Contains(u.Roles, access.RoleAdmin)
}

// keepingAdmin runs a change in a tenant, and refuses it when afterwards nobody
// could administer the whole any more, although somebody could before. The
// operator's tenant is locked by the first look, so that two such changes can't
// slip past each other.
func keepingAdmin(tx storage.Tx, tenantID string, now time.Time, change func() error) error {
	if tenantID != storage.SystemTenant {
		return change()
	}
	before, err := hasAdmin(tx, now)
	if err != nil {
		return err
	}
	if err := change(); err != nil || !before {
		return err
	}
	after, err := hasAdmin(tx, now)
	if err == nil && !after {
		err = precondition("this would leave no key that can administer everything without limits; create another one first")
	}
	return err
}

func hasAdmin(tx storage.Tx, now time.Time) (bool, error) {
	users, err := tx.ListTenantUsers(storage.SystemTenant)
	if err != nil {
		return false, fmt.Errorf("reading the operator's users: %w", err)
	}
	keys, err := tx.ListTenantKeys(storage.SystemTenant)
	if err != nil {
		return false, fmt.Errorf("reading the operator's keys: %w", err)
	}
	byID := make(map[string]*storage.User, len(users))
	for _, u := range users {
		byID[u.ID] = u
	}
	return slices.ContainsFunc(keys, func(k *storage.Key) bool { return usableAdmin(k, byID[k.UserID], now) }), nil
}
