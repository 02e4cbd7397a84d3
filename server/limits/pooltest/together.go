package pooltest

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// takers is how many take at the same time.
const takers = 8

// together runs something at the same time, as often as there are takers.
func together(what func(i int64)) {
	var group sync.WaitGroup
	for i := range int64(takers) {
		group.Go(func() { what(i) })
	}
	group.Wait()
}

// reports lets other goroutines than the test's fail it. Fatalf ends the one that
// calls it.
type reports struct{ testing.TB }

func (r reports) Fatalf(format string, args ...any) {
	r.Helper()
	r.Errorf(format, args...)
	runtime.Goexit()
}

func testTakers(t *testing.T, s *suite) {
	const burst = 1000
	key, other := newKey(), newKey()
	var got, others atomic.Int64
	together(func(i int64) {
		for {
			given := s.take(reports{t},
				limits.Ask{Key: key, Rate: slow(burst), Want: 2 + i, Least: 1},
				limits.Ask{Key: other, Rate: slow(burst), Want: 3, Least: 3})
			got.Add(given[0].Tokens)
			others.Add(given[1].Tokens)
			if given[0].Tokens == 0 && given[1].Tokens == 0 {
				return
			}
		}
	})
	if got.Load() != burst || others.Load() != burst-burst%3 {
		t.Errorf("got %d and %d of %d", got.Load(), others.Load(), burst)
	}
}

func testExchange(t *testing.T, s *suite) {
	const burst = 20
	key := newKey()
	var held atomic.Int64
	together(func(i int64) {
		for range 50 {
			n := s.take(reports{t}, limits.Ask{Key: key, Rate: slow(burst), Want: 2 + i, Least: 2})[0].Tokens
			if now := held.Add(n); now > burst {
				t.Errorf("%d are held of %d", now, burst)
			}
			held.Add(-n)
			s.giveBack(reports{t}, limits.Back{Key: key, Rate: slow(burst), Tokens: n})
		}
	})
	if got := s.left(t, key, slow(burst)); got != burst {
		t.Errorf("got %d left, want all %d", got, burst)
	}
}

func testFast(t *testing.T, s *suite) {
	key, rate := newKey(), access.Rate{Period: time.Second, Requests: 3000, Burst: 100}
	const interval = time.Second/3000 + 1
	var got atomic.Int64
	began := s.clock.Now()
	together(func(i int64) {
		for s.clock.Now().Sub(began) < 300*time.Millisecond {
			n := s.take(reports{t}, limits.Ask{Key: key, Rate: rate, Want: 2 + 3*i, Least: 1 + i%2})[0].Tokens
			// Half of what is taken is not needed.
			s.giveBack(reports{t}, limits.Back{Key: key, Rate: rate, Tokens: n / 2})
			got.Add(n - n/2)
			s.clock.Wait(time.Millisecond)
		}
	})
	passed := s.clock.Now().Sub(began) + s.clock.Grain
	most := 100 + int64(passed/interval)
	if n := got.Load(); n <= 100 || n > most {
		t.Errorf("got %d in %v, want 101 to %d", n, passed, most)
	}
}

func testContext(t *testing.T, s *suite) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	asks := []limits.Ask{{Key: newKey(), Rate: slow(10), Want: 1, Least: 1}}
	for name, ctx := range map[string]context.Context{"cancelled": ended, "late": late} {
		began := time.Now()
		if given, err := s.pool.Take(ctx, asks); err == nil {
			t.Errorf("Take, %s: got %+v and no error", name, given)
		}
		if given, err := s.pool.Look(ctx, asks); err == nil {
			t.Errorf("Look, %s: got %+v and no error", name, given)
		}
		if err := s.pool.Return(ctx, []limits.Back{{Key: asks[0].Key, Rate: slow(10), Tokens: 1}}); err == nil {
			t.Errorf("Return, %s: got no error", name)
		}
		if err := s.pool.Reset(ctx, []limits.Key{asks[0].Key}); err == nil {
			t.Errorf("Reset, %s: got no error", name)
		}
		if passed := time.Since(began); passed > time.Second {
			t.Errorf("%s: took %v", name, passed)
		}
	}
	if got := s.left(t, asks[0].Key, slow(10)); got != 10 {
		t.Errorf("what was not asked took %d", 10-got)
	}
}
