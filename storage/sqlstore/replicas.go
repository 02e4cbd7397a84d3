package sqlstore

import (
	"context"
	"time"

	"github.com/keystile/keystile/storage"
)

// forgetReplicas is how long after its end a lease is removed by the next process
// that begins one.
const forgetReplicas = time.Hour

// Shared tells whether other processes may answer from this store. The embedded
// one is held by one process alone.
func (s *Store) Shared() bool { return s.dialect.clock != "" }

// RenewLease notes a replica as of now.
func (s *Store) RenewLease(ctx context.Context, r storage.Replica) error {
	if !s.Shared() {
		return nil
	}
	return s.observed(ctx, "renew_lease", s.opts.OperationTimeout, func(ctx context.Context) error {
		args := []any{r.ID, r.Position.StoreID, r.Position.Revision, r.Position.Mark, r.Bound.Microseconds()}
		if err := checkValues(args); err != nil {
			return err
		}
		renew := `INSERT INTO replicas (id, store_id, revision, mark, bound, renew_time) VALUES ($1, $2, $3, $4, $5, ` + s.dialect.clock + `)
			ON CONFLICT (id) DO UPDATE SET store_id = excluded.store_id, revision = excluded.revision, mark = excluded.mark,
				bound = excluded.bound, renew_time = excluded.renew_time`
		last := s.renewed.Swap(&r)
		if last != nil && last.ID == r.ID && last.Position == r.Position {
			_, err := s.sync.ExecContext(ctx, renew, args...)
			return err //nolint:wrapcheck // observed does
		}
		if last == nil || last.ID != r.ID {
			if _, err := s.sync.ExecContext(ctx, "DELETE FROM replicas WHERE renew_time + bound < "+s.dialect.clock+" - $1", forgetReplicas.Microseconds()); err != nil {
				return err //nolint:wrapcheck // observed does
			}
		}
		// Those who wait for this replica are told in the same statement.
		_, err := s.sync.ExecContext(ctx, "WITH renewed AS ("+renew+" RETURNING id) SELECT pg_notify('"+channel+"', '"+wokenRenewed+"') FROM renewed", args...)
		if err != nil {
			s.renewed.Store(nil)
		}
		return err //nolint:wrapcheck // observed does
	})
}

// DropLease forgets a replica.
func (s *Store) DropLease(ctx context.Context, id string) error {
	if !s.Shared() {
		return nil
	}
	return s.observed(ctx, "drop_lease", s.opts.OperationTimeout, func(ctx context.Context) error {
		_, err := s.sync.ExecContext(ctx,
			"WITH dropped AS (DELETE FROM replicas WHERE id = $1 RETURNING id) SELECT pg_notify('"+channel+"', '"+wokenRenewed+"') FROM dropped", id)
		return err //nolint:wrapcheck // observed does
	})
}

type replicaRow struct {
	ID        string `db:"id"`
	StoreID   string `db:"store_id"`
	Revision  int64  `db:"revision"`
	Mark      string `db:"mark"`
	Bound     int64  `db:"bound"`
	RenewTime int64  `db:"renew_time"`
	Now       int64  `db:"now"`
}

// ListReplicas gives the leases that have not run out, and the store's clock.
func (s *Store) ListReplicas(ctx context.Context, skew time.Duration) (list []storage.Replica, now time.Time, err error) {
	if !s.Shared() {
		return nil, cut(s.opts.Now()), nil
	}
	err = s.observed(ctx, "list_replicas", s.opts.OperationTimeout, func(ctx context.Context) error {
		var rows []replicaRow
		// The left join gives the clock when there is no replica.
		query := `SELECT clock.now, COALESCE(r.id, '') AS id, COALESCE(r.store_id, '') AS store_id, 
				CASE WHEN r.revision = 0 OR EXISTS (
					SELECT 1 FROM change_log c, store_state s WHERE c.revision = r.revision AND c.mark = r.mark AND s.id = 1 AND s.store_id = r.store_id
				) THEN COALESCE(r.revision, 0) ELSE -1 END AS revision,
				COALESCE(r.mark, '') AS mark, COALESCE(r.bound, 0) AS bound, COALESCE(r.renew_time, 0) AS renew_time
			FROM (SELECT ` + s.dialect.clock + ` AS now) clock
			LEFT JOIN replicas r ON r.renew_time + r.bound + r.bound / 100 + $1 > clock.now ORDER BY r.id`
		if err := s.reader.SelectContext(ctx, &rows, query, skew.Microseconds()); err != nil {
			return err //nolint:wrapcheck // observed does
		}
		list = nil
		for _, r := range rows {
			now = at(r.Now)
			if r.ID == "" {
				continue
			}
			list = append(list, storage.Replica{
				ID: r.ID, Position: storage.Position{StoreID: r.StoreID, Revision: r.Revision, Mark: r.Mark},
				Bound: time.Duration(r.Bound) * time.Microsecond, RenewTime: at(r.RenewTime),
			})
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return list, now, nil
}
