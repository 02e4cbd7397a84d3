package sqlstore

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/keystile/keystile/storage"
)

// changeAll stands in a row of the change log for more records than are worth
// naming: who meets it takes a snapshot.
const changeAll storage.ChangeKind = "all"

// maxRefs is the most records one row of the change log names.
const maxRefs = 2_000

// ChangesSince gives what was written after a position, as of one moment.
func (s *Store) ChangesSince(ctx context.Context, since storage.Position) (changes storage.Changes, err error) {
	err = s.observed(ctx, "changes_since", s.opts.OperationTimeout, func(ctx context.Context) error {
		// Nearly always nothing is new, and one query without a transaction
		// around it tells. It has no limits of the server's; ctx bounds it.
		var state stateRow
		if err := s.sync.GetContext(ctx, &state, s.stateQuery()); err != nil {
			return s.dialect.classify(ctx, err)
		}
		if state.position() == since {
			changes = storage.Changes{Now: since, StoreTime: s.storeTime(&state)}
			return nil
		}
		return s.oneMoment(ctx, s.sync, s.dialect.limits, func(q *session) (err error) {
			changes, err = s.changesSince(q, since)
			return err
		})
	})
	if err != nil {
		return storage.Changes{}, err
	}
	return changes, nil
}

func (s *Store) changesSince(q *session, since storage.Position) (storage.Changes, error) {
	var state stateRow
	if err := q.get(&state, s.stateQuery()); err != nil {
		return storage.Changes{}, err
	}
	changes := storage.Changes{Now: state.position(), StoreTime: s.storeTime(&state)}
	changes.Rewound = state.StoreID != since.StoreID || state.Revision < since.Revision || since.Revision < 0
	if changes.Rewound || state.Revision-since.Revision > s.opts.ChangeLogRows {
		changes.Reset = true
		return changes, nil
	}
	same, err := sameStory(q, since)
	if err != nil {
		return storage.Changes{}, err
	}
	if !same {
		changes.Reset, changes.Rewound = true, true
		return changes, nil
	}
	refs, whole, err := refsBetween(q, since.Revision, state.Revision)
	if err != nil {
		return storage.Changes{}, err
	}
	if !whole {
		changes.Reset = true
		return changes, nil
	}
	changes.Records, changes.Gone, err = recordsOf(q, refs)
	return changes, err
}

// sameStory tells whether the change that a follower saw last is the one that
// stands there now: a store that came back without its tail, and went on, has
// another under the same number.
func sameStory(q *session, since storage.Position) (bool, error) {
	if since.Revision == 0 || since.Mark == "" {
		return true, nil
	}
	var mark string
	err := q.get(&mark, "SELECT mark FROM change_log WHERE revision = $1", since.Revision)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	return mark == since.Mark, err
}

// refsBetween reads the rows of the change log in (after, upTo], each record
// once. whole is false when they don't tell everything: rows are missing or
// can't be read, or one says that too much was written to be named.
func refsBetween(q *session, after, upTo int64) (refs []storage.ChangeRef, whole bool, err error) {
	type row struct {
		Refs string `db:"refs"`
	}
	seen := map[storage.ChangeRef]bool{}
	rows := int64(0)
	whole = true
	err = each(q, func(r *row) error {
		rows++
		var some []storage.ChangeRef
		if json.Unmarshal([]byte(r.Refs), &some) != nil {
			whole = false
		}
		for _, ref := range some {
			whole = whole && hasKind(ref.Kind)
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
		return nil
	}, "SELECT refs FROM change_log WHERE revision > $1 AND revision <= $2 ORDER BY revision", after, upTo)
	return refs, whole && rows == upTo-after, err
}
