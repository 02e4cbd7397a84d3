package sqlstore

import (
	"context"
	"time"

	"github.com/keystile/keystile/storage"
)

type stateRow struct {
	StoreID  string `db:"store_id"`
	Revision int64  `db:"revision"`
	Mark     string `db:"mark"`
	Now      int64  `db:"now"`
}

func (r *stateRow) position() storage.Position {
	return storage.Position{StoreID: r.StoreID, Revision: r.Revision, Mark: r.Mark}
}

// stateQuery reads where the change log is, and the store's clock.
func (s *Store) stateQuery() string {
	clock := s.dialect.clock
	if clock == "" {
		clock = "0"
	}
	return "SELECT store_id, revision, COALESCE((SELECT mark FROM change_log WHERE change_log.revision = store_state.revision), '') AS mark, " +
		clock + " AS now FROM store_state WHERE id = 1"
}

// storeTime is the store's clock as row read it.
func (s *Store) storeTime(row *stateRow) time.Time {
	if s.dialect.clock == "" {
		return cut(s.opts.Now())
	}
	return at(row.Now)
}

// Snapshot gives every record, and the position, of one moment.
func (s *Store) Snapshot(ctx context.Context) (records storage.Records, position storage.Position, now time.Time, err error) {
	err = s.observed(ctx, "snapshot", s.opts.BulkTimeout, func(ctx context.Context) error {
		return s.oneMoment(ctx, s.sync, s.dialect.bulkLimits, func(q *session) (err error) {
			// This first query fixes the moment that the others see.
			var state stateRow
			if err := q.get(&state, s.stateQuery()); err != nil {
				return err
			}
			position, now = state.position(), s.storeTime(&state)
			records, err = everything(q)
			return err
		})
	})
	if err != nil {
		return storage.Records{}, storage.Position{}, time.Time{}, err
	}
	return records, position, now, nil
}

// everything reads all records, a query for each kind.
func everything(q *session) (records storage.Records, err error) {
	var spoilt int
	if records.Tenants, spoilt, err = selectTenants(q, "ORDER BY id"); err != nil {
		return records, err
	}
	records.Unreadable += spoilt
	if records.Users, spoilt, err = selectUsers(q, "ORDER BY tenant_id, id"); err != nil {
		return records, err
	}
	records.Unreadable += spoilt
	if records.Roles, spoilt, err = selectRoles(q, "ORDER BY tenant_id, id"); err != nil {
		return records, err
	}
	records.Unreadable += spoilt
	if records.APIs, spoilt, err = selectAPIs(q, "ORDER BY tenant_id, id"); err != nil {
		return records, err
	}
	records.Unreadable += spoilt
	if records.Subscriptions, spoilt, err = selectSubscriptions(q, "ORDER BY id"); err != nil {
		return records, err
	}
	records.Unreadable += spoilt
	if records.Keys, spoilt, err = selectKeys(q, "ORDER BY id"); err != nil {
		return records, err
	}
	records.Unreadable += spoilt
	spoilt, err = selectSecrets(q, records.Keys, "")
	records.Unreadable += spoilt
	return records, err
}
