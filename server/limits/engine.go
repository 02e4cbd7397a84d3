package limits

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Why a limit could not be decided. All of them come wrapped together with
// ErrUndecided.
var (
	errNobody   = errors.New("a limit that applies is nobody's")
	errTooMany  = errors.New("more subjects than can apply to one call")
	errCost     = errors.New("a cost is at least 0")
	errAway     = errors.New("where replicas share can't be asked")
	errUntimely = errors.New("the store's clock is in another period than this replica's")
	errFull     = errors.New("there is no room for another counter")
	errClosed   = errors.New("the engine is closed")
	errRaced    = errors.New("others were faster, again and again")
)

// OnLoss says what becomes of rate limits while the pool can't be asked. Quotas are
// not let through then, beyond what is held already.
type OnLoss uint8

// What to do without the pool. The zero value denies.
const (
	// LossDeny refuses.
	LossDeny OnLoss = iota
	// LossLocal lets each replica go on with its fair share.
	LossLocal
	// LossAllow lets everything through.
	LossAllow
)

// Options say what an engine works with.
type Options struct {
	// Pool is where replicas share rate limits; nil when this replica is alone.
	Pool Pool
	// Ledger is where quotas are kept. Without one no quota can be decided.
	Ledger Ledger
	// Replicas gives the number of live replicas, this one included; nil is 1. It is
	// asked often, and not while a check takes from memory.
	Replicas func() int
	OnLoss   OnLoss
	// PoolBudget and LedgerBudget bound one call; 0 is 10 and 50 milliseconds.
	PoolBudget, LedgerBudget time.Duration
	// MaxCounters bounds how many counters are kept; 0 is a million.
	MaxCounters int
	// Now is the clock of what happens beside checks. It must be given, and read as the
	// times that are given to Take.
	Now func() time.Time
	// Chance gives a number from 0 to below 1; nil is always 0.
	Chance func() float64
}

const (
	defaultPoolBudget   = 10 * time.Millisecond
	defaultLedgerBudget = 50 * time.Millisecond
	defaultCounters     = 1_000_000
)

// Engine decides limits. Its methods may be called concurrently.
type Engine struct {
	table        *table
	pool, ledger *side
	alone        bool
	count        func() int
	onLoss       OnLoss
	bearings     bearings
	began        time.Time

	degraded, full atomic.Int64

	mu      sync.Mutex
	closed  bool
	flights sync.WaitGroup
	sweep   int // the shard that is swept next
}

// epoch is when an engine began, by the clock of its counters: far enough from 0 that
// no time that is meant comes before it.
const epoch = int64(1 << 60)

// New gives an engine. Run it, or nothing is asked for ahead, returned or recovered.
func New(o Options) *Engine {
	if o.MaxCounters <= 0 {
		o.MaxCounters = defaultCounters
	}
	if o.PoolBudget <= 0 {
		o.PoolBudget = defaultPoolBudget
	}
	if o.LedgerBudget <= 0 {
		o.LedgerBudget = defaultLedgerBudget
	}
	if o.Chance == nil {
		o.Chance = func() float64 { return 0 }
	}
	e := &Engine{table: newTable(o.MaxCounters, o.Pool == nil, o.Now()), alone: o.Pool == nil, count: o.Replicas, onLoss: o.OnLoss, began: o.Now()}
	e.bearings = bearings{now: func() moment { return e.moment(o.Now()) }, chance: o.Chance}
	if !e.alone {
		e.pool = newSide(poolStore{o.Pool}, o.PoolBudget)
	}
	if o.Ledger == nil {
		o.Ledger = noLedger{}
	}
	e.ledger = newSide(ledgerStore{o.Ledger}, o.LedgerBudget)
	return e
}

// at reads a time for the counters. Differences of times do not follow a wall clock that
// is put.
func (e *Engine) at(now time.Time) int64 { return epoch + int64(now.Sub(e.began)) }

func (e *Engine) moment(now time.Time) moment { return moment{at: e.at(now), wall: now.UnixMicro()} }

func (e *Engine) replicas() int64 {
	if e.count == nil {
		return 1
	}
	return int64(min(max(e.count(), 1), mostReplicas))
}

// sides are where leases come from.
func (e *Engine) sides() []*side {
	if e.alone {
		return []*side{e.ledger}
	}
	return []*side{e.pool, e.ledger}
}
