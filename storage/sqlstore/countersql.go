package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// counting is a statement on counters in the making. Its common table expressions
// follow one another:
//
//   - settings, on Postgres, hold for this transaction alone;
//   - asked is what was asked, a row a counter, numbered from 0;
//   - held are the counters of these that are there;
//   - clock is the store's, in microseconds.
//
// Counters are locked in the order of their ids, those that are there before any is
// added, and the clock is read when they are: so that no two statements stand
// crosswise, and what was done to a counter before lies in the past.
type counting struct {
	text    strings.Builder
	args    []any
	dialect *dialect
	// moment is the clock of a store that is in this process.
	moment time.Time
	// lock: counters are locked, and not only looked at.
	lock bool
	// set: there are settings.
	set bool
	// ids are the places of the ids.
	ids []string
}

// counting begins a statement on counters.
func (s *Store) counting(lock bool) *counting {
	return &counting{dialect: s.dialect, moment: s.opts.Now(), lock: lock}
}

func (c *counting) add(parts ...string) {
	for _, part := range parts {
		c.text.WriteString(part)
	}
}

// arg adds an argument, and gives its place.
func (c *counting) arg(value any) string {
	c.args = append(c.args, value)
	return "$" + strconv.Itoa(len(c.args))
}

// settings bound the waiting for locks, and say whether the transaction is on the disk
// when it is answered, however the server is set up; one that is not durable may be lost
// when the server crashes within its next moment. A transaction that is under way has its
// own.
func (c *counting) settings(ctx context.Context, durable bool) {
	if c.dialect.clock == "" {
		return
	}
	c.set = true
	commit := "'off'"
	if durable {
		commit = "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END"
	}
	wait := c.arg(strconv.FormatInt(c.dialect.patience(ctx).Milliseconds(), 10))
	c.add("WITH settings AS MATERIALIZED (SELECT set_config('synchronous_commit', ", commit, ", true), set_config('lock_timeout', ", wait, ", true))")
}

// patience is how long to wait for a lock: a little less than there is time, so that
// the server gives up by itself. A statement that has to be cancelled costs its
// connection.
func (d *dialect) patience(ctx context.Context) time.Duration {
	wait := d.lockTimeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)*4/5)
	}
	return max(wait, time.Millisecond)
}

// asked adds what is asked. A row begins with its id, and the columns are those after
// it. The first row says of what types they are.
func (c *counting) asked(columns string, rows [][]any) {
	with := "WITH "
	if c.set {
		with = ", "
	}
	c.add(with, "asked (n, id, ", columns, ") AS (VALUES ")
	for n, row := range rows {
		if n > 0 {
			c.add(", ")
		}
		c.add("(", strconv.Itoa(n))
		for i, value := range row {
			place := c.arg(value)
			if i == 0 {
				c.ids = append(c.ids, place)
			}
			if n == 0 {
				place = "CAST(" + place + " AS " + c.typeOf(value) + ")"
			}
			c.add(", ", place)
		}
		c.add(")")
	}
	c.add(")")
}

func (c *counting) typeOf(value any) string {
	switch value.(type) {
	case []byte:
		return c.dialect.blob
	case string:
		return "TEXT"
	}
	return "BIGINT"
}

// held adds the counters that are there, and the clock.
func (c *counting) held(table string) {
	c.add(", held AS MATERIALIZED (SELECT c.* FROM ", table, " AS c WHERE c.id IN (", strings.Join(c.ids, ","), ")")
	if c.set {
		// So that they are settled first.
		c.add(" AND (SELECT count(*) FROM settings) > 0")
	}
	c.add(" ORDER BY c.id")
	if c.lock {
		c.add(c.dialect.forUpdate)
	}
	// To count what is held all of it has to be there, and so be locked.
	c.add("), clock AS MATERIALIZED (SELECT count(*) AS locked, ", c.now(), " AS now FROM held)")
}

// now is the store's clock, in microseconds.
func (c *counting) now() string {
	if c.dialect.clock != "" {
		return c.dialect.clock
	}
	return "CAST(" + c.arg(c.moment.UnixMicro()) + " AS BIGINT)"
}
