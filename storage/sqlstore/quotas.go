package sqlstore

import (
	"context"

	"github.com/keystile/keystile/storage"
)

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

func (s *Store) takeQuotas(ctx context.Context, draws []*storage.QuotaDraw) (answers []quotaAnswer, err error) {
	err = s.count(ctx, func(q *session) error {
		if answers, err = all[quotaAnswer](q, s.takingQuotas(ctx, draws)); err != nil || s.Shared() {
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

func (s *Store) takingQuotas(ctx context.Context, draws []*storage.QuotaDraw) *counting {
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
	return c
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
