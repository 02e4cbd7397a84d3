package sqlstore

import "github.com/keystile/keystile/storage"

// inserted says what an insert that changed no row means. It does nothing
// instead of failing, since on Postgres a statement that fails takes the whole
// transaction with it, and a caller may want to go on.
func inserted(rows int64, err error) error {
	if err == nil && rows == 0 {
		return storage.ErrExists
	}
	return err
}

// notUpdated says why an update found no row: there is none, or not in the
// version that was read.
func (t *tx) notUpdated(query string, id ...any) error {
	var there int
	if err := t.get(&there, query, id...); err != nil {
		return err
	}
	if there == 0 {
		return storage.ErrNotFound
	}
	return storage.ErrConflict
}

// deleted says what a delete that changed no row means.
func deleted(rows int64, err error) error {
	if err == nil && rows == 0 {
		return storage.ErrNotFound
	}
	return missing(err)
}

// idRow is a row of which only the id is read.
type idRow struct {
	ID string `db:"id"`
}
