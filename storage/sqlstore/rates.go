package sqlstore

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/keystile/keystile/storage"
)

// wholeFor is for how long a state that has become whole is kept, so that one that is
// used now and then is not removed and added all the time.
const wholeFor = 10 * time.Minute

// rateAnswer is how a state stands, with the tokens taken.
type rateAnswer struct {
	answer
	Tokens int64 `db:"tokens"`
	State  int64 `db:"state"`
	Now    int64 `db:"now"`
}

func rateID(a *storage.RateAsk) storage.CounterID { return a.ID }

// sensibleRate tells whether an ask can be counted with.
func sensibleRate(a *storage.RateAsk) bool {
	return a.Interval > 0 && a.Burst > 0 && a.Burst <= math.MaxInt64/4/a.Interval && a.Least > 0 && a.Want >= a.Least
}

// TakeRates takes tokens, many with one statement.
func (s *Store) TakeRates(ctx context.Context, asks []storage.RateAsk) ([]storage.RateGiven, error) {
	return s.askRates(ctx, "take_rates", asks, s.takeRates)
}

// LookRates looks at states, many with one statement.
func (s *Store) LookRates(ctx context.Context, asks []storage.RateAsk) ([]storage.RateGiven, error) {
	return s.askRates(ctx, "look_rates", asks, func(ctx context.Context, some []*storage.RateAsk) (answers []rateAnswer, err error) {
		c := s.counting(false)
		c.standingRates(some)
		c.add(" SELECT n, 0 AS tokens, tat AS state, now, true AS settled FROM standing")
		err = s.lookAt(ctx, func(q *session) error {
			answers, err = all[rateAnswer](q, c)
			return err
		})
		return answers, err
	})
}

func (s *Store) askRates(
	ctx context.Context, operation string, asks []storage.RateAsk,
	ask func(context.Context, []*storage.RateAsk) ([]rateAnswer, error),
) (given []storage.RateGiven, err error) {
	err = s.observed(ctx, operation, s.opts.OperationTimeout, func(ctx context.Context) error {
		answers, err := askCounters(asks, rateID, sensibleRate, func(some []*storage.RateAsk) ([]rateAnswer, error) { return ask(ctx, some) })
		given = make([]storage.RateGiven, len(answers))
		for i, a := range answers {
			given[i] = storage.RateGiven{Tokens: a.Tokens, State: a.State, Now: a.Now}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return given, nil
}

// standingRates tells how states stand, and of the tokens asked for how many there are.
// This is the arithmetic of access.Pace, and tested against it. A clock that is cut to
// microseconds stands before the true one, and so gives less.
func (c *counting) standingRates(asks []*storage.RateAsk) {
	rows := make([][]any, len(asks))
	for i, a := range asks {
		rows[i] = []any{a.ID[:], a.Interval, a.Burst, a.Want, a.Least}
	}
	c.asked("spacing, burst, want, fewest", rows)
	c.held("rate_counters")
	least, greatest := c.dialect.least, c.dialect.greatest
	c.add(`, found AS (
		SELECT asked.*, held.id IS NOT NULL AS kept, COALESCE(held.tat, 0) AS tat, clock.now * 1000 AS now
		FROM asked CROSS JOIN clock LEFT JOIN held ON held.id = asked.id
	), fitting AS (
		SELECT found.*, `, least, `(want, `, greatest, `(0, burst * spacing - `, greatest, `(0, tat - now)) / spacing) AS fit FROM found
	), standing AS MATERIALIZED (
		SELECT fitting.*, CASE WHEN fit >= fewest THEN fit ELSE 0 END AS tokens,
			CASE WHEN fit >= fewest THEN `, greatest, `(tat, now) + fit * spacing ELSE tat END AS state
		FROM fitting
	)`)
}

func (s *Store) takeRates(ctx context.Context, asks []*storage.RateAsk) (answers []rateAnswer, err error) {
	err = s.count(ctx, func(q *session) error {
		if answers, err = all[rateAnswer](q, s.takingRates(ctx, asks)); err != nil || s.Shared() {
			return err
		}
		var taken [][]any
		for _, a := range answers {
			if a.Tokens > 0 {
				taken = append(taken, []any{asks[a.N].ID[:], a.State})
			}
		}
		return q.putRows("rate_counters", "id, tat", "tat = excluded.tat", taken)
	})
	return answers, err
}

func (s *Store) takingRates(ctx context.Context, asks []*storage.RateAsk) *counting {
	c := s.counting(true)
	c.settings(ctx, false)
	c.standingRates(asks)
	if s.Shared() {
		c.add(`, updated AS (
			UPDATE rate_counters AS c SET tat = s.state FROM standing AS s WHERE c.id = s.id AND s.kept AND s.tokens > 0
		), added AS (
			INSERT INTO rate_counters (id, tat) SELECT id, state FROM standing WHERE NOT kept AND tokens > 0 ORDER BY id
			ON CONFLICT (id) DO NOTHING RETURNING id
		) SELECT n, tokens, state, now, kept OR tokens = 0 OR added.id IS NOT NULL AS settled FROM standing LEFT JOIN added ON added.id = standing.id`)
	} else {
		c.add(" SELECT n, tokens, state, now, true AS settled FROM standing")
	}
	return c
}

// ReturnRates gives tokens back to states that are kept.
func (s *Store) ReturnRates(ctx context.Context, back []storage.RateBack) error {
	const most = math.MaxInt64 / 4
	sums := map[storage.CounterID]int64{}
	for _, b := range back {
		if b.Interval > 0 && b.Tokens > 0 {
			sums[b.ID] = min(most, sums[b.ID]+min(b.Tokens, most/b.Interval)*b.Interval)
		}
	}
	return s.changeCounters(ctx, "return_rates", false, "rate_counters", "amount", rowsOf(sums),
		"UPDATE rate_counters AS c SET tat = "+s.dialect.greatest+"(0, c.tat - asked.amount) FROM asked CROSS JOIN clock WHERE c.id = asked.id AND clock.locked > 0")
}

// ResetRates removes states, which makes them whole.
func (s *Store) ResetRates(ctx context.Context, ids []storage.CounterID) error {
	each := map[storage.CounterID]int64{}
	for _, id := range ids {
		each[id] = 0
	}
	return s.changeCounters(ctx, "reset_rates", false, "rate_counters", "unused", rowsOf(each),
		"DELETE FROM rate_counters WHERE id IN (SELECT id FROM held)")
}

// ForgetRates removes states that have been whole for a while.
func (s *Store) ForgetRates(ctx context.Context) error {
	return s.forgetCounters(ctx, "forget_rates", "rate_counters", func(now string) string {
		return "tat < (" + now + " - " + strconv.FormatInt(wholeFor.Microseconds(), 10) + ") * 1000"
	})
}
