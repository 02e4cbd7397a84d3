package sqlstore

import (
	"context"
	"math"
	"time"

	"github.com/keystile/keystile/storage"
)

const (
	// periodSlack is by how much the clocks of replicas may differ from the store's.
	periodSlack = time.Minute
	// keptCarry is for how long what a quota carries over is remembered of one that
	// nobody uses, and keptOver for how long a period is kept after all others forget it.
	keptCarry = 365 * 24 * time.Hour
	keptOver  = 24 * time.Hour
	// mostUnits bounds the numbers of a quota so that their sum is within an int64.
	mostUnits = 1_000_000_000_000_000
	// mostGranted bounds the credits of a period likewise.
	mostGranted = 1_000 * mostUnits
)

// quotaAnswer is how a quota's period stands.
type quotaAnswer struct {
	answer
	Untimely  bool  `db:"untimely"`
	Taken     int64 `db:"taken"`
	Left      int64 `db:"remaining"`
	Allowance int64 `db:"allowance"`
	// Kept is true when the counter is there, Begins when the period is to begin.
	Kept   bool `db:"kept"`
	Begins bool `db:"begins"`
	// Spent is what was taken of the period before.
	Spent   int64 `db:"spent"`
	Carried int64 `db:"brought"`
	Granted int64 `db:"given"`
}

func quotaID(d *storage.QuotaDraw) storage.CounterID { return d.ID }

// sensibleQuota tells whether a draw can be counted with.
func sensibleQuota(d *storage.QuotaDraw) bool {
	return sensibleTerms(d) && d.Least > 0 && d.Want >= d.Least && d.Share > 0
}

func sensibleTerms(d *storage.QuotaDraw) bool {
	return d.Limit >= 0 && d.Limit <= mostUnits && d.Carry >= 0 && d.Carry <= mostUnits &&
		d.Previous <= d.Period && d.Period < d.Next && d.Previous >= 0 && checkText(d.Owner) == nil
}

// keepUntil is when a period may be forgotten.
func keepUntil(d *storage.QuotaDraw) int64 {
	if d.Next > math.MaxInt64/4 {
		return math.MaxInt64
	}
	until := d.Next + (d.Next - d.Period) + keptOver.Microseconds()
	if d.Carry > 0 {
		until += keptCarry.Microseconds()
	}
	return until
}

// drawn is the answer for a draw; the zero answer gives the zero one.
func (a *quotaAnswer) drawn() storage.QuotaDrawn {
	if a.Untimely {
		return storage.QuotaDrawn{Untimely: true}
	}
	return storage.QuotaDrawn{Taken: a.Taken, Left: a.Left, Allowance: a.Allowance}
}

// TakeQuotas takes units, of many quotas with one statement.
func (s *Store) TakeQuotas(ctx context.Context, draws []storage.QuotaDraw) ([]storage.QuotaDrawn, error) {
	return s.askQuotas(ctx, "take_quotas", draws, s.takeQuotas)
}

// LookQuotas looks at quotas, many with one statement.
func (s *Store) LookQuotas(ctx context.Context, draws []storage.QuotaDraw) ([]storage.QuotaDrawn, error) {
	return s.askQuotas(ctx, "look_quotas", draws, func(ctx context.Context, some []*storage.QuotaDraw) (answers []quotaAnswer, err error) {
		c := s.counting(false)
		c.standingQuotas(some)
		c.add(quotasStanding)
		err = s.lookAt(ctx, func(q *session) error {
			answers, err = all[quotaAnswer](q, c)
			return err
		})
		return answers, err
	})
}

const quotasStanding = " SELECT n, untimely, 0 AS taken, remaining, allowance, kept, begins, spent, brought, given, true AS settled FROM standing"

