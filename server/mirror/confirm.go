package mirror

import (
	"context"
	"time"

	"github.com/keystile/keystile/storage"
)

// How long Confirm pauses before it looks again at who has moved, unless it is
// woken: short at first, and longer the longer it takes.
const (
	firstLook = 5 * time.Millisecond
	lastLook  = 250 * time.Millisecond
)

// Straggler is a replica that has not applied a write.
type Straggler struct {
	ID string
	// Stop is by when it has, or decides nothing any more, by the store's clock.
	Stop time.Time
}

// Confirm waits until every other replica that may answer checks has applied what
// was committed at revision, but no longer than wait, and gives those that have
// not. This replica must have applied it already; see CatchUp. An error means that
// the store could not tell.
//
// Who is not listed did not hold a lease when that was asked, which is after the
// commit: whatever it answers from later, it has read after that.
func (m *Mirror) Confirm(ctx context.Context, revision int64, wait time.Duration) ([]Straggler, error) {
	if !m.shared() {
		return nil, nil
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		m.mu.RLock()
		moved := m.moved
		m.mu.RUnlock()
		list, _, err := m.opts.Replicas.ListReplicas(ctx, clockSkew)
		if err != nil {
			return nil, err //nolint:wrapcheck // it says what it was doing
		}
		behind := m.behind(list, revision)
		if len(behind) == 0 || wait <= 0 {
			return behind, nil
		}
		again := time.NewTimer(pause)
		select {
		case <-moved:
		case <-again.C:
		case <-over.C:
			again.Stop()
			return behind, nil
		case <-ctx.Done():
			again.Stop()
			return behind, nil
		}
		again.Stop()
	}
}

func (m *Mirror) behind(list []storage.Replica, revision int64) []Straggler {
	var out []Straggler
	for i := range list {
		if r := &list[i]; r.ID != m.opts.ReplicaID && r.Position.Revision < revision {
			out = append(out, Straggler{ID: r.ID, Stop: r.StopTime(clockSkew)})
		}
	}
	return out
}
