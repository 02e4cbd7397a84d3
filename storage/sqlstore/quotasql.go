package sqlstore

import (
	"math"
	"time"

	"github.com/keystile/keystile/storage"
)

const (
	// periodSlack is by how much the clocks of replicas may differ from the store's.
	periodSlack = time.Minute
	// keptCarry is for how long what a quota carries over is remembered of one that
	// nobody uses, and keptOver for how long anything is kept that could be forgotten.
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

const quotaColumns = "id, owner, period, taken, carried, granted, keep_until"

// quotaUpdate writes over all but the owner.
const quotaUpdate = "period = excluded.period, taken = excluded.taken, carried = excluded.carried, granted = excluded.granted, keep_until = excluded.keep_until"

// row is what is to be kept of a quota.
func (a *quotaAnswer) row(d *storage.QuotaDraw) []any {
	return []any{d.ID[:], d.Owner, d.Period, a.Spent + a.Taken, a.Carried, a.Granted, keepUntil(d)}
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

// quotasStanding tells of it, and takes nothing.
const quotasStanding = " SELECT n, untimely, 0 AS taken, remaining, allowance, kept, begins, spent, brought, given, true AS settled FROM standing"