func (s *Store) askQuotas(
	ctx context.Context, operation string, draws []storage.QuotaDraw,
	ask func(context.Context, []*storage.QuotaDraw) ([]quotaAnswer, error),
) (drawn []storage.QuotaDrawn, err error) {
	err = s.observed(ctx, operation, s.opts.OperationTimeout, func(ctx context.Context) error {
		answers, err := askCounters(draws, quotaID, sensibleQuota, func(some []*storage.QuotaDraw) ([]quotaAnswer, error) { return ask(ctx, some) })
		drawn = make([]storage.QuotaDrawn, len(answers))
		for i := range answers {
			drawn[i] = answers[i].drawn()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return drawn, nil
}

const quotaColumns = "id, owner, period, taken, carried, granted, keep_until"

func (s *Store) takeQuotas(ctx context.Context, draws []*storage.QuotaDraw) (answers []quotaAnswer, err error) {
	c := s.counting(true)
	c.settings(ctx, true)
	c.standingQuotas(draws)
	const told = " SELECT n, untimely, take AS taken, remaining - take AS remaining, allowance, kept, begins, spent, brought, given, "
	if s.Shared() {
		c.add(`, updated AS (
			UPDATE quota_counters AS c SET period = s.period, taken = s.spent + s.take, carried = s.brought, granted = s.given, keep_until = s.keep_until
			FROM standing AS s WHERE c.id = s.id AND s.kept AND NOT s.untimely AND (s.begins OR s.take > 0)
		), added AS (
			INSERT INTO quota_counters (`, quotaColumns, `) SELECT id, owner, period, take, 0, 0, keep_until
			FROM standing WHERE NOT kept AND NOT untimely ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id
		)`, told, "kept OR untimely OR added.id IS NOT NULL AS settled FROM standing LEFT JOIN added ON added.id = standing.id")
	} else {
		c.add(told, "true AS settled FROM standing")
	}
	err = s.count(ctx, func(q *session) error {
		if answers, err = all[quotaAnswer](q, c); err != nil || s.Shared() {
			return err
		}
		var rows [][]any
		for _, a := range answers {
			if !a.Untimely && (a.Begins || a.Taken > 0) {
				rows = append(rows, a.row(draws[a.N]))
			}
		}
		return q.putRows("quota_counters", quotaColumns, quotaUpdate, rows)
	})
	return answers, err
}

// quotaUpdate writes over all but the owner.
const quotaUpdate = "period = excluded.period, taken = excluded.taken, carried = excluded.carried, granted = excluded.granted, keep_until = excluded.keep_until"

// row is what is to be kept of a quota.
func (a *quotaAnswer) row(d *storage.QuotaDraw) []any {
	return []any{d.ID[:], d.Owner, d.Period, a.Spent + a.Taken, a.Carried, a.Granted, keepUntil(d)}
}

// ReturnQuotas gives units back to the periods they are of.
func (s *Store) ReturnQuotas(ctx context.Context, back []storage.QuotaUnspent) error {
	type of struct {
		id     storage.CounterID
		period int64
	}
	sums := map[of]int64{}
	for _, b := range back {
		if b.Units > 0 {
			sums[of{b.ID, b.Period}] = min(mostGranted, sums[of{b.ID, b.Period}]+min(b.Units, mostGranted))
		}
	}
	rows := make([][]any, 0, len(sums))
	for of, units := range sums {
		rows = append(rows, []any{of.id[:], of.period, units})
	}
	return s.changeCounters(ctx, "return_quotas", true, "quota_counters", "period, units", rows,
		"UPDATE quota_counters AS c SET taken = "+s.dialect.greatest+"(0, c.taken - asked.units)"+
			" FROM asked CROSS JOIN clock WHERE c.id = asked.id AND c.period = asked.period AND clock.locked > 0")
}

// ForgetQuotas removes periods that are long past.
func (s *Store) ForgetQuotas(ctx context.Context) error {
	return s.forgetCounters(ctx, "forget_quotas", "quota_counters", func(now string) string { return "keep_until < " + now })
}

// standingQuotas tells how quotas stand in the periods that are drawn on, and how much
// of a draw may be taken.
func (c *counting) standingQuotas(draws []*storage.QuotaDraw) {
	rows := make([][]any, len(draws))
	for i, d := range draws {
		rows[i] = []any{d.ID[:], d.Owner, d.Limit, d.Carry, d.Period, d.Next, d.Previous, keepUntil(d), d.Want, d.Least, d.Share}
	}
	c.asked("owner, most, carry, period, following, previous, keep_until, want, fewest, share", rows)
	c.held("quota_counters")
	least, greatest := c.dialect.least, c.dialect.greatest
	slack := c.arg(periodSlack.Microseconds())
	c.add(`, found AS (
		SELECT asked.*, held.id IS NOT NULL AS kept, held.id IS NULL OR held.period < asked.period AS begins,
			clock.now - `, slack, ` >= asked.following OR clock.now + `, slack, ` < asked.period
				OR COALESCE(held.period, asked.period) > asked.period AS untimely,
			CASE WHEN held.period = asked.period THEN held.taken ELSE 0 END AS spent,
			CASE WHEN held.period = asked.period THEN held.granted ELSE 0 END AS given,
			CASE WHEN held.id IS NULL THEN 0
				WHEN held.period = asked.period THEN held.carried
				WHEN held.period = asked.previous THEN
					`, least, `(asked.carry, `, greatest, `(0, asked.most + held.carried + held.granted - held.taken))
				ELSE asked.carry END AS brought
		FROM asked CROSS JOIN clock LEFT JOIN held ON held.id = asked.id
	), counted AS (
		SELECT found.*, most + brought + given AS allowance, `, greatest, `(0, most + brought + given - spent) AS remaining FROM found
	), standing AS MATERIALIZED (
		SELECT counted.*, CASE WHEN NOT untimely AND remaining >= fewest
			THEN fewest + `, least, `(want - fewest, (remaining - fewest) / share) ELSE 0 END AS take
		FROM counted
	)`)
}
