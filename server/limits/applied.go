package limits

import (
	"errors"
	"time"

	"github.com/keystile/keystile/storage"
)

// MaxApplied is how many subjects' limits may apply to one call: one of each kind.
const MaxApplied = 6

// ErrUndecided means that nothing can be said of a limit. It is never a yes, and no
// refusal either.
var ErrUndecided = errors.New("limits can't be decided")

// Applied says that a subject's limits apply to a call. Limits are shared with the
// record that they stand in, and are neither written nor kept longer than they are the
// newest; nil, like empty ones, bounds nothing.
type Applied struct {
	Subject Subject
	Limits  *storage.Limits
}

// Outcome is what limits say to a call. The zero Outcome refuses.
type Outcome struct {
	Allowed bool
	// Limit is, of a refusal, the limit that refused, and of several the one that will
	// the longest. Else it is the tightest: the one with the least left. Its Subject is
	// NoKind when no limit applies.
	Limit State
}

// State is how a limit stands.
type State struct {
	Subject Kind
	Name    string
	// Quota tells a quota from a rate limit.
	Quota bool
	// Limit is a rate limit's burst, and a quota's limit with what was carried over and
	// granted.
	Limit     int64
	Remaining int64
	// Requests and Period are a rate limit's.
	Requests int64
	Period   time.Duration
	// Reset is the time until a rate limit is whole again, or a quota's period ends; 0
	// for one that never does.
	Reset time.Duration
	// Retry, of a refusal, is the time until the call would fit if no other came;
	// access.Never when it never will.
	Retry time.Duration
	// Degraded is true when it was decided, or is told, without what replicas share.
	Degraded bool
}
