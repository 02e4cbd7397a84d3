package sqlstore

import (
	"cmp"
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

// The most keys and users that one part of a snapshot holds.
const (
	keysAtOnce  = 2_000
	usersAtOnce = 5_000
)

// Snapshot gives every record, and the position, of one moment.
func (s *Store) Snapshot(ctx context.Context, take func(storage.Position, storage.Records) error) (position storage.Position, now time.Time, err error) {
	err = s.observed(ctx, "snapshot", s.opts.BulkTimeout, func(ctx context.Context) error {
		return s.oneMoment(ctx, s.sync, s.dialect.bulkLimits, func(q *session) error {
			// This first query fixes the moment that the others see.
			var state stateRow
			if err := q.get(&state, s.stateQuery()); err != nil {
				return err
			}
			position, now = state.position(), s.storeTime(&state)
			q.known = newRemembered()
			a := newAhead(func(part storage.Records) error { return take(state.position(), part) })
			err := everything(q, a.give)
			return cmp.Or(err, a.finish())
		})
	})
	if err != nil {
		return storage.Position{}, time.Time{}, err
	}
	return position, now, nil
}

// everything reads all records, what others refer to first. Of keys and users there
// may be millions, and so they come in parts.
func everything(q *session, give func(storage.Records) error) error {
	var records storage.Records
	var spoilt int
	var err error
	if records.Tenants, spoilt, err = selectTenants(q, "ORDER BY id"); err != nil {
		return err
	}
	records.Unreadable += spoilt
	if records.Roles, spoilt, err = selectRoles(q, "ORDER BY tenant_id, id"); err != nil {
		return err
	}
	records.Unreadable += spoilt
	if records.APIs, spoilt, err = selectAPIs(q, "ORDER BY tenant_id, id"); err != nil {
		return err
	}
	records.Unreadable += spoilt
	if records.Plans, spoilt, err = selectPlans(q, "ORDER BY tenant_id, id"); err != nil {
		return err
	}
	records.Unreadable += spoilt
	if records.Subscriptions, spoilt, err = selectSubscriptions(q, "ORDER BY id"); err != nil {
		return err
	}
	records.Unreadable += spoilt
	if err := give(records); err != nil {
		return err
	}
	if err := everyUser(q, give); err != nil {
		return err
	}
	return everyKey(q, give)
}

// everyUser gives all users in the order in which they lie, for the reason that keys
// are read so.
func everyUser(q *session, give func(storage.Records) error) error {
	var part storage.Records
	err := each(q, func(row *userRow) error {
		u, bad := row.user()
		part.Users, part.Unreadable = append(part.Users, u), part.Unreadable+count(bad)
		if len(part.Users) < usersAtOnce {
			return nil
		}
		full := part
		part = storage.Records{}
		return give(full)
	}, "SELECT "+userColumns+" FROM users")
	if err != nil || len(part.Users) == 0 {
		return err
	}
	return give(part)
}
