package access

import "github.com/keystile/keystile/storage"

// Grant is the evidence a decision rests on: the key that a secret belongs to
// and what stands around it, all as of one moment. The records are shared and
// must not be changed. The zero Grant belongs to no key, and is refused.
type Grant struct {
	Key *storage.Key
	// SecretIndex says which of Key.Secrets was presented: 0 is the one in use.
	SecretIndex int
	// User is nil when the key's user is missing.
	User *storage.User
	// Tenant is nil when the key's tenant is missing.
	Tenant *storage.Tenant
	// Roles are those of the user's roles that exist.
	Roles []Role
	// Held is what Roles hold together, if that is known already; nil is not. No
	// decision rests on it.
	Held Permissions
	// Target is what the request's aim leads to.
	Target Target
}

// Secret is the record of the secret that was presented; the zero Secret when
// there is none.
func (g *Grant) Secret() storage.Secret {
	if g.Key == nil || g.SecretIndex < 0 || g.SecretIndex >= len(g.Key.Secrets) {
		return storage.Secret{}
	}
	return g.Key.Secrets[g.SecretIndex]
}

// Rights gives what the key may do: its user's roles narrowed by its scopes.
func (g *Grant) Rights() Permissions {
	if g.Key == nil {
		return nil
	}
	return g.held().Narrow(g.Key.Scopes).Narrow(restriction(g.Key))
}

// AppendRights adds the rights that have a name to an empty list, which may have
// room for them.
func (g *Grant) AppendRights(to []string) []string {
	if g.Key == nil {
		return to
	}
	if len(g.Key.APIs) > 0 {
		return append(to, g.Rights().Named()...)
	}
	return g.held().appendNarrowed(to, g.Key.Scopes, false)
}

func (g *Grant) held() Permissions {
	if g.Held != nil {
		return g.Held
	}
	return RolePermissions(g.Roles)
}

// restriction gives what a key that is restricted to named APIs may do at most.
// Management is not among it. An API of another tenant counts by its id, which
// overstates what such a key may do, and so errs towards not letting others
// touch it.
func restriction(k *storage.Key) Permissions {
	var out Permissions
	for _, api := range k.APIs {
		out = out.add(api.ID + ".*")
	}
	return out
}

// Reaches tells whether the key may act in a tenant at all: in its own, and in
// every other when it is the operator's and holds the reach.
func (g *Grant) Reaches(tenantID string) bool {
	if g.Key == nil || tenantID == "" {
		return false
	}
	return g.Key.TenantID == tenantID ||
		g.Key.TenantID == storage.SystemTenant && g.Rights().Cover(PermTenantsReach)
}

// Outranks tells whether g holds every right that other holds: the one test
// that keeps a write from yielding more than its writer has.
func (g *Grant) Outranks(other *Grant) bool {
	if other.Key == nil || !g.Reaches(other.Key.TenantID) {
		return false
	}
	return g.Rights().CoverAll(other.Rights())
}
