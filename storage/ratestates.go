package storage

import "context"

// CounterID names a counter of a limit. It tells nothing of what is counted.
type CounterID [16]byte

// RateStates keeps the states of rate limits that replicas share. A state is one
// number of the generic cell rate algorithm: the moment at which it is whole again, in
// nanoseconds since the Unix epoch, by the store's own clock. One that is not kept is
// whole.
//
// Answers stand in the order of what was asked. An id may be asked for several times
// in one call; each ask is then answered after the one before. What the store's clock
// is coarser by than a nanosecond makes it give less, not more.
//
// States are no records: they have no version, no audit event and no change-log row.
// When the store itself crashes, the takes of its last moment may be forgotten.
type RateStates interface {
	// TakeRates takes tokens: for each ask as many as there are up to Want or, if there
	// are fewer than Least, none. Asks are atomic one by one, and none fails because of
	// another. After an error it is open what was taken, and the same call must not be
	// made again: no call of this interface is sent to the database twice, unless that
	// has said that nothing came of it.
	TakeRates(ctx context.Context, asks []RateAsk) ([]RateGiven, error)
	// ReturnRates gives tokens back, to states that are kept. A state never becomes more
	// than whole.
	ReturnRates(ctx context.Context, back []RateBack) error
	// LookRates tells how states stand, and takes nothing.
	LookRates(ctx context.Context, asks []RateAsk) ([]RateGiven, error)
	// ResetRates makes states whole.
	ResetRates(ctx context.Context, ids []CounterID) error
	// ForgetRates removes states that have been whole for a while.
	ForgetRates(ctx context.Context) error
}

// RateAsk asks for tokens of a rate limit. The zero RateAsk is given nothing, and so
// is one whose numbers make no sense.
type RateAsk struct {
	ID CounterID
	// Interval is how many nanoseconds bring one token, and Burst how many tokens a
	// whole state has. Their product is at most a quarter of what an int64 holds.
	Interval, Burst int64
	// Least is at least 1, and Want at least Least.
	Want, Least int64
}

// RateGiven answers a RateAsk. The zero RateGiven gives nothing.
type RateGiven struct {
	// Tokens is 0, or between Least and Want.
	Tokens int64
	// State is the moment at which the state is whole, with the tokens taken, and Now
	// the moment at which that was found; both in nanoseconds since the Unix epoch.
	State, Now int64
}

// RateBack gives tokens back. Its Interval is that of the RateAsk they came by.
type RateBack struct {
	ID               CounterID
	Interval, Tokens int64
}
