package storepool

import "context"

// within does work, and waits for it no longer than ctx lasts. A database that the
// network has swallowed is given time to heed that a statement was cancelled, which is
// more than a check has. What is told too late nobody hears: it counts as spent.
func within[T any](ctx context.Context, work func(context.Context) (T, error)) (T, error) {
	type told struct {
		answer T
		err    error
	}
	answers := make(chan told, 1)
	go func() {
		answer, err := work(ctx)
		answers <- told{answer, err}
	}()
	select {
	case t := <-answers:
		return t.answer, t.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err() //nolint:wrapcheck // it is the caller's own
	}
}
