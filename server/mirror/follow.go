package mirror

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/keystile/keystile/storage"
)

// The longest pause between two tries while the store is away, and the most
// time one look at the change log may take.
const (
	maxPause    = 2 * time.Second
	syncTimeout = 5 * time.Second
)

// Run follows the store until ctx ends. It never gives up: while the store is
// away it tries again after pauses that grow, with jitter so that replicas do
// not come back in step.
func (m *Mirror) Run(ctx context.Context) {
	pause := m.opts.PollInterval
	for {
		if err := m.Sync(ctx); err != nil {
			pause = min(2*pause, max(maxPause, m.opts.PollInterval))
		} else {
			pause = m.opts.PollInterval
		}
		m.mu.Lock()
		m.round = m.opts.Now()
		m.mu.Unlock()
		timer := time.NewTimer(jittered(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-m.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// LastRound tells when Run last ended a sync, whatever came of it; the zero time
// before the first. A round that does not end means that the loop is stuck.
func (m *Mirror) LastRound() time.Time {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.round
}

// jittered spreads a pause over 75 to 125 percent of it.
func jittered(pause time.Duration) time.Duration {
	return pause*3/4 + rand.N(pause/2+1) //nolint:gosec // spreads load, guards nothing
}

// Wake asks for a sync now.
func (m *Mirror) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// CatchUp waits until the copy shows revision, or ctx ends.
func (m *Mirror) CatchUp(ctx context.Context, revision int64) error {
	for {
		m.mu.RLock()
		have, ready, advanced := m.position.Revision, !m.synced.IsZero(), m.advanced
		m.mu.RUnlock()
		if ready && have >= revision {
			return nil
		}
		m.Wake()
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for revision %d: %w", revision, ctx.Err())
		case <-advanced:
		}
	}
}

// Sync brings the copy up to the store's present once.
func (m *Mirror) Sync(ctx context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	began := m.opts.Now()
	report := SyncReport{}
	m.mu.RLock()
	since, ready := m.position, !m.synced.IsZero()
	m.mu.RUnlock()

	if ready {
		ctx, cancel := context.WithTimeout(ctx, syncTimeout)
		defer cancel()
		changes, err := m.source.ChangesSince(ctx, since)
		if err == nil && !changes.Reset {
			m.advance(began, &changes)
		}
		report.Snapshot = err == nil && changes.Reset
		report.Unreadable, report.Err = changes.Records.Unreadable, err
	} else {
		report.Snapshot = true
	}
	if report.Snapshot {
		report.Unreadable, report.Err = m.replace(ctx, began)
	}
	report.Took = m.opts.Now().Sub(began)
	m.opts.Report(report)
	return report.Err
}

// advance applies changes so that a reader sees all of them or none.
func (m *Mirror) advance(began time.Time, changes *storage.Changes) {
	// Syncs run one at a time and nothing else changes the state, so that it can
	// be read here without the lock.
	routes := m.state.nextRoutes(&changes.Records, changes.Gone)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.update(&changes.Records, changes.Gone, routes)
	m.arrive(began, changes.Now)
}

// replace takes a snapshot, and puts it in place of the copy once it is whole.
func (m *Mirror) replace(ctx context.Context, began time.Time) (unreadable int, err error) {
	records, position, _, err := m.source.Snapshot(ctx)
	if err != nil {
		return 0, fmt.Errorf("taking a snapshot: %w", err)
	}
	fresh := newState()
	fresh.update(&records, nil, fresh.nextRoutes(&records, nil))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = fresh
	m.arrive(began, position)
	return records.Unreadable, nil
}

// arrive notes that the copy shows position as of began. The lock is held.
func (m *Mirror) arrive(began time.Time, position storage.Position) {
	if m.synced.IsZero() || m.position != position {
		close(m.advanced)
		m.advanced = make(chan struct{})
	}
	m.synced = began
	m.position = position
}
