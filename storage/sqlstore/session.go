package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jmoiron/sqlx"

	"github.com/keystile/keystile/storage"
)

// session runs statements in one transaction, or on one connection where each is a
// transaction by itself. Values are judged before they go out, and errors have their
// meaning when they come back.
type session struct {
	ctx     context.Context //nolint:containedctx // a session lives inside one call
	tx      statements
	dialect *dialect
	// broken is why this transaction must not be committed.
	broken error
	// spoilt are the records read that have a field which can't be read; nil
	// where nobody will write.
	spoilt map[storage.ChangeRef]bool
	// known are texts that were read before; nil where nothing is remembered.
	known *remembered
}

// statements are what transactions and connections have in common.
type statements interface {
	sqlx.QueryerContext
	sqlx.ExecerContext
	GetContext(ctx context.Context, dest any, query string, args ...any) error
}

// note remembers a record that was read spoilt.
func (q *session) note(ref storage.ChangeRef, spoilt bool) {
	if spoilt && q.spoilt != nil {
		q.spoilt[ref] = true
	}
}

// exec runs a statement and gives the number of rows it changed.
func (q *session) exec(query string, args ...any) (int64, error) {
	if err := checkValues(args); err != nil {
		return 0, err
	}
	result, err := q.tx.ExecContext(q.ctx, query, args...)
	if err != nil {
		return 0, q.broke(err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, q.broke(err)
	}
	return rows, nil
}

// get reads one row into dest; none is ErrNotFound.
func (q *session) get(dest any, query string, args ...any) error {
	if err := checkValues(args); err != nil {
		return err
	}
	if err := q.tx.GetContext(q.ctx, dest, query, args...); err != nil {
		meaning := q.dialect.classify(q.ctx, err)
		if !errors.Is(meaning, storage.ErrNotFound) {
			return q.broke(err)
		}
		return meaning
	}
	return nil
}

// each gives every row of a query to visit, read into a new T.
func each[T any](q *session, visit func(*T) error, query string, args ...any) error {
	if err := checkValues(args); err != nil {
		return err
	}
	rows, err := q.tx.QueryxContext(q.ctx, query, args...)
	if err != nil {
		return q.broke(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		row := new(T)
		if err := rows.StructScan(row); err != nil {
			return q.broke(err)
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return q.broke(err)
	}
	return nil
}

// broke notes that a statement has failed: on Postgres nothing that follows in
// the transaction would work, whatever the caller makes of the error.
func (q *session) broke(err error) error {
	err = q.dialect.classify(q.ctx, err)
	if q.broken == nil {
		q.broken = err
	}
	return err
}

// maxValue is the most bytes of one value. lib/pq doesn't look at the length of
// what it puts on the wire.
const maxValue = 1 << 20

// checkValues refuses what an engine refuses or, worse, would not keep as it is.
func checkValues(args []any) error {
	for _, arg := range args {
		switch value := arg.(type) {
		case string:
			if err := checkText(value); err != nil {
				return err
			}
		case []byte:
			if len(value) > maxValue {
				return fmt.Errorf("%w: %d bytes are more than %d", storage.ErrInvalid, len(value), maxValue)
			}
		}
	}
	return nil
}

func checkText(text string) error {
	switch {
	case len(text) > maxValue:
		return fmt.Errorf("%w: %d bytes of text are more than %d", storage.ErrInvalid, len(text), maxValue)
	case strings.IndexByte(text, 0) >= 0:
		return fmt.Errorf("%w: text with a NUL byte", storage.ErrInvalid)
	case !utf8.ValidString(text):
		return fmt.Errorf("%w: text that is not UTF-8", storage.ErrInvalid)
	}
	return nil
}

// missing turns the refusal of an impossible id into what it means to a reader:
// no such record.
func missing(err error) error {
	if errors.Is(err, storage.ErrInvalid) {
		return fmt.Errorf("%w: %w", storage.ErrNotFound, err)
	}
	return err
}

// tuples writes rows of placeholders: ($1,$2),($3,$4) for 2 rows of 2.
func tuples(rows, columns int) string {
	var b strings.Builder
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range columns {
			if c > 0 {
				b.WriteByte(',')
			}
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// anys makes arguments of strings.
func anys(texts []string) []any {
	args := make([]any, len(texts))
	for i, text := range texts {
		args[i] = text
	}
	return args
}
