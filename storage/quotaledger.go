package storage

import "context"

// QuotaLedger keeps what was taken of quotas. A quota is money: over all replicas,
// crashes and restarts no more is taken of a period than its allowance, which is its
// limit, what was carried over from the period before, and credits that were granted.
// What was taken is spent until it is returned.
//
// Answers stand in the order of what was asked. An id may be asked for several times
// in one call; each draw is then answered after the one before. The ledger is no
// record: it has no version, no audit event and no change-log row, but for what a Tx
// does to it.
type QuotaLedger interface {
	// TakeQuotas takes units. For each draw with Least units left it takes Least and, of
	// what is left beyond, one Share-th up to Want in all; for others it takes nothing.
	// Draws are atomic one by one, and none fails because of another. What it answers is
	// on the disk. After an error it is open what was taken, and counts as spent; the same
	// call must not be made again: no call of this interface is sent to the database
	// twice, unless that has said that nothing came of it.
	//
	// A draw on a later Period than the kept one begins that period, with what is
	// carried over: what was left of the kept one, up to Carry, if that is Previous; Carry
	// if it is older, since a whole period went unused; nothing if none is kept. A draw
	// on an earlier Period than the kept one is untimely.
	TakeQuotas(ctx context.Context, draws []QuotaDraw) ([]QuotaDrawn, error)
	// ReturnQuotas gives units back to the period they are of; if that is no longer kept
	// they stay spent.
	ReturnQuotas(ctx context.Context, back []QuotaUnspent) error
	// LookQuotas tells how quotas stand. It takes nothing and begins no period; Left is
	// what there would be if the period began now.
	LookQuotas(ctx context.Context, draws []QuotaDraw) ([]QuotaDrawn, error)
	// ForgetQuotas removes what is kept of periods that are long past: without Carry,
	// when the period after is past too; with Carry, when that is so for a year, after
	// which nothing is carried over. A quota without periods is kept until its owner is
	// purged.
	ForgetQuotas(ctx context.Context) error
}

// QuotaDraw asks for units of a quota. The zero QuotaDraw is given nothing, and so is
// one whose numbers make no sense.
type QuotaDraw struct {
	ID CounterID
	// Owner is the tenant with which what is kept is purged. It is noted when the first
	// period begins.
	Owner string
	// Limit is what a period has, and Carry the most that is carried over to it. Neither
	// is more than 10^15.
	Limit, Carry int64
	// Period is the start of the period, Next the first moment after it, and Previous the
	// start of the one before, in microseconds since the Unix epoch. A quota without
	// periods has 0, math.MaxInt64 and 0. By the store's clock the period must not be over,
	// or not have begun, by more than a minute.
	Period, Next, Previous int64
	// Least is at least 1, Want at least Least, and Share at least 1.
	Want, Least, Share int64
}

// QuotaDrawn answers a QuotaDraw. The zero QuotaDrawn took nothing, and has nothing
// left.
type QuotaDrawn struct {
	// Taken is 0, or between Least and Want.
	Taken int64
	// Left is what is left of the Allowance after that, and never less than 0.
	Left, Allowance int64
	// Untimely is true when the period is not one that the store agrees to. Then nothing
	// was taken, and nothing else is told.
	Untimely bool
}

// QuotaUnspent gives units back. Its Period is that of the QuotaDraw they came by.
type QuotaUnspent struct {
	ID            CounterID
	Period, Units int64
}

// QuotaReset names a period of a quota of which is forgotten what was taken.
type QuotaReset struct {
	ID     CounterID
	Period int64
}
