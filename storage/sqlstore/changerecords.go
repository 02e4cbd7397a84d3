package sqlstore

import (
	"fmt"
	"slices"

	"github.com/keystile/keystile/storage"
)

// recordsOf reads the records that refs name, and tells which are gone.
func recordsOf(q *session, refs []storage.ChangeRef) (records storage.Records, gone []storage.ChangeRef, err error) {
	byKind := map[storage.ChangeKind][]storage.ChangeRef{}
	kinds := []storage.ChangeKind{}
	for _, ref := range refs {
		if byKind[ref.Kind] == nil {
			kinds = append(kinds, ref.Kind)
		}
		byKind[ref.Kind] = append(byKind[ref.Kind], ref)
	}
	found := make(map[storage.ChangeRef]bool, len(refs))
	for _, kind := range kinds {
		for some := range slices.Chunk(byKind[kind], idsAtOnce) {
			spoilt, err := addRecords(q, kind, some, &records, found)
			if err != nil {
				return storage.Records{}, nil, err
			}
			records.Unreadable += spoilt
		}
	}
	for _, ref := range refs {
		if !found[ref] {
			gone = append(gone, ref)
		}
	}
	return records, gone, nil
}

func addRecords(
	q *session, kind storage.ChangeKind, refs []storage.ChangeRef, records *storage.Records, found map[storage.ChangeRef]bool,
) (spoilt int, err error) {
	byID, ids := whereIDs("id", refs)
	byTenant, pairs := whereRefs("tenant_id, id", refs)
	switch kind {
	case storage.ChangeTenant:
		return into(&records.Tenants, found, func(t *storage.Tenant) storage.ChangeRef { return tenantRef(t.ID) })(
			selectTenants(q, byID, ids...))
	case storage.ChangeUser:
		return into(&records.Users, found, func(u *storage.User) storage.ChangeRef { return userRef(u.Ref()) })(
			selectUsers(q, byTenant, pairs...))
	case storage.ChangeRole:
		return into(&records.Roles, found, func(r *storage.Role) storage.ChangeRef { return roleRef(r.Ref()) })(
			selectRoles(q, byTenant, pairs...))
	case storage.ChangeAPI:
		return into(&records.APIs, found, func(a *storage.API) storage.ChangeRef { return apiRef(a.Ref()) })(
			selectAPIs(q, byTenant, pairs...))
	case storage.ChangePlan:
		return into(&records.Plans, found, func(p *storage.Plan) storage.ChangeRef { return planRef(p.Ref()) })(
			selectPlans(q, byTenant, pairs...))
	case storage.ChangeSubscription:
		return into(&records.Subscriptions, found, func(s *storage.Subscription) storage.ChangeRef { return subscriptionRef(s.ID) })(
			selectSubscriptions(q, byID, ids...))
	case storage.ChangeKey:
		return into(&records.Keys, found, func(k *storage.Key) storage.ChangeRef { return keyRef(k.ID) })(
			selectWholeKeys(q, byID, ids...))
	default:
		return 0, fmt.Errorf("a change of unknown kind %q", kind)
	}
}

// into takes what was read up among records, and notes what was found.
func into[T any](
	records *[]*T, found map[storage.ChangeRef]bool, name func(*T) storage.ChangeRef,
) func(read []*T, spoilt int, err error) (int, error) {
	return func(read []*T, spoilt int, err error) (int, error) {
		for _, record := range read {
			found[name(record)] = true
		}
		*records = append(*records, read...)
		return spoilt, err
	}
}

// whereIDs selects refs by a column that holds their id alone.
func whereIDs(column string, refs []storage.ChangeRef) (where string, args []any) {
	args = make([]any, 0, len(refs))
	for _, ref := range refs {
		args = append(args, ref.ID)
	}
	return "WHERE " + column + " IN " + tuples(1, len(refs)), args
}

// whereRefs selects refs by the columns that hold their tenant and id.
func whereRefs(columns string, refs []storage.ChangeRef) (where string, args []any) {
	args = make([]any, 0, 2*len(refs))
	for _, ref := range refs {
		args = append(args, ref.TenantID, ref.ID)
	}
	return "WHERE (" + columns + ") IN (VALUES " + tuples(len(refs), 2) + ")", args
}
