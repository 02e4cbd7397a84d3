package sqlstore

import "github.com/keystile/keystile/storage"

// The names that records have in the change log.

func tenantRef(id string) storage.ChangeRef {
	return storage.ChangeRef{Kind: storage.ChangeTenant, ID: id}
}

func userRef(u storage.UserRef) storage.ChangeRef {
	return storage.ChangeRef{Kind: storage.ChangeUser, TenantID: u.TenantID, ID: u.ID}
}

func roleRef(r storage.RoleRef) storage.ChangeRef {
	return storage.ChangeRef{Kind: storage.ChangeRole, TenantID: r.TenantID, ID: r.ID}
}

func apiRef(a storage.APIRef) storage.ChangeRef {
	return storage.ChangeRef{Kind: storage.ChangeAPI, TenantID: a.TenantID, ID: a.ID}
}

func planRef(p storage.PlanRef) storage.ChangeRef {
	return storage.ChangeRef{Kind: storage.ChangePlan, TenantID: p.TenantID, ID: p.ID}
}

func subscriptionRef(id string) storage.ChangeRef {
	return storage.ChangeRef{Kind: storage.ChangeSubscription, ID: id}
}

func keyRef(id string) storage.ChangeRef { return storage.ChangeRef{Kind: storage.ChangeKey, ID: id} }

// hasKind says whether this release knows a kind of change.
func hasKind(kind storage.ChangeKind) bool {
	switch kind {
	case storage.ChangeTenant, storage.ChangeUser, storage.ChangeRole, storage.ChangeAPI, storage.ChangePlan,
		storage.ChangeSubscription, storage.ChangeKey:
		return true
	default:
		return false
	}
}
