package sqlstore

import (
	"fmt"
	"slices"
	"time"

	"github.com/keystile/keystile/storage"
)

// purgeAtOnce is the most records that one transaction removes for good: as many
// as the change log names, so that followers can tell them one by one.
const purgeAtOnce = maxRefs

// What is to go, given the time as $1.
const (
	goneTenants  = "SELECT id FROM tenants WHERE id <> '" + storage.SystemTenant + "' AND state = 'DELETED' AND delete_time < $1"
	goneUsers    = "SELECT tenant_id, id FROM users WHERE state = 'DELETED' AND delete_time < $1"
	ofGoneTenant = "tenant_id IN (" + goneTenants + ")"
	ofGoneUser   = "(tenant_id, user_id) IN (" + goneUsers + ")"
)

// purged is how records of one kind go.
type purged struct {
	kind  storage.ChangeKind
	table string
	// key are the columns that a ChangeRef names: tenant and id, or the id alone.
	key   string
	which string
	// bare is true of a record that nothing belongs to any more.
	bare string
	// with are the rows that go along: table, and its columns for key.
	with [][2]string
}

// purgedKinds are in the order of locks; what belongs to something comes after it.
func purgedKinds() []purged {
	const pair = "tenant_id, id"
	none := func(table, where string) string {
		return " AND NOT EXISTS (SELECT 1 FROM " + table + " WHERE " + table + "." + where + ")"
	}
	return []purged{
		{
			kind: storage.ChangeTenant, table: "tenants", key: "id", which: "id IN (" + goneTenants + ")",
			bare: none("users", "tenant_id = tenants.id") + none("roles", "tenant_id = tenants.id") +
				none("plans", "tenant_id = tenants.id") + none("apis", "tenant_id = tenants.id") +
				none("subscriptions", "tenant_id = tenants.id"),
			with: [][2]string{{"quota_counters", "owner"}},
		},
		{
			kind: storage.ChangeUser, table: "users", key: pair, which: ofGoneTenant + " OR (" + pair + ") IN (" + goneUsers + ")",
			bare: none("keys", "tenant_id = users.tenant_id AND keys.user_id = users.id") +
				none("subscriptions", "tenant_id = users.tenant_id AND subscriptions.user_id = users.id"),
			with: [][2]string{{"user_usage", "tenant_id, user_id"}, {"replies", "tenant_id, user_id"}},
		},
		{kind: storage.ChangeRole, table: "roles", key: pair, which: ofGoneTenant},
		{kind: storage.ChangePlan, table: "plans", key: pair, which: ofGoneTenant},
		{
			kind: storage.ChangeAPI, table: "apis", key: pair, which: ofGoneTenant,
			bare: none("subscriptions", "api_tenant_id = apis.tenant_id AND subscriptions.api_id = apis.id"),
		},
		{
			kind: storage.ChangeSubscription, table: "subscriptions", key: "id",
			which: ofGoneTenant + " OR " + ofGoneUser + " OR api_" + ofGoneTenant,
		},
		{
			kind: storage.ChangeKey, table: "keys", key: "id",
			which: "delete_time < $1 OR " + ofGoneTenant + " OR " + ofGoneUser,
			with:  [][2]string{{"key_secrets", "key_id"}, {"key_usage", "key_id"}},
		},
	}
}

// Purge removes for good what was deleted before a time. Everything is locked
// first, owners before what they own, and removed from the other end.
func (t *tx) Purge(before time.Time) (count storage.PurgeCount, err error) {
	kinds := purgedKinds()
	refs := make([][]storage.ChangeRef, len(kinds))
	for i := range kinds {
		if refs[i], err = t.toPurge(&kinds[i], before); err != nil {
			return storage.PurgeCount{}, fmt.Errorf("purging %s: %w", kinds[i].table, err)
		}
	}
	left := purgeAtOnce
	for i, kind := range slices.Backward(kinds) {
		count.More = count.More || len(refs[i]) > left
		some := refs[i][:min(left, len(refs[i]))]
		gone, err := t.purge(&kind, some)
		if err != nil {
			return storage.PurgeCount{}, fmt.Errorf("purging %s: %w", kind.table, err)
		}
		// What something still belongs to has been spared.
		count.More = count.More || gone < len(some)
		left -= gone
		switch kind.kind { //nolint:exhaustive // the others are not counted
		case storage.ChangeTenant:
			count.Tenants = int64(gone)
		case storage.ChangeUser:
			count.Users = int64(gone)
		case storage.ChangeKey:
			count.Keys = int64(gone)
		}
	}
	return count, nil
}

// refRow is a row of which only the key is read.
type refRow struct {
	TenantID string `db:"tenant_id"`
	ID       string `db:"id"`
}

// toPurge locks records that are to go: at most one more than will.
func (t *tx) toPurge(kind *purged, before time.Time) (refs []storage.ChangeRef, err error) {
	err = each(t.session, func(row *refRow) error {
		refs = append(refs, storage.ChangeRef{Kind: kind.kind, TenantID: row.TenantID, ID: row.ID})
		return nil
	}, "SELECT "+kind.key+" FROM "+kind.table+" WHERE "+kind.which+" ORDER BY "+kind.key+" LIMIT $2"+t.dialect.forUpdate,
		before.UnixMicro(), int64(purgeAtOnce+1))
	return refs, err
}

// purge removes those of refs that nothing belongs to, with what goes along.
func (t *tx) purge(kind *purged, refs []storage.ChangeRef) (gone int, err error) {
	where := whereRefs
	if kind.key == "id" {
		where = whereIDs
	}
	for some := range slices.Chunk(refs, idsAtOnce) {
		for _, with := range kind.with {
			which, args := where(with[1], some)
			if _, err := t.exec("DELETE FROM "+with[0]+" "+which, args...); err != nil {
				return gone, err
			}
		}
		which, args := where(kind.key, some)
		err := each(t.session, func(row *refRow) error {
			gone++
			t.wrote(storage.ChangeRef{Kind: kind.kind, TenantID: row.TenantID, ID: row.ID})
			return nil
		}, "DELETE FROM "+kind.table+" "+which+kind.bare+" RETURNING "+kind.key, args...)
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}
