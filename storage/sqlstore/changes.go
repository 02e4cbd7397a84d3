package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/keystile/keystile/storage"
)

// changeAll stands in a row of the change log for more records than are worth
// naming: who meets it takes a snapshot.
const changeAll storage.ChangeKind = "all"

// maxRefs is the most records one row of the change log names.
const maxRefs = 2_000

// ChangesSince gives what was written after a position, as of one moment.
func (s *Store) ChangesSince(ctx context.Context, since storage.Position) (changes storage.Changes, err error) {
	err = s.observed(ctx, "changes_since", s.opts.OperationTimeout, func(ctx context.Context) error {
		// Nearly always nothing is new, and one query without a transaction
		// around it tells. It has no limits of the server's; ctx bounds it.
		var state stateRow
		if err := s.sync.GetContext(ctx, &state, s.stateQuery()); err != nil {
			return s.dialect.classify(ctx, err)
		}
		if state.position() == since {
			changes = storage.Changes{Now: since, StoreTime: s.storeTime(&state)}
			return nil
		}
		return s.oneMoment(ctx, s.sync, s.dialect.limits, func(q *session) (err error) {
			changes, err = s.changesSince(q, since)
			return err
		})
	})
	if err != nil {
		return storage.Changes{}, err
	}
	return changes, nil
}

func (s *Store) changesSince(q *session, since storage.Position) (storage.Changes, error) {
	var state stateRow
	if err := q.get(&state, s.stateQuery()); err != nil {
		return storage.Changes{}, err
	}
	changes := storage.Changes{Now: state.position(), StoreTime: s.storeTime(&state)}
	if state.StoreID != since.StoreID || state.Revision < since.Revision || since.Revision < 0 ||
		state.Revision-since.Revision > s.opts.ChangeLogRows {
		changes.Reset = true
		return changes, nil
	}
	refs, whole, err := refsBetween(q, since.Revision, state.Revision)
	if err != nil {
		return storage.Changes{}, err
	}
	if !whole {
		changes.Reset = true
		return changes, nil
	}
	changes.Records, changes.Gone, err = recordsOf(q, refs)
	return changes, err
}

// refsBetween reads the rows of the change log in (after, upTo], each record
// once. whole is false when they don't tell everything: rows are missing or
// can't be read, or one says that too much was written to be named.
func refsBetween(q *session, after, upTo int64) (refs []storage.ChangeRef, whole bool, err error) {
	type row struct {
		Refs string `db:"refs"`
	}
	seen := map[storage.ChangeRef]bool{}
	rows := int64(0)
	whole = true
	err = each(q, func(r *row) error {
		rows++
		var some []storage.ChangeRef
		if json.Unmarshal([]byte(r.Refs), &some) != nil {
			whole = false
		}
		for _, ref := range some {
			switch ref.Kind {
			case storage.ChangeTenant, storage.ChangeUser, storage.ChangeRole, storage.ChangeKey:
			default:
				whole = false
			}
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
		return nil
	}, "SELECT refs FROM change_log WHERE revision > $1 AND revision <= $2 ORDER BY revision", after, upTo)
	return refs, whole && rows == upTo-after, err
}

// recordsOf reads the records that refs name, and tells which are gone.
func recordsOf(q *session, refs []storage.ChangeRef) (records storage.Records, gone []storage.ChangeRef, err error) {
	byKind := map[storage.ChangeKind][]storage.ChangeRef{}
	for _, ref := range refs {
		byKind[ref.Kind] = append(byKind[ref.Kind], ref)
	}
	found := make(map[storage.ChangeRef]bool, len(refs))
	for _, kind := range []storage.ChangeKind{storage.ChangeTenant, storage.ChangeUser, storage.ChangeRole, storage.ChangeKey} {
		for some := range slices.Chunk(byKind[kind], idsAtOnce) {
			if err := addRecords(q, kind, some, &records, found); err != nil {
				return storage.Records{}, nil, err
			}
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
) error {
	byID, byTenant := whereRefs(refs)
	ids, pairs := make([]any, 0, len(refs)), make([]any, 0, 2*len(refs))
	for _, ref := range refs {
		ids, pairs = append(ids, ref.ID), append(pairs, ref.TenantID, ref.ID)
	}
	switch kind {
	case storage.ChangeTenant:
		tenants, spoilt, err := selectTenants(q, byID, ids...)
		for _, t := range tenants {
			found[storage.ChangeRef{Kind: kind, ID: t.ID}] = true
		}
		records.Tenants, records.Unreadable = append(records.Tenants, tenants...), records.Unreadable+spoilt
		return err
	case storage.ChangeUser:
		users, spoilt, err := selectUsers(q, byTenant, pairs...)
		for _, u := range users {
			found[storage.ChangeRef{Kind: kind, TenantID: u.TenantID, ID: u.ID}] = true
		}
		records.Users, records.Unreadable = append(records.Users, users...), records.Unreadable+spoilt
		return err
	case storage.ChangeRole:
		roles, spoilt, err := selectRoles(q, byTenant, pairs...)
		for _, r := range roles {
			found[storage.ChangeRef{Kind: kind, TenantID: r.TenantID, ID: r.ID}] = true
		}
		records.Roles, records.Unreadable = append(records.Roles, roles...), records.Unreadable+spoilt
		return err
	case storage.ChangeKey:
		keys, spoilt, err := selectKeys(q, byID, ids...)
		if err != nil {
			return err
		}
		more, err := withSecrets(q, keys)
		for _, k := range keys {
			found[storage.ChangeRef{Kind: kind, ID: k.ID}] = true
		}
		records.Keys, records.Unreadable = append(records.Keys, keys...), records.Unreadable+spoilt+more
		return err
	}
	return fmt.Errorf("a change of unknown kind %q", kind)
}

// whereRefs selects refs by id alone, and by tenant and id.
func whereRefs(refs []storage.ChangeRef) (byID, byTenant string) {
	return "WHERE id IN " + tuples(1, len(refs)), "WHERE (tenant_id, id) IN (VALUES " + tuples(len(refs), 2) + ")"
}
