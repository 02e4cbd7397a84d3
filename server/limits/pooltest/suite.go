package pooltest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// Clock is how the suite follows the clock of a pool. The zero Clock is that of a
// pool which counts in nanoseconds by the clock of this machine.
type Clock struct {
	// Now reads the clock; nil is time.Now.
	Now func() time.Time
	// Wait lets time pass by it; nil is time.Sleep.
	Wait func(time.Duration)
	// Grain is how coarse the clock is, and the times that the pool tells; 0 is a
	// nanosecond.
	Grain time.Duration
	// Interval is what the pool rounds the time up to that it takes for one token to
	// come back; 0 is a nanosecond.
	Interval time.Duration
}

// suite is one test's pool and its clock.
type suite struct {
	pool  limits.Pool
	clock Clock
}

// Run runs all tests on pools that open gives. They may be one pool, and other tests
// may use it meanwhile: every counter has a name that nobody else draws.
func Run(t *testing.T, open func(*testing.T) limits.Pool, clock Clock) {
	t.Helper()
	if clock.Now == nil {
		clock.Now = time.Now
	}
	if clock.Wait == nil {
		clock.Wait = time.Sleep
	}
	clock.Grain, clock.Interval = max(clock.Grain, 1), max(clock.Interval, 1)
	for _, c := range []struct {
		name string
		test func(*testing.T, *suite)
	}{
		{"an unknown key is whole", testUnknown},
		{"gives between Least and Want, or none", testBetween},
		{"an ask that can't be met takes nothing", testImpossible},
		{"a look takes nothing", testLook},
		{"returns restore, and never exceed whole", testReturn},
		{"a reset makes whole", testReset},
		{"numbers may change", testNumbers},
		{"answers stand in the order of what was asked", testOrder},
		{"one key may be asked for twice", testTwice},
		{"asks for nothing", testNothing},
		{"what is large", testLarge},
		{"tokens come back with time", testRefill},
		{"after Retry, Least can be had", testRetry},
		{"concurrent takers share what is there", testTakers},
		{"what is returned meanwhile is neither lost nor doubled", testExchange},
		{"concurrent takers get no more than the rate", testFast},
		{"a context that has ended is honoured", testContext},
		{"counts as access.Rate does", testArithmetic},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, &suite{pool: open(t), clock: clock}) })
	}
}

// newKey draws the name of a counter.
func newKey() limits.Key {
	var k limits.Key
	_, _ = rand.Read(k[:]) // it never fails
	return k
}

// slow is a rate at which nothing comes back while a test runs.
func slow(burst int64) access.Rate {
	return access.Rate{Period: time.Hour, Requests: 1, Burst: burst}
}

// fatal is how a helper ends a test: rapid's T has it too.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// patience bounds a call; tests that are about time have bounds of their own.
const patience = 10 * time.Second

func (s *suite) take(t fatal, asks ...limits.Ask) []limits.Given {
	t.Helper()
	return answered(t, "Take", s.pool.Take, asks)
}

func (s *suite) look(t fatal, asks ...limits.Ask) []limits.Given {
	t.Helper()
	given := answered(t, "Look", s.pool.Look, asks)
	for i, g := range given {
		if g.Tokens != 0 {
			t.Fatalf("look %d of %d gave %d", i, len(given), g.Tokens)
		}
	}
	return given
}

func answered(t fatal, name string, ask func(context.Context, []limits.Ask) ([]limits.Given, error), asks []limits.Ask) []limits.Given {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	given, err := ask(ctx, asks)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(given) != len(asks) {
		t.Fatalf("%s: got %d answers to %d asks", name, len(given), len(asks))
	}
	return given
}

func (s *suite) giveBack(t fatal, back ...limits.Back) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.pool.Return(ctx, back); err != nil {
		t.Fatalf("Return: %v", err)
	}
}

func (s *suite) reset(t fatal, keys ...limits.Key) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.pool.Reset(ctx, keys); err != nil {
		t.Fatalf("Reset: %v", err)
	}
}

// left is what could be taken.
func (s *suite) left(t fatal, key limits.Key, rate access.Rate) int64 {
	t.Helper()
	return s.look(t, limits.Ask{Key: key, Rate: rate, Want: 1, Least: 1})[0].Left
}
