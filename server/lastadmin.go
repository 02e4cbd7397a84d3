package server

import (
	"fmt"
	"slices"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// usableAdmin tells whether a key can administer everything, for good: a key of
// the operator's tenant, of an active admin, without end, scopes or networks.
func usableAdmin(k *storage.Key, u *storage.User, now time.Time) bool {
	return k.TenantID == storage.SystemTenant && k.State == storage.KeyActive && k.DeleteTime.IsZero() &&
		k.ExpireTime.IsZero() && !k.StartTime.After(now) && len(k.Scopes) == 0 && len(k.AllowedCIDRs) == 0 &&
		u != nil && u.State == storage.UserActive && slices.Contains(u.Roles, access.RoleAdmin)
}

// keepAdmin refuses a change after which nobody could administer the whole any
// more. The operator's tenant is locked, so that two such changes can't slip
// past each other.
func keepAdmin(tx storage.Tx, u *storage.User, before, after *storage.Key, now time.Time) error {
	if !usableAdmin(before, u, now) || usableAdmin(after, u, now) {
		return nil
	}
	users, err := tx.ListTenantUsers(storage.SystemTenant)
	if err != nil {
		return fmt.Errorf("reading the operator's users: %w", err)
	}
	keys, err := tx.ListTenantKeys(storage.SystemTenant)
	if err != nil {
		return fmt.Errorf("reading the operator's keys: %w", err)
	}
	for _, k := range keys {
		for _, owner := range users {
			if owner.ID == k.UserID && k.ID != after.ID && usableAdmin(k, owner, now) {
				return nil
			}
		}
	}
	return precondition("this is the last key that can administer everything without limits; create another one first")
}
