package mirror

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/keystile/keystile/storage"
)

// The longest pause between two tries while the store is away, and the most
// time one look at the change log may take.
const (
	maxPause = 2 * time.Second
	// progressEvery is how often a snapshot that takes long tells how far it is.
	progressEvery = 3 * time.Second
	syncTimeout   = 5 * time.Second
)

// Run follows the store until ctx ends. It never gives up: while the store is
// away it tries again after pauses that grow, with jitter so that replicas do
// not come back in step. In the end it gives up the lease, and the copy is
// answered from no more.
func (m *Mirror) Run(ctx context.Context) {
	defer m.leave() //nolint:contextcheck // it runs when ctx is over
	var listening sync.WaitGroup
	defer listening.Wait()
	if m.shared() && !m.opts.Deaf {
		listening.Go(func() { m.opts.Replicas.Listen(ctx, m.woken) })
	}
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

// CatchUp waits until the copy shows revision, or ctx ends, and has it look at the
// store meanwhile: for a revision that is known to be there.
func (m *Mirror) CatchUp(ctx context.Context, revision int64) error {
	return m.await(ctx, revision, m.Wake)
}

// Await does so without looking oftener than at other times: for a revision that
// a client names, which may not exist.
func (m *Mirror) Await(ctx context.Context, revision int64) error {
	return m.await(ctx, revision, func() {})
}

func (m *Mirror) await(ctx context.Context, revision int64, look func()) error {
	for {
		m.mu.RLock()
		have, ready, advanced := m.position.Revision, !m.synced.IsZero(), m.advanced
		m.mu.RUnlock()
		if ready && have >= revision {
			return nil
		}
		look()
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for revision %d: %w", revision, ctx.Err())
		case <-advanced:
		}
	}
}

// Sync brings the copy up to the store's present once.
//
// The lease is renewed first, where it is due, and the change log is read after
// that. So whatever was committed before the renewal is applied before the copy is
// answered from for any longer; and what is committed after it knows of this
// replica, and of the time by which it stops.
func (m *Mirror) Sync(ctx context.Context) error {
	m.syncing.Lock()
	defer m.syncing.Unlock()
	began := m.opts.Now()
	report := SyncReport{}
	m.mu.RLock()
	before, ready := m.position, !m.synced.IsZero()
	m.mu.RUnlock()

	if !ready || m.torn {
		report.Snapshot = true
		report.Unreadable, report.Err = m.replace(ctx)
	}
	if report.Err == nil {
		renewal := m.renew(ctx, began, ready)
		snapshot, unreadable, err := m.look(ctx, m.opts.Now())
		report.Snapshot = report.Snapshot || snapshot
		report.Unreadable += unreadable
		report.Err = errors.Join(renewal, err)
	}
	if report.Err == nil && m.moves(before) {
		// Those who wait for this replica are told at once.
		report.Err = m.renew(ctx, m.opts.Now(), false)
	}
	if report.Err == nil && report.Snapshot {
		// The lease may begin with a look at what was written since.
		m.Wake()
	}
	report.Took = m.opts.Now().Sub(began)
	m.opts.Report(report)
	return report.Err
}

// Refresh brings the copy up to the store's present, and gives the revision that
// it shows then: that of every write that was committed before.
func (m *Mirror) Refresh(ctx context.Context) (revision int64, err error) {
	if err := m.Sync(ctx); err != nil {
		return 0, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.position.Revision, nil
}

// look reads what was written since the last look, and puts it in place.
func (m *Mirror) look(ctx context.Context, began time.Time) (snapshot bool, unreadable int, err error) {
	m.mu.RLock()
	since := m.position
	m.mu.RUnlock()
	bounded, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	changes, err := m.source.ChangesSince(bounded, since)
	switch {
	case err != nil:
		return false, 0, err //nolint:wrapcheck // it says what it was doing
	case !changes.Reset:
		refused := m.advance(began, &changes)
		return false, changes.Records.Unreadable + refused, nil
	case changes.Rewound:
		m.distrust()
	}
	unreadable, err = m.replace(ctx)
	return true, unreadable, err
}

// moves tells whether the copy shows another position than before.
func (m *Mirror) moves(before storage.Position) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.position != before
}

// advance applies changes so that a reader sees all of them or none, and extends
// the lease: they were read after its renewal.
func (m *Mirror) advance(began time.Time, changes *storage.Changes) (refused int) {
	if mutantSkipApply {
		changes.Records.Keys = slices.DeleteFunc(changes.Records.Keys, func(k *storage.Key) bool { return k.Version > 1 })
	}
	// Syncs run one at a time and nothing else changes the state, so that it can
	// be read here without the lock.
	routes := m.state.nextRoutes(&changes.Records, changes.Gone)
	m.mu.Lock()
	defer m.mu.Unlock()
	refused = m.state.update(&changes.Records, changes.Gone, routes)
	m.arrive(changes.Now)
	m.synced, m.leased = began, began
	if m.shared() {
		m.leased = m.renewed
	}
	return refused
}

// replace takes a snapshot. Its keys and users take the place of those of the copy
// one by one, as millions of them must not be held twice, and what is not in it goes
// in the end; all else changes at once. Meanwhile a check may see a key as it is in
// the snapshot beside a role as it was before: each of them as new as the lease says,
// or newer. A snapshot that turns out to be of another store, or of an older moment,
// than the copy was read from ends the lease before anything of it is taken. It
// extends no lease: what was committed since is not in it.
func (m *Mirror) replace(ctx context.Context) (unreadable int, err error) {
	// Syncs run one at a time and nothing else changes the state.
	fresh := newState(m.state.records, m.state.rolesAt)
	fresh.records.BeginRound()
	m.torn = true
	m.mu.RLock()
	before := m.position
	m.mu.RUnlock()
	keys, told := 0, m.opts.Now()
	position, _, err := m.source.Snapshot(ctx, func(at storage.Position, part storage.Records) error {
		if at.StoreID != before.StoreID || at.Revision < before.Revision {
			m.distrust()
		}
		keys += len(part.Keys)
		if now := m.opts.Now(); now.Sub(told) >= progressEvery {
			told = now
			m.opts.Progress(keys)
		}
		unreadable += part.Unreadable + fresh.update(&part, nil, fresh.nextRoutes(&part, nil))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("taking a snapshot: %w", err)
	}
	fresh.records.Sweep()
	m.torn = false
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = fresh
	m.arrive(position)
	return unreadable, nil
}

// arrive notes that the copy shows a position. The lock is held.
func (m *Mirror) arrive(position storage.Position) {
	if !m.synced.IsZero() && m.position == position {
		return
	}
	m.position = position
	close(m.advanced)
	m.advanced = make(chan struct{})
}
