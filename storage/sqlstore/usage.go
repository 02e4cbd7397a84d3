package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keystile/keystile/storage"
)

// MarkUsed notes times of use, some at a time, each in a short transaction of
// its own. Rows are locked in one order, keys by id, then users by tenant and
// id, so that replicas which note uses of the same keys wait for each other and
// don't stand crosswise.
func (s *Store) MarkUsed(ctx context.Context, used []storage.Used) error {
	return s.observed(ctx, "mark_used", s.opts.OperationTimeout, func(ctx context.Context) error {
		for some := range slices.Chunk(lastUses(used), idsAtOnce) {
			if err := s.aside(ctx, func(q *session) error { return markUsed(q, some) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// lastUses gives the last use of each key by each user. What can't be in the
// store is left out.
func lastUses(used []storage.Used) []storage.Used {
	type use struct {
		key  string
		user storage.UserRef
	}
	last := make(map[use]time.Time, len(used))
	for _, u := range used {
		if u.Time.IsZero() || checkTexts([]string{u.KeyID, u.User.TenantID, u.User.ID}) != nil {
			continue
		}
		if id := (use{u.KeyID, u.User}); u.Time.After(last[id]) {
			last[id] = u.Time
		}
	}
	uses := make([]storage.Used, 0, len(last))
	for id, time := range last {
		uses = append(uses, storage.Used{KeyID: id.key, User: id.user, Time: time})
	}
	slices.SortFunc(uses, func(a, b storage.Used) int { return strings.Compare(a.KeyID, b.KeyID) })
	return uses
}

func markUsed(q *session, used []storage.Used) error {
	slices.SortFunc(used, func(a, b storage.Used) int { return strings.Compare(a.KeyID, b.KeyID) })
	for some := range slices.Chunk(used, usesAtOnce) {
		uses, args := usesTable(some)
		if _, err := q.exec("INSERT INTO key_usage (key_id, time) SELECT keys.id, max(uses.time) FROM "+uses+
			" WHERE true GROUP BY keys.id ORDER BY keys.id"+
			" ON CONFLICT (key_id) DO UPDATE SET time = excluded.time WHERE key_usage.time < excluded.time", args...); err != nil {
			return err
		}
	}
	slices.SortFunc(used, func(a, b storage.Used) int {
		return cmp.Or(strings.Compare(a.User.TenantID, b.User.TenantID), strings.Compare(a.User.ID, b.User.ID))
	})
	for some := range slices.Chunk(used, usesAtOnce) {
		uses, args := usesTable(some)
		if _, err := q.exec("INSERT INTO user_usage (tenant_id, user_id, time) SELECT users.tenant_id, users.id, max(uses.time) FROM "+uses+
			" JOIN users ON users.tenant_id = uses.tenant_id AND users.id = uses.user_id"+
			" WHERE true GROUP BY users.tenant_id, users.id ORDER BY users.tenant_id, users.id"+
			" ON CONFLICT (tenant_id, user_id) DO UPDATE SET time = excluded.time WHERE user_usage.time < excluded.time", args...); err != nil {
			return err
		}
	}
	return nil
}

// usesAtOnce bounds the uses in one statement, for the reason that rowsAtOnce
// has.
const usesAtOnce = 100

// usesTable makes a table of the uses, those of keys that exist. Its first row
// says of what types the columns are.
func usesTable(used []storage.Used) (text string, args []any) {
	args = make([]any, 0, 4*len(used))
	for _, u := range used {
		args = append(args, u.KeyID, u.User.TenantID, u.User.ID, u.Time.UnixMicro())
	}
	values := "(CAST($1 AS TEXT),CAST($2 AS TEXT),CAST($3 AS TEXT),CAST($4 AS BIGINT))" +
		strings.TrimPrefix(tuples(len(used), 4), "($1,$2,$3,$4)")
	return "(SELECT column1 AS key_id, column2 AS tenant_id, column3 AS user_id, column4 AS time FROM (VALUES " + values +
		") AS raw) AS uses JOIN keys ON keys.id = uses.key_id", args
}

type usageRow struct {
	ID   string `db:"id"`
	Time int64  `db:"time"`
}

// LastUsed gives the last use of each of some keys.
func (s *Store) LastUsed(ctx context.Context, keyIDs []string) (map[string]time.Time, error) {
	return s.lastUsed(ctx, "last_used", keyIDs, func(ids []any) (string, []any) {
		return "SELECT key_id AS id, time FROM key_usage WHERE key_id IN " + tuples(1, len(ids)), ids
	})
}

// UsersLastUsed gives the last use of any key of each of some users.
func (s *Store) UsersLastUsed(ctx context.Context, tenantID string, userIDs []string) (map[string]time.Time, error) {
	if checkText(tenantID) != nil {
		userIDs = nil
	}
	return s.lastUsed(ctx, "users_last_used", userIDs, func(ids []any) (string, []any) {
		args := slices.Concat(ids, []any{tenantID})
		return "SELECT user_id AS id, time FROM user_usage WHERE user_id IN " + tuples(1, len(ids)) +
			" AND tenant_id = $" + strconv.Itoa(len(args)), args
	})
}

func (s *Store) lastUsed(
	ctx context.Context, operation string, ids []string, query func(ids []any) (string, []any),
) (map[string]time.Time, error) {
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return checkText(id) != nil })
	times := map[string]time.Time{}
	err := s.read(ctx, operation, func(q *session) error {
		for some := range slices.Chunk(ids, idsAtOnce) {
			text, args := query(anys(some))
			if err := each(q, func(row *usageRow) error {
				times[row.ID] = at(row.Time)
				return nil
			}, text, args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return times, nil
}
