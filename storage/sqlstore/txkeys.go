package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keystile/keystile/storage"
)

// rowsAtOnce bounds the keys or secrets in one INSERT. SQLite looks placeholders
// up one after another, so that a statement costs the square of their number.
const rowsAtOnce = 16

// errRaced: another transaction took what this one had seen free. It is run
// again, and then sees it taken.
var errRaced = fmt.Errorf("%w: taken while this was looking", storage.ErrConflict)

// uniqueRow is a row to be added, and its value that may be there once.
type uniqueRow struct {
	unique string
	values []any
}

// CreateKeys adds many keys, or none.
func (t *tx) CreateKeys(keys []*storage.Key) (taken []int, err error) {
	// Everything is judged before anything is written.
	keyRows, secretRows := make([]uniqueRow, 0, len(keys)), make([]uniqueRow, 0, len(keys))
	for i, k := range keys {
		values, err := t.keyValues(k)
		if err == nil {
			err = checkValues(values)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		keyRows = append(keyRows, uniqueRow{k.ID, values})
		for n, values := range secretValues(k) {
			if err := checkValues(values); err != nil {
				return nil, fmt.Errorf("key %d: %w", i, err)
			}
			secretRows = append(secretRows, uniqueRow{string(k.Secrets[n].Digest[:]), values})
		}
	}
	if taken, err = t.takenKeys(keys); err != nil || len(taken) > 0 {
		return taken, err
	}
	if err := t.insertAll("keys", keyColumns, keyRows); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if err := t.insertAll("key_secrets", secretColumns+", position", secretRows); err != nil {
		return nil, fmt.Errorf("secrets of keys: %w", err)
	}
	for _, k := range keys {
		k.Version, k.CreateTime, k.UpdateTime = 1, t.now, t.now
		t.wrote(keyRef(k.ID))
	}
	return nil, nil
}

// insertAll adds rows of which none was there a moment ago. Those who bring the
// same ones bring them in one order, so that they wait for each other and don't
// stand crosswise.
func (t *tx) insertAll(table, columns string, rows []uniqueRow) error {
	slices.SortFunc(rows, func(a, b uniqueRow) int { return strings.Compare(a.unique, b.unique) })
	for some := range slices.Chunk(rows, rowsAtOnce) {
		values := make([][]any, len(some))
		for i := range some {
			values[i] = some[i].values
		}
		added, err := t.insertRows(table, columns, values)
		if err != nil {
			return err
		}
		if added != int64(len(some)) {
			return t.broke(errRaced)
		}
	}
	return nil
}

// takenKeys gives the indexes of keys whose id or one of whose digests is taken,
// by the store or by a key before it.
func (t *tx) takenKeys(keys []*storage.Key) (taken []int, err error) {
	ids, digests := map[string]bool{}, map[storage.Digest]bool{}
	for some := range slices.Chunk(keys, idsAtOnce) {
		if err := t.storedIDs(some, ids); err != nil {
			return nil, err
		}
		if err := t.storedDigests(some, digests); err != nil {
			return nil, err
		}
	}
	for i, k := range keys {
		known := ids[k.ID]
		ids[k.ID] = true
		for _, secret := range k.Secrets {
			known = known || digests[secret.Digest]
			digests[secret.Digest] = true
		}
		if known {
			taken = append(taken, i)
		}
	}
	return taken, nil
}

func (t *tx) storedIDs(keys []*storage.Key, ids map[string]bool) error {
	args := make([]any, len(keys))
	for i, k := range keys {
		args[i] = k.ID
	}
	return each(t.session, func(row *idRow) error {
		ids[row.ID] = true
		return nil
	}, "SELECT id FROM keys WHERE id IN "+tuples(1, len(args)), args...)
}

func (t *tx) storedDigests(keys []*storage.Key, digests map[storage.Digest]bool) error {
	args := []any{}
	for _, k := range keys {
		for i := range k.Secrets {
			args = append(args, k.Secrets[i].Digest[:])
		}
	}
	for some := range slices.Chunk(args, idsAtOnce) {
		err := each(t.session, func(row *digestRow) error {
			digest, err := row.digest()
			digests[digest] = true
			return err
		}, "SELECT digest FROM key_secrets WHERE digest IN "+tuples(1, len(some)), some...)
		if err != nil {
			return err
		}
	}
	return nil
}

// digestRow is a row of which only the digest is read.
type digestRow struct {
	Digest []byte `db:"digest"`
}

func (r *digestRow) digest() (storage.Digest, error) {
	var f fields
	digest := f.digest(r.Digest)
	if f.spoilt {
		return digest, fmt.Errorf("a digest: %w", storage.ErrUnreadable)
	}
	return digest, nil
}

// lost says whether the transaction lost against another, and is worth another
// try.
func (s *Store) lost(err error) bool { return errors.Is(err, errRaced) || s.dialect.lost(err) }
