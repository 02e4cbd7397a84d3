package mirror

import (
	"sync"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror/slab"
	"github.com/keystile/keystile/storage"
)

// Options say how a Mirror follows its store. The zero value of a field is its
// default.
type Options struct {
	// MaxStaleness is how long the copy may be answered from after the last
	// successful sync began; default 30 s.
	MaxStaleness time.Duration
	// PollInterval is how often the change log is looked at; default 250 ms.
	PollInterval time.Duration
	// Now is the clock; default time.Now. It must carry a monotonic reading.
	Now func() time.Time
	// StaleCeiling, when longer than MaxStaleness, is how long the copy is answered
	// from in all, marked as stale from MaxStaleness on.
	StaleCeiling time.Duration
	// Replicas is where this process holds a lease, under the name of ReplicaID,
	// while others may answer from the store too. Nil is alone.
	Replicas  storage.Replicas
	ReplicaID string
	// Deaf has the mirror not listen for wakes, and look at every PollInterval
	// alone.
	Deaf bool
	// Progress, if given, is told now and then how many keys of a snapshot have been
	// read.
	Progress func(keys int)
	// Report, if given, is told how each sync ended.
	Report func(SyncReport)
}

// bound is how long the copy is answered from at the most.
func (o *Options) bound() time.Duration { return max(o.MaxStaleness, o.StaleCeiling) }

// SyncReport says how one sync ended.
type SyncReport struct {
	Took time.Duration
	// Snapshot is true when everything was read anew.
	Snapshot bool
	// Unreadable counts records that could not be read in full.
	Unreadable int
	Err        error
}

// Mirror is the in-memory copy. All its methods may be called at any time from
// any goroutine. Before the first sync it is not fresh, and knows no key.
type Mirror struct {
	source storage.Log
	opts   Options
	wake   chan struct{}

	// syncing lets one sync run at a time; readers never wait for it.
	syncing sync.Mutex

	// renewed is when the last renewal of the lease began that succeeded. Only the
	// sync that runs touches it.
	renewed time.Time
	// torn is true from the beginning of a snapshot until one is whole: keys and users
	// may be of another story meanwhile than the position says, and nothing but a
	// snapshot mends that. Only the sync that runs touches it.
	torn bool

	mu    sync.RWMutex
	state *state
	// synced is when the last successful sync began, and leased from when on the
	// copy may be answered from for as long as the options say: the beginning of
	// the last renewal that a successful look at the change log followed.
	synced, leased time.Time
	position       storage.Position
	// round is when Run last ended a sync, whatever came of it.
	round time.Time
	// advanced is closed and replaced whenever the position moves, moved whenever
	// another replica may have.
	advanced, moved chan struct{}
}

// New makes a Mirror of source that is empty until it is synced; call Run.
func New(source storage.Log, opts Options) *Mirror {
	if opts.MaxStaleness <= 0 {
		opts.MaxStaleness = 30 * time.Second
	}
	if opts.PollInterval <= 0 {
		opts.PollInterval = 250 * time.Millisecond
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Progress == nil {
		opts.Progress = func(int) {}
	}
	if opts.Report == nil {
		opts.Report = func(SyncReport) {}
	}
	return &Mirror{
		source:   source,
		opts:     opts,
		wake:     make(chan struct{}, 1),
		state:    newState(slab.New(slab.Options{}), 0),
		advanced: make(chan struct{}),
		moved:    make(chan struct{}),
	}
}

// Room is where a key and its user are put that were looked up. The records of a
// Grant lie in the room that was given for it, until that is used again; their
// strings, lists and maps may be kept for longer.
//
// The zero Room is ready. One room serves one lookup at a time.
type Room struct {
	found slab.Found
	// again is true while last, if it is there, is what the present aim led to.
	again bool
	last  matched
}

// Ask says that the next question is about to be asked, and whether its aim is the
// same as that of the question before: what that led to need not be found again
// then, if nothing has changed since. Without it, everything is found anew.
func (r *Room) Ask(sameAim bool) {
	r.again = sameAim
	if !sameAim {
		r.last = matched{}
	}
}

// matched is what a request led to, and in which state.
type matched struct {
	in     *state
	at     uint64
	target access.Target
}

// Lookup gives the evidence about the key that a digest belongs to, and about
// what an aim leads to, as of one moment. Ask for Freshness before it: the copy
// only gets younger. When there is no such key, g is zero.
func (m *Mirror) Lookup(digest *storage.Digest, aim *access.Aim, room *Room, g *access.Grant) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	*g = access.Grant{}
	if !m.state.records.Lookup(*digest, &room.found) {
		return false
	}
	m.state.grant(room, aim, g)
	return true
}

// LookupID does so for a key by its id, as if the secret in use were presented.
// Deleted keys are not known.
func (m *Mirror) LookupID(keyID string, aim *access.Aim) (access.Grant, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	room := &Room{}
	if !m.state.records.ByID(keyID, &room.found) {
		return access.Grant{}, false
	}
	var g access.Grant
	m.state.grant(room, aim, &g)
	return g, true
}

// LookupTarget gives what an aim leads to, for a call without a key.
func (m *Mirror) LookupTarget(aim *access.Aim) access.Target {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.state.target(nil, aim, &Room{})
}

// Freshness says how old the copy is.
type Freshness struct {
	// Age is the time since the last successful sync began.
	Age time.Duration
	// Revision is the change-log position that the copy shows.
	Revision int64
	// Ready is true once there is a whole copy.
	Ready bool
	// Fresh is true while the copy may be answered from, Stale when that is only
	// because the options extend it.
	Fresh, Stale bool
	// Left is for how much longer it may be, if no sync succeeds.
	Left time.Duration
}

// Freshness tells how old the copy is now.
func (m *Mirror) Freshness() Freshness { return m.FreshnessAt(m.opts.Now()) }

// FreshnessAt tells how old the copy is at a moment, by the clock of the options. It
// must not lie before the question that is answered from the copy.
func (m *Mirror) FreshnessAt(now time.Time) Freshness {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.synced.IsZero() {
		return Freshness{}
	}
	f := Freshness{Age: elapsed(m.synced, now), Revision: m.position.Revision, Ready: true}
	if m.leased.IsZero() {
		return f
	}
	held := elapsed(m.leased, now)
	f.Fresh, f.Stale = held < m.opts.bound() || mutantNoLease, held >= m.opts.MaxStaleness
	f.Left = max(0, m.opts.bound()-held)
	return f
}

// elapsed is the time from one reading of the clock to another: the monotonic
// difference or the one of the wall clock, whichever is longer. The monotonic
// clock stands still while the machine is suspended, and the wall clock can be
// set back; the longer one is wrong only towards refusing.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
