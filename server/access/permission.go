package access

import "strings"

// reservedPart begins every name that belongs to Keystile itself.
const reservedPart = "keystile"

// The management permissions. They lie in the reserved part, where no wildcard
// reaches that is not itself written there.
const (
	PermKeysCreate  = "keystile.keys.create"
	PermKeysRead    = "keystile.keys.read"
	PermKeysUpdate  = "keystile.keys.update"
	PermKeysRotate  = "keystile.keys.rotate"
	PermKeysRevoke  = "keystile.keys.revoke"
	PermKeysDisable = "keystile.keys.disable"
	PermKeysEnable  = "keystile.keys.enable"
	PermKeysDelete  = "keystile.keys.delete"
	PermKeysCheck   = "keystile.keys.check"
	PermKeysImport  = "keystile.keys.import"
	PermKeysExplain = "keystile.keys.explain"

	PermTenantsCreate   = "keystile.tenants.create"
	PermTenantsRead     = "keystile.tenants.read"
	PermTenantsUpdate   = "keystile.tenants.update"
	PermTenantsSuspend  = "keystile.tenants.suspend"
	PermTenantsActivate = "keystile.tenants.activate"
	PermTenantsDelete   = "keystile.tenants.delete"
	PermTenantsPurge    = "keystile.tenants.purge"

	PermUsersCreate   = "keystile.users.create"
	PermUsersRead     = "keystile.users.read"
	PermUsersUpdate   = "keystile.users.update"
	PermUsersSuspend  = "keystile.users.suspend"
	PermUsersActivate = "keystile.users.activate"
	PermUsersDelete   = "keystile.users.delete"

	PermRolesCreate = "keystile.roles.create"
	PermRolesRead   = "keystile.roles.read"
	PermRolesUpdate = "keystile.roles.update"
	PermRolesDelete = "keystile.roles.delete"

	PermAPIsCreate    = "keystile.apis.create"
	PermAPIsRead      = "keystile.apis.read"
	PermAPIsUpdate    = "keystile.apis.update"
	PermAPIsDeprecate = "keystile.apis.deprecate"
	PermAPIsRetire    = "keystile.apis.retire"
	PermAPIsDelete    = "keystile.apis.delete"

	PermPlansCreate = "keystile.plans.create"
	PermPlansRead   = "keystile.plans.read"
	PermPlansUpdate = "keystile.plans.update"
	PermPlansDelete = "keystile.plans.delete"

	// PermLimitsReset lets its holder make limits whole again, and loosen its own.
	PermLimitsReset  = "keystile.limits.reset"
	PermCreditsGrant = "keystile.credits.grant"

	PermSubscriptionsCreate  = "keystile.subscriptions.create"
	PermSubscriptionsRead    = "keystile.subscriptions.read"
	PermSubscriptionsUpdate  = "keystile.subscriptions.update"
	PermSubscriptionsApprove = "keystile.subscriptions.approve"
	PermSubscriptionsReject  = "keystile.subscriptions.reject"
	PermSubscriptionsPause   = "keystile.subscriptions.pause"
	PermSubscriptionsResume  = "keystile.subscriptions.resume"
	PermSubscriptionsDelete  = "keystile.subscriptions.delete"

	PermAuditRead = "keystile.audit.read"
	// PermTenantsReach lets a user of the tenant "system" act in the other
	// tenants. Held anywhere else it does nothing.
	PermTenantsReach = "keystile.tenants.reach"
)

// publicSafe stands for a guest's right to call PUBLIC APIs by safe methods. It
// is no permission that can be written: it exists so that rights which include
// it can be compared with others.
const publicSafe = "<public-safe>"

// Reserved tells whether a permission or pattern lies in Keystile's own part, or
// so close to it that it could be taken for it.
func Reserved(permission string) bool { return strings.HasPrefix(permission, reservedPart) }

// ValidPermission tells whether text names one permission: dotted parts of
// letters, digits, '_' and '-', at most 128 bytes.
func ValidPermission(text string) bool {
	if len(text) > 128 {
		return false
	}
	// A part ends at a dot, and at the end; none is empty.
	empty := true
	for i := range len(text) {
		switch c := text[i]; {
		case partByte(c):
			empty = false
		case c == '.' && !empty:
			empty = true
		default:
			return false
		}
	}
	return !empty
}

// ValidPattern tells whether text is a permission or a wildcard over some: "*",
// or a permission whose last part is "*".
func ValidPattern(text string) bool {
	if text == "*" {
		return true
	}
	return ValidPermission(strings.TrimSuffix(text, ".*")) && len(text) <= 128
}

func partByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// covers tells whether every permission that pattern q stands for is one that
// pattern p stands for. A permission is the pattern of itself.
func covers(p, q string) bool {
	switch {
	case p == q:
		return true
	case p == "*":
		return !Reserved(q)
	case strings.HasSuffix(p, ".*"):
		return strings.HasPrefix(q, p[:len(p)-1])
	}
	return false
}

// Permissions is a set of permission patterns. The empty set holds none.
type Permissions []string

// Cover tells whether the set holds everything that pattern stands for.
func (s Permissions) Cover(pattern string) bool {
	for _, p := range s {
		if covers(p, pattern) {
			return true
		}
	}
	return false
}

// CoverAll tells whether the set holds everything that other holds.
func (s Permissions) CoverAll(other Permissions) bool {
	for _, p := range other {
		if !s.Cover(p) {
			return false
		}
	}
	return true
}

// Narrow gives what s and scopes have in common; no scopes narrow nothing. Two
// patterns are either one inside the other or apart, so that the result is a
// list of patterns again. A guest's right has no name, so that scopes can only
// be applied to it where an API is called; here it stays.
func (s Permissions) Narrow(scopes Permissions) Permissions {
	if len(scopes) == 0 {
		return s
	}
	return s.appendNarrowed(Permissions{}, scopes, true)
}

// appendNarrowed does so into a list that is empty, with or without what has no
// name.
func (s Permissions) appendNarrowed(out, scopes Permissions, nameless bool) Permissions {
	for _, p := range s {
		switch {
		case p == publicSafe && !nameless:
			continue
		case p == publicSafe || len(scopes) == 0:
			out = out.add(p)
		}
		for _, q := range scopes {
			switch {
			case covers(p, q):
				out = out.add(q)
			case covers(q, p):
				out = out.add(p)
			}
		}
	}
	return out
}

// Named gives the patterns that can be written, for people to read.
func (s Permissions) Named() []string {
	out := make([]string, 0, len(s))
	for _, p := range s {
		if p != publicSafe {
			out = append(out, p)
		}
	}
	return out
}

// add keeps the set free of patterns that another one covers.
func (s Permissions) add(pattern string) Permissions {
	if s.Cover(pattern) {
		return s
	}
	kept := s[:0]
	for _, p := range s {
		if !covers(pattern, p) {
			kept = append(kept, p)
		}
	}
	return append(kept, pattern)
}

// OperatorOnly tells whether a permission by itself reaches across tenants: such
// a one can be held in the operator's tenant alone.
func OperatorOnly(pattern string) bool {
	switch pattern {
	case PermTenantsReach, PermTenantsCreate, PermTenantsSuspend, PermTenantsActivate, PermTenantsDelete, PermTenantsPurge:
		return true
	}
	return false
}
