package limits_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// meanwhile does something again and again until the function that it gives is called.
func meanwhile(what func()) (stop func()) {
	var running sync.WaitGroup
	done := make(chan struct{})
	running.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				what()
			}
		}
	})
	return func() {
		close(done)
		running.Wait()
	}
}

// rush has many callers take from a subject at once, and tells how many were let
// through. Who finds that others were faster too often tries again.
func rush(t *testing.T, e *limits.Engine, now time.Time, tries int64, id string, lists ...*storage.Limits) int64 {
	t.Helper()
	const workers = 6
	var through, tried atomic.Int64
	var callers sync.WaitGroup
	for worker := range workers {
		callers.Go(func() {
			for i := worker; tried.Add(1) <= tries; i++ {
				o, err := e.Take(t.Context(), now, []limits.Applied{onKey(id, lists[i%len(lists)])}, 1)
				switch {
				case err != nil:
					tried.Add(-1)
				case o.Allowed:
					through.Add(1)
				}
			}
		})
	}
	callers.Wait()
	return through.Load()
}

// Whatever moves while calls take, each is counted once: what was let through is what is
// gone of each limit, and what a call gave back is there again.
func TestWhatMovesIsCountedOnce(t *testing.T) {
	const wide, narrow, rounds = 40, 25, 300
	a, b := rate("a", wide, time.Hour), rate("b", narrow, time.Hour)
	for name, lists := range map[string][]*storage.Limits{
		"in other slots": {rates(a, b)},
		// The same limits in another order lie in other words.
		"in other words": {rates(a, b), rates(b, a)},
	} {
		t.Run(name, func(t *testing.T) {
			e := alone(fixed)
			stop := meanwhile(e.Rewrite)
			defer stop()
			for round := range rounds {
				id := fmt.Sprint(round)
				n := rush(t, e, start, 3*wide, id, lists...)
				states, err := e.Look(t.Context(), start, []limits.Applied{onKey(id, lists[0])})
				if n != narrow || err != nil || states[0].Remaining != wide-narrow || states[1].Remaining != 0 {
					t.Fatalf("%d let through, want %d; %+v, %v; want %d and 0 left", n, narrow, states, err, wide-narrow)
				}
			}
		})
	}
}

// What is idle is removed while calls begin to take from it: each takes from one counter.
func TestWhatIsRemovedMeanwhileIsCountedOnce(t *testing.T) {
	const burst, rounds = 5, 2000
	short, long := rate("short", burst, burst*time.Millisecond), rate("long", 1e6, 24*time.Hour)
	for name, l := range map[string]*storage.Limits{
		"removed": rates(short),
		// A limit beside it is not idle: what was taken out of use comes back.
		"not removed after all": rates(short, long),
	} {
		t.Run(name, func(t *testing.T) {
			var passed atomic.Int64
			now := func() time.Time { return start.Add(time.Duration(passed.Load())) }
			e := limits.New(limits.Options{Now: now})
			stop := meanwhile(e.RemoveIdle)
			defer stop()
			for range rounds {
				passed.Add(int64(burst * time.Millisecond))
				if n := rush(t, e, now(), 4*burst, "k", l); n != burst {
					t.Fatalf("%d let through, want %d", n, burst)
				}
			}
		})
	}
}

// What is given back goes where it was taken from, and to no counter that began since.
func TestWhatIsGivenBackGoesWhereItCameFrom(t *testing.T) {
	m, n := rate("m", 10, time.Second), rate("n", 10, time.Hour)
	var many []storage.RateLimit
	for i := range 2 * limits.SlotWords {
		many = append(many, rate(fmt.Sprint("x", i), 10, time.Hour))
	}
	now := start
	for name, c := range map[string]struct {
		meanwhile func(e *limits.Engine)
		want      int64
	}{
		"nothing happens": {func(*limits.Engine) {}, 10},
		"it moves":        {func(e *limits.Engine) { e.Rewrite() }, 10},
		"it moves twice":  {func(e *limits.Engine) { e.Rewrite(); e.Rewrite() }, 10},
		"it lies in another word": {func(e *limits.Engine) {
			take(t, e, now, 1, onKey("other", rates(m)))
			take(t, e, now, 1, onKey("k", rates(append(many[:len(many):len(many)], m)...)))
		}, 9},
		"its numbers change": {func(e *limits.Engine) {
			take(t, e, now, 1, onKey("k", rates(storage.RateLimit{Name: "m", Requests: 10, Period: time.Second, Burst: 5})))
		}, 9},
		"it is no longer counted, and then anew": {func(e *limits.Engine) {
			take(t, e, now, 1, onKey("k", rates(n)))
			take(t, e, now, 2, onKey("k", rates(m)))
		}, 8},
		"it moves, is no longer counted, and then anew": {func(e *limits.Engine) {
			e.Rewrite()
			take(t, e, now, 1, onKey("k", rates(n)))
			take(t, e, now, 2, onKey("k", rates(n, m)))
		}, 8},
		"it is removed, and counted anew": {func(e *limits.Engine) {
			now = now.Add(time.Minute)
			e.RemoveIdle()
			take(t, e, now, 2, onKey("k", rates(m)))
		}, 8},
		"it moves, is removed, and counted anew": {func(e *limits.Engine) {
			e.Rewrite()
			now = now.Add(time.Minute)
			e.RemoveIdle()
			take(t, e, now, 2, onKey("k", rates(m)))
		}, 8},
	} {
		now = start
		e := limits.New(limits.Options{Now: func() time.Time { return now }})
		taken, err := e.TakeOne(now, onKey("k", rates(m)), 0, 3)
		if err != nil {
			t.Fatal(err)
		}
		c.meanwhile(e)
		taken.GiveBack()
		states, err := e.Look(t.Context(), now, []limits.Applied{onKey("k", rates(m))})
		if err != nil || states[0].Remaining != c.want {
			t.Errorf("%s: %+v, %v; want %d left", name, states, err, c.want)
		}
	}
}

// Limits that lie in other words, in more slots or among others keep what was spent.
func TestLimitsAmongOthersGoOn(t *testing.T) {
	e := alone(fixed)
	random := rand.New(rand.NewPCG(6, 28))
	var all []storage.RateLimit
	for i := range 4 * limits.SlotWords {
		all = append(all, rate(fmt.Sprint("l", i), 1000, time.Hour))
	}
	kept, spent := map[string]int64{}, int64(0)
	for range 300 {
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		now := all[:1+random.IntN(len(all))]
		counted := map[string]int64{}
		for _, l := range now {
			counted[l.Name] = kept[l.Name] + 1
		}
		kept, spent = counted, spent+1
		on := onKey("k", rates(append([]storage.RateLimit(nil), now...)...))
		take(t, e, start, 1, on)
		states, err := e.Look(t.Context(), start, []limits.Applied{on})
		if err != nil {
			t.Fatal(err)
		}
		for i := range states {
			if want := 1000 - counted[states[i].Name]; states[i].Remaining != want {
				t.Fatalf("after %d takes: %+v, want %d left", spent, states[i], want)
			}
		}
	}
}

// A reset that meets a move resets.
func TestAResetMeetsAMove(t *testing.T) {
	e := alone(fixed)
	on := []limits.Applied{onKey("k", rates(rate("a", 2, time.Hour), rate("b", 2, time.Hour)))}
	stop := meanwhile(e.Rewrite)
	defer stop()
	for range 3000 {
		if o, err := e.Take(t.Context(), start, on, 2); err != nil || !o.Allowed {
			t.Fatal(o, err)
		}
		if err := e.Reset(t.Context(), start, on); err != nil {
			t.Fatal(err)
		}
	}
}
