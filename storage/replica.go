package storage

import (
	"context"
	"time"
)

// Replica is a server process that answers checks from a copy of the store.
type Replica struct {
	// ID is drawn at the process's start, and never used again.
	ID string
	// Position is what its copy shows, at least.
	Position Position
	// Bound is for how long, from the start of a look at the store, the process
	// answers from what it saw there: its last word on that, every extension
	// included.
	Bound time.Duration
	// RenewTime is when it last renewed its lease, by the store's clock. Only the
	// store writes it.
	RenewTime time.Time
}

// StopTime is by when, on the store's clock, the replica decides nothing any more
// from what it saw before its last renewal, if it does not renew again. A clock
// may run a hundredth slower than the store's, and skew covers the rest.
func (r *Replica) StopTime(skew time.Duration) time.Time {
	return r.RenewTime.Add(r.Bound + r.Bound/100 + skew)
}

// Replicas remembers which processes answer from the store, so that a write
// knows whom to wait for.
//
// A process renews its lease, then looks at the change log, and from then on
// answers for Bound from the moment before the renewal. So whatever was committed
// before a renewal is known to who goes by that renewal, and a process that has
// not seen a change stops to answer by RenewTime + Bound at the latest.
type Replicas interface {
	// Shared tells whether other processes may answer from this store. When they
	// can't, the methods below do nothing and know nobody.
	Shared() bool
	// RenewLease notes a replica, or notes it anew, as of now. Leases that have run
	// out long ago are removed on the way.
	RenewLease(ctx context.Context, r Replica) error
	// DropLease forgets a replica that answers no more.
	DropLease(ctx context.Context, id string) error
	// ListReplicas gives every replica whose StopTime has not passed, and the
	// store's clock. The Revision of one whose copy is not of this store, or of a
	// story that the store has lost, is -1.
	ListReplicas(ctx context.Context, skew time.Duration) ([]Replica, time.Time, error)
	// Listen calls wake whenever another process has written, or has renewed a
	// lease at another position, until ctx ends. It is a hint: wakes may come for
	// nothing, and may be lost, for good too where the way to the store carries
	// none. After a connection was lost it wakes once, as anything may have
	// happened. It never gives up, and returns when ctx ends.
	Listen(ctx context.Context, wake func(Woken))
}

// Woken says what a wake is about. The zero value is anything.
type Woken struct {
	// Written is true when the change log may have grown, Renewed when a replica
	// may have moved.
	Written, Renewed bool
}
