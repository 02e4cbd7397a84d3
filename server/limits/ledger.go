package limits

import (
	"context"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// Ledger is where units of quotas are kept: the store of record. What was taken is
// spent, until it is returned; so what a crashed replica held, or an answer that was
// lost, counts as spent.
//
// Every method honours ctx's deadline, makes one transaction at the most, and is
// safe for concurrent use. Answers stand in the order of what was asked.
type Ledger interface {
	// Take takes units. For each draw with Least units left it takes Least and, of
	// what is left beyond, one Share-th up to Want in all; for others it takes
	// nothing. No draw fails because of another. Over all replicas, crashes and
	// restarts no more is taken of a period than its allowance, which is Limit, what was
	// carried over, and credits that were granted. The same call must not take effect
	// twice.
	//
	// A draw on a later Period than the one that is kept begins that period: with
	// Carry, what was left of the period before is carried over. If the kept one is
	// Draw.Previous that is what is left of it, up to Carry; if it is older, a whole
	// period went unused, and it is Carry; if nothing is kept it is 0. A draw on an
	// earlier Period than the kept one takes nothing and is Untimely.
	Take(ctx context.Context, draws []Draw) ([]Drawn, error)
	// Return gives unused units back to the period they are of; if that is no longer
	// kept they stay spent. It must take effect once at the most, and is not tried again
	// after an error: what came back twice would be spent twice.
	Return(ctx context.Context, back []Unspent) error
	// Look tells how quotas stand, takes nothing and begins no period: Taken is 0, and
	// Left is what there would be if the period began now.
	Look(ctx context.Context, draws []Draw) ([]Drawn, error)
}

// Draw asks a ledger for units of a quota.
type Draw struct {
	Key Key
	// Owner is the tenant with which what is counted is removed for good.
	Owner string
	// Limit is what a period has, without credits and what is carried over.
	Limit int64
	// Carry is the most that is carried over from the period before; 0 carries
	// nothing.
	Carry int64
	// Period is the start of the calendar period by the caller's clock, Next the first
	// moment after it, and Previous the start of the one before, in microseconds since
	// the Unix epoch. A quota without periods has 0, math.MaxInt64 and 0. The ledger's
	// own clock judges them: a period that was over, or would not begin, for more than
	// a minute is Untimely.
	Period, Next, Previous int64
	// Least is at least 1, and Want at least Least.
	Want, Least int64
	// Share is at least 1; it is more with more replicas, so that what they hold gets
	// less as the quota runs out, and in the end is nothing.
	Share int64
}

// Draw names the period of a subject's quota that holds a moment, as a ledger is asked
// about it; false when the quota has none that is known.
func (s *Subject) Draw(q *storage.Quota, at time.Time) (Draw, bool) {
	zone, err := time.LoadLocation(q.TimeZone)
	if err != nil {
		return Draw{}, false
	}
	span, ok := access.QuotaSpanAt(q.Period, zone, at)
	if !ok {
		return Draw{}, false
	}
	d := drawOn(q, zone, span)
	d.Key, d.Owner = s.QuotaKey(q), s.Tenant
	return d, true
}

func drawOn(q *storage.Quota, zone *time.Location, span access.QuotaSpan) Draw {
	d := Draw{Limit: q.Limit, Period: span.Start, Next: span.End}
	if before, ok := access.QuotaSpanBefore(q.Period, zone, span); ok {
		d.Previous = before.Start
	}
	if q.Refill == storage.QuotaAdd {
		d.Carry = q.Limit
	}
	return d
}

// Drawn is a ledger's answer to a Draw. The zero Drawn took nothing, and has nothing
// left.
type Drawn struct {
	// Taken is 0, or between Least and Want.
	Taken int64
	// Left is what is left of the allowance after it; never less than 0.
	Left int64
	// Allowance is all that the period has: the limit, what was carried over, and
	// credits.
	Allowance int64
	// Untimely is true when the period is not one that the ledger's clock agrees to.
	// Then nothing was taken, and nothing else is told.
	Untimely bool
}

// Unspent returns units to a ledger.
type Unspent struct {
	Key Key
	// Period is that of the Draw they came by.
	Period int64
	Units  int64
}
