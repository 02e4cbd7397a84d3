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

// The most keys and users that one part of a snapshot holds.
const (
	keysAtOnce  = 10_000
	usersAtOnce = 20_000
)

// Snapshot gives every record, and the position, of one moment.
func (s *Store) Snapshot(ctx context.Context, take func(storage.Records) error) (position storage.Position, now time.Time, err error) {
	err = s.observed(ctx, "snapshot", s.opts.BulkTimeout, func(ctx context.Context) error {
		return s.oneMoment(ctx, s.sync, s.dialect.bulkLimits, func(q *session) error {
			// This first query fixes the moment that the others see.
			var state stateRow
			if err := q.get(&state, s.stateQuery()); err != nil {
				return err
			}
			position, now = state.position(), s.storeTime(&state)
			q.known = newRemembered()
			return everything(q, take)
		})
	})
	if err != nil {
		return storage.Position{}, time.Time{}, err
	}
	return position, now, nil
}

// everything reads all records, what others refer to first. Of keys and users there
// may be millions, and so they come in parts.
func everything(q *session, take func(storage.Records) error) error {
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
	if records.Subscriptions, spoilt, err = selectSubscriptions(q, "ORDER BY id"); err != nil {
		return err
	}
	records.Unreadable += spoilt
	if err := take(records); err != nil {
		return &changeError{err}
	}
	if err := everyUser(q, take); err != nil {
		return err
	}
	return everyKey(q, take)
}

func everyUser(q *session, take func(storage.Records) error) error {
	var last storage.UserRef
	for {
		users, spoilt, err := selectUsers(q, "WHERE (tenant_id, id) > ($1, $2) ORDER BY tenant_id, id LIMIT $3", last.TenantID, last.ID, usersAtOnce)
		if err != nil || len(users) == 0 {
			return err
		}
		last = users[len(users)-1].Ref()
		if err := take(storage.Records{Users: users, Unreadable: spoilt}); err != nil {
			return &changeError{err}
		}
	}
}

func everyKey(q *session, take func(storage.Records) error) error {
	last := ""
	for {
		keys, spoilt, err := selectKeys(q, "WHERE id > $1 ORDER BY id LIMIT $2", last, keysAtOnce)
		if err != nil || len(keys) == 0 {
			return err
		}
		more, err := selectSecrets(q, keys, "WHERE key_id > $1 AND key_id <= $2", last, keys[len(keys)-1].ID)
		if err != nil {
			return err
		}
		last = keys[len(keys)-1].ID
		if err := take(storage.Records{Keys: keys, Unreadable: spoilt + more}); err != nil {
			return &changeError{err}
		}
	}
}
