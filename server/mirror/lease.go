package mirror

import (
	"context"
	"time"

	"github.com/keystile/keystile/storage"
)

const (
	// renewInterval is how often the lease is renewed; oftener with a bound so
	// short that a renewal that is late would matter.
	renewInterval = time.Second
	// clockSkew is what is added to another replica's bound before it is taken to
	// have stopped.
	clockSkew = time.Second
	// leaveTimeout is the time for giving up the lease at the end.
	leaveTimeout = 2 * time.Second
)

// shared tells whether others may answer from the store too.
func (m *Mirror) shared() bool { return m.opts.Replicas != nil && m.opts.Replicas.Shared() }

// renew renews the lease as of began, unless it may wait and is not due.
func (m *Mirror) renew(ctx context.Context, began time.Time, mayWait bool) error {
	every := min(renewInterval, m.opts.MaxStaleness/4)
	if !m.shared() || mayWait && elapsed(m.renewed, began) < every {
		return nil
	}
	m.mu.RLock()
	position := m.position
	m.mu.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	if err := m.opts.Replicas.RenewLease(ctx, storage.Replica{ID: m.opts.ReplicaID, Position: position, Bound: m.opts.bound()}); err != nil {
		return err //nolint:wrapcheck // it says what it was doing
	}
	m.renewed = began
	return nil
}

// distrust keeps the copy from being answered from until it has been made anew: the
// store it was read from is not the one that is there, which knows of no lease of
// this replica's either. Only the sync that runs calls it.
func (m *Mirror) distrust() {
	m.renewed = time.Time{}
	m.endLease()
}

// endLease has the copy answered from no more.
func (m *Mirror) endLease() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leased = time.Time{}
}

// leave gives the lease up, once nothing is answered any more.
func (m *Mirror) leave() {
	m.endLease()
	if !m.shared() {
		return
	}
	// The context of Run is over; whoever waits for this replica should not.
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = m.opts.Replicas.DropLease(ctx, m.opts.ReplicaID)
}

// woken is told of wakes.
func (m *Mirror) woken(w storage.Woken) {
	anything := w == (storage.Woken{})
	if w.Written || anything {
		m.Wake()
	}
	if w.Renewed || anything {
		m.mu.Lock()
		close(m.moved)
		m.moved = make(chan struct{})
		m.mu.Unlock()
	}
}
