package sqlstore

import (
	"context"
	"slices"

	"github.com/keystile/keystile/storage"
)

// forgottenAtOnce is how many counters are looked at in one transaction that forgets.
const forgottenAtOnce = 2_000

// changeCounters changes counters that are there, some at a time; rows begin with the
// id, and are named asked.
func (s *Store) changeCounters(ctx context.Context, operation string, durable bool, table, columns string, rows [][]any, change string) error {
	slices.SortFunc(rows, func(a, b []any) int { return slices.Compare(idOf(a), idOf(b)) })
	return s.observed(ctx, operation, s.opts.OperationTimeout, func(ctx context.Context) error {
		for some := range slices.Chunk(rows, countersAtOnce) {
			if err := s.count(ctx, func(q *session) error {
				c := s.counting(true)
				c.settings(ctx, durable)
				c.asked(columns, some)
				c.held(table)
				c.add(" ", change)
				_, err := q.exec(c.text.String(), c.args...)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func idOf(row []any) []byte {
	id, _ := row[0].([]byte)
	return id
}

// putRows writes rows over those of the same id. Nobody else writes meanwhile.
func (q *session) putRows(table, columns, update string, rows [][]any) error {
	for some := range slices.Chunk(rows, rowsAtOnce) {
		_, err := q.exec("INSERT INTO "+table+" ("+columns+") VALUES "+tuples(len(some), len(some[0]))+
			" ON CONFLICT (id) DO UPDATE SET "+update, slices.Concat(some...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

// forgetCounters removes the counters for which gone holds, some at a time in the order
// of their ids. It passes over those that are in use, and takes part in no wait for
// locks, as it goes through the whole table.
func (s *Store) forgetCounters(ctx context.Context, operation, table string, gone func(now string) string) error {
	return s.observed(ctx, operation, s.opts.BulkTimeout, func(ctx context.Context) error {
		after := []byte{}
		for after != nil {
			if err := s.aside(ctx, func(q *session) error {
				c := s.counting(true)
				var last []byte
				err := each(q, func(row *counterRow) error {
					last = row.ID
					return nil
				}, "SELECT id FROM "+table+" WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2", after, int64(forgottenAtOnce-1))
				if err != nil {
					return err
				}
				c.add("DELETE FROM ", table, " WHERE id IN (SELECT id FROM ", table, " WHERE id > ", c.arg(after))
				if last != nil {
					c.add(" AND id <= ", c.arg(last))
				}
				c.add(" AND ", gone(c.now()))
				if s.Shared() {
					c.add(s.dialect.forUpdate, " SKIP LOCKED")
				}
				c.add(")")
				if _, err := q.exec(c.text.String(), c.args...); err != nil {
					return err
				}
				after = last
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

type counterRow struct {
	ID []byte `db:"id"`
}

// rowsOf makes rows of numbers by id.
func rowsOf(numbers map[storage.CounterID]int64) [][]any {
	rows := make([][]any, 0, len(numbers))
	for id, number := range numbers {
		rows = append(rows, []any{id[:], number})
	}
	return rows
}
