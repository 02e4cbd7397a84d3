package limits

import (
	"context"
	"time"

	"github.com/keystile/keystile/server/access"
)

// Pool is where replicas share rate limits. It keeps one GCRA state a Key, by a
// clock of its own that all replicas see alike.
//
// Every method honours ctx's deadline, makes one round trip (or one for each node
// of a cluster), and is safe for concurrent use. Answers stand in the order of what
// was asked. A Key that the pool does not know is whole.
//
// A state is worth no more than its Rate allows, whatever was written to it before:
// numbers of a limit may change from one call to the next, and so may the Burst that
// replicas ask with. Where the pool's clock or arithmetic is coarser than a
// nanosecond it rounds so that less is given.
type Pool interface {
	// Take gives tokens. For each ask it gives as many as there are up to Want, or,
	// if there are fewer than Least, none. Each ask is atomic by itself, and no ask
	// fails because of another. After an error nobody knows what was taken, and it is
	// as if it had been spent: the same call must not be sent twice.
	Take(ctx context.Context, asks []Ask) ([]Given, error)
	// Return gives unused tokens back. A state never becomes more than whole. It is
	// not tried again after an error, as a token that came back twice would be spent
	// twice; what could not be returned is lost, which errs towards refusing.
	Return(ctx context.Context, back []Back) error
	// Look tells how states stand, and takes nothing: Tokens is 0, and Retry is until
	// Least could be taken.
	Look(ctx context.Context, asks []Ask) ([]Given, error)
	// Reset makes states whole again.
	Reset(ctx context.Context, keys []Key) error
}

// Ask asks a pool for tokens.
type Ask struct {
	Key Key
	// Rate is what the pool holds the counter to. Its Burst is less than the limit's
	// by what replicas may hold.
	Rate access.Rate
	// Least is at least 1, and Want at least Least. Least may be more than the Burst,
	// and then can never be given.
	Want, Least int64
}

// Given is a pool's answer to an Ask. The zero Given gives nothing.
type Given struct {
	// Tokens is 0, or between Least and Want.
	Tokens int64
	// Left is what is left in the pool after it.
	Left int64
	// Reset is the time until the state is whole again; 0 when it is.
	Reset time.Duration
	// Retry, when nothing was given, is the time until Least could be, if nobody else
	// took any; access.Never when it can't be.
	Retry time.Duration
}

// Back returns tokens to a pool. Its Rate is as in the Ask that they came by.
type Back struct {
	Key    Key
	Rate   access.Rate
	Tokens int64
}
