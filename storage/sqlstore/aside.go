package sqlstore

import "context"

// aside runs work that belongs to no record's history, usage and decisions, in
// one transaction on the pool that is theirs.
func (s *Store) aside(ctx context.Context, work func(*session) error) error {
	return retried(ctx, func() (lost bool, err error) {
		err = s.transaction(ctx, s.usage, s.dialect.writeOptions, s.dialect.limits, func(q *session) (bool, error) {
			return true, work(q)
		})
		return err != nil && s.lost(err), err
	})
}
