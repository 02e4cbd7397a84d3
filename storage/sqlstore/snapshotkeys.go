package sqlstore

import (
	"database/sql"
	"fmt"

	"github.com/keystile/keystile/storage"
)

// Keys are read in the order in which they lie: in that of their ids, which are
// random, each would be on a page of its own. Nearly all of them have no secret but
// the one in use, and come with it in one row, in any order. Those of the others are
// sorted, so that the rows of one key follow each other.
const (
	wholeKeys = "SELECT " + keyColumns + ", digest, pepper_id, prefix, last_four, issue_time, end_time" +
		" FROM keys LEFT JOIN (SELECT key_id, position, digest, pepper_id, prefix, last_four, create_time AS issue_time, end_time" +
		" FROM key_secrets) AS secrets ON key_id = id"
	hasOlder   = "(SELECT 1 FROM key_secrets AS older WHERE older.key_id = id AND older.position > 0)"
	simpleKeys = wholeKeys + " WHERE NOT EXISTS " + hasOlder
	rotated    = wholeKeys + " WHERE EXISTS " + hasOlder + " ORDER BY id, position"
)

// everyKey gives all keys with their secrets.
func everyKey(q *session, give func(storage.Records) error) error {
	g := &gathered{give: give}
	for _, query := range []string{simpleKeys, rotated} {
		if err := wholeKeyRows(q, query, g); err != nil {
			return err
		}
	}
	return g.pass()
}

// gathered are keys that wait until there are enough for a part.
type gathered struct {
	give   func(storage.Records) error
	keys   []*storage.Key
	spoilt int
}

// pass gives what there is.
func (g *gathered) pass() error {
	if len(g.keys) == 0 {
		return nil
	}
	part := storage.Records{Keys: g.keys, Unreadable: g.spoilt}
	g.keys, g.spoilt = make([]*storage.Key, 0, keysAtOnce), 0
	return g.give(part)
}

// add puts a row to the key it belongs to, which is that of the row before or a
// new one.
func (g *gathered) add(q *session, row *wholeKeyRow) error {
	var k *storage.Key
	if n := len(g.keys); n > 0 && g.keys[n-1].ID == row.ID {
		k = g.keys[n-1]
	} else {
		if n >= keysAtOnce {
			if err := g.pass(); err != nil {
				return err
			}
		}
		var bad bool
		k, bad = row.key(q.known)
		g.spoilt += count(bad)
		g.keys = append(g.keys, k)
	}
	if !row.issueTime.Valid {
		return nil
	}
	secret, bad := row.secret()
	if bad {
		if k.State != "" {
			g.spoilt++
		}
		k.State = ""
		return nil
	}
	k.Secrets = append(k.Secrets, secret)
	return nil
}

// wholeKeyRow is a key with one of its secrets. Without any, it was not issued.
type wholeKeyRow struct {
	keyRow
	digest                     sql.RawBytes
	pepperID, prefix, lastFour sql.NullString
	issueTime, endTime         sql.NullInt64
}

func (r *wholeKeyRow) secret() (storage.Secret, bool) {
	row := secretRow{
		Digest: r.digest, PepperID: r.pepperID.String, Prefix: r.prefix.String, LastFour: r.lastFour.String,
		CreateTime: r.issueTime.Int64, EndTime: r.endTime,
	}
	return row.secret()
}

// wholeKeyRows reads rows one by one into the same place, past sqlx: of millions,
// to find each column's field anew takes a fifth of the time.
func wholeKeyRows(q *session, query string, into *gathered) error {
	rows, err := q.tx.QueryContext(q.ctx, query)
	if err != nil {
		return q.broke(err)
	}
	defer func() { _ = rows.Close() }()
	row := &wholeKeyRow{}
	places := append(row.places(), &row.digest, (*maybeText)(&row.pepperID), (*maybeText)(&row.prefix), (*maybeText)(&row.lastFour),
		(*maybeInteger)(&row.issueTime), (*maybeInteger)(&row.endTime))
	for rows.Next() {
		if err := rows.Scan(places...); err != nil {
			return q.broke(err)
		}
		if err := into.add(q, row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return q.broke(err)
	}
	return nil
}

// places gives where the columns of keyColumns go.
func (r *keyRow) places() []any {
	return []any{
		&r.ID, &r.TenantID, &r.UserID, &r.DisplayName, &r.Scopes, &r.AllowedCIDRs, &r.Labels, &r.State,
		(*maybeInteger)(&r.StartTime), (*maybeInteger)(&r.ExpireTime), &r.RevokeReason, &r.RevokeNote, (*maybeInteger)(&r.RevokeTime),
		(*integer)(&r.Version), (*integer)(&r.CreateTime), (*integer)(&r.UpdateTime), (*maybeInteger)(&r.DeleteTime),
		&r.CreatedByTenantID, &r.CreatedByUserID, &r.APIs, &r.SecretPrefix, &r.Limits,
	}
}

// integer, maybeInteger and maybeText take in what drivers give, without the
// reflection that their types cost otherwise.
type (
	integer      int64
	maybeInteger sql.NullInt64
	maybeText    sql.NullString
)

// Scan takes in a value.
func (i *integer) Scan(value any) error {
	n, ok := value.(int64)
	if !ok {
		return fmt.Errorf("not a whole number: %T", value)
	}
	*i = integer(n)
	return nil
}

// Scan takes in a value, or that there is none.
func (i *maybeInteger) Scan(value any) error {
	if n, ok := value.(int64); ok {
		i.Int64, i.Valid = n, true
		return nil
	}
	return (*sql.NullInt64)(i).Scan(value) //nolint:wrapcheck // database/sql says which column
}

// Scan takes in a value, or that there is none.
func (t *maybeText) Scan(value any) error {
	if text, ok := value.(string); ok {
		t.String, t.Valid = text, true
		return nil
	}
	return (*sql.NullString)(t).Scan(value) //nolint:wrapcheck // database/sql says which column
}
