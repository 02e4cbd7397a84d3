package sqlstore

import (
	"context"
	"slices"

	"github.com/keystile/keystile/storage"
)

// countersAtOnce bounds the counters in one statement, for the reason that rowsAtOnce
// has, and so that nobody waits long for those that it locks.
const countersAtOnce = 100

// count runs what reads or changes counters: one statement that is a transaction by
// itself, or on SQLite a short transaction.
//
// work makes its statement when there is a connection, as that says how long to wait for
// locks. What was sent is not sent again, since it may have taken effect; but for a
// transaction of which the database says that it lost against another. That is why a
// connection is taken from the pool first: the pool itself sends a statement again on
// another connection when the one that it was sent on has broken.
func (s *Store) count(ctx context.Context, work func(*session) error) error {
	return retried(ctx, func() (lost bool, err error) {
		if s.Shared() {
			err = s.countOnce(ctx, work)
		} else {
			err = s.transaction(ctx, s.counters, s.dialect.writeOptions, s.dialect.limits, func(q *session) (bool, error) {
				return true, work(q)
			})
		}
		return err != nil && s.lost(err), err
	})
}

func (s *Store) countOnce(ctx context.Context, work func(*session) error) error {
	conn, err := s.counters.Connx(ctx)
	if err != nil {
		return s.dialect.classify(ctx, err)
	}
	err = work(&session{ctx: ctx, tx: conn, dialect: s.dialect})
	_ = conn.Close() // gives it back; an error of that concerns nobody
	if err != nil && ctx.Err() == nil && unreachable(err) {
		// The server has gone, or has been there anew since: the idle connections are of
		// no more use than this one was, and each would cost a call to find out.
		s.counters.SetMaxIdleConns(0)
		s.counters.SetMaxIdleConns(s.counters.Stats().MaxOpenConnections)
	}
	return err
}

// lookAt runs what only looks at counters.
func (s *Store) lookAt(ctx context.Context, work func(*session) error) error {
	if s.Shared() {
		return s.count(ctx, work)
	}
	return s.oneMoment(ctx, s.reader, s.dialect.limits, work)
}

// answer is what the answers about counters have in common.
type answer struct {
	// N is the number of what was asked.
	N int `db:"n"`
	// Settled is false when another was faster to add the counter. Then nothing was
	// done.
	Settled bool `db:"settled"`
}

func (a answer) told() (n int, settled bool) { return a.N, a.Settled }

// askCounters asks in batches, and gives an answer to each of asks; to what makes no
// sense the zero one. What is not settled is asked again.
func askCounters[A any, R interface{ told() (int, bool) }](
	asks []A, id func(*A) storage.CounterID, sensible func(*A) bool, ask func(some []*A) ([]R, error),
) ([]R, error) {
	answers := make([]R, len(asks))
	for _, batch := range counterBatches(asks, id, sensible) {
		for try := 0; len(batch) > 0 && try < writeTries; try++ {
			some := make([]*A, len(batch))
			for n, i := range batch {
				some[n] = &asks[i]
			}
			told, err := ask(some)
			if err != nil {
				return nil, err
			}
			var again []int
			for _, r := range told {
				if n, settled := r.told(); settled {
					answers[batch[n]] = r
				} else {
					again = append(again, batch[n])
				}
			}
			slices.Sort(again)
			batch = again
		}
	}
	return answers, nil
}

// counterBatches parts the indexes of what makes sense so that no batch has an id
// twice, and each is in the order of ids. What is asked of one id stays in order.
func counterBatches[A any](asks []A, id func(*A) storage.CounterID, sensible func(*A) bool) (batches [][]int) {
	var order []int
	for i := range asks {
		if sensible(&asks[i]) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := id(&asks[a]), id(&asks[b])
		return slices.Compare(x[:], y[:])
	})
	var rounds [][]int
	round := 0
	for k, i := range order {
		if round++; k == 0 || id(&asks[order[k-1]]) != id(&asks[i]) {
			round = 0
		}
		if round == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[round] = append(rounds[round], i)
	}
	for _, all := range rounds {
		batches = slices.AppendSeq(batches, slices.Chunk(all, countersAtOnce))
	}
	return batches
}

// all gives all rows of a statement. Only the last tells that it has been committed, so
// it is read to its end.
func all[T any](q *session, c *counting) (rows []T, err error) {
	err = each(q, func(row *T) error {
		rows = append(rows, *row)
		return nil
	}, c.text.String(), c.args...)
	return rows, err
}
