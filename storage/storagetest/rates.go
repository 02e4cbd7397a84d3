package storagetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// slowly is an interval in which no token comes while a test runs.
const slowly = int64(time.Hour)

func counterID(name string) storage.CounterID {
	d := digest(name)
	return storage.CounterID(d[:16])
}

func rateAsk(name string, burst, want, least int64) storage.RateAsk {
	return storage.RateAsk{ID: counterID(name), Interval: slowly, Burst: burst, Want: want, Least: least}
}

func (s *suite) takeRates(t *testing.T, asks ...storage.RateAsk) []storage.RateGiven {
	t.Helper()
	given, err := s.store.TakeRates(t.Context(), asks)
	if err != nil || len(given) != len(asks) {
		t.Fatalf("TakeRates: got %d answers, %v; want %d", len(given), err, len(asks))
	}
	return given
}

func tokens(given []storage.RateGiven) (all []int64) {
	for _, g := range given {
		all = append(all, g.Tokens)
	}
	return all
}

// left is what a state that is found like this has, of a burst.
func left(g storage.RateGiven, burst int64) int64 {
	return max(0, burst*slowly-max(0, g.State-g.Now)) / slowly
}

func (s *suite) wantLeft(t *testing.T, what string, want int64, ask storage.RateAsk) {
	t.Helper()
	given, err := s.store.LookRates(t.Context(), []storage.RateAsk{ask})
	if err != nil || len(given) != 1 {
		t.Fatalf("LookRates: got %v, %v", given, err)
	}
	if given[0].Tokens != 0 || left(given[0], ask.Burst) != want {
		t.Errorf("%s: got %+v with %d left, want %d left and none taken", what, given[0], left(given[0], ask.Burst), want)
	}
}

func testRates(t *testing.T, s *suite) {
	before := s.position(t)
	a := func(want, least int64) storage.RateAsk { return rateAsk("a", 10, want, least) }
	s.wantLeft(t, "a state that is not kept", 10, a(1, 1))
	began := time.Now()
	given := s.takeRates(t, a(3, 1))
	if g := given[0]; g.Tokens != 3 || g.State-g.Now != 3*slowly || time.Unix(0, g.Now).Sub(began).Abs() > time.Minute {
		t.Errorf("the first take: got %+v", g)
	}
	s.wantLeft(t, "after it", 7, a(1, 1))
	same(t, "as many as there are", tokens(s.takeRates(t, a(9, 7))), []int64{7})
	same(t, "of nothing", tokens(s.takeRates(t, a(9, 1))), []int64{0})
	same(t, "more than it can ever have", tokens(s.takeRates(t, rateAsk("b", 10, 11, 11))), []int64{0})
	same(t, "fewer than asked for at the least", tokens(s.takeRates(t, rateAsk("c", 10, 8, 8), rateAsk("c", 10, 8, 3))), []int64{8, 0})
	s.wantLeft(t, "after a refusal", 2, rateAsk("c", 10, 1, 1))

	giveBack := func(back ...storage.RateBack) {
		t.Helper()
		wantError(t, "ReturnRates", s.store.ReturnRates(t.Context(), back), nil)
	}
	giveBack()
	giveBack(storage.RateBack{ID: counterID("a"), Interval: slowly, Tokens: 2}, storage.RateBack{ID: counterID("none"), Interval: slowly, Tokens: 2},
		storage.RateBack{ID: counterID("a"), Interval: slowly, Tokens: 1}, storage.RateBack{ID: counterID("a"), Interval: slowly, Tokens: -5},
		storage.RateBack{ID: counterID("a"), Interval: -slowly, Tokens: 5}, storage.RateBack{ID: counterID("a")})
	s.wantLeft(t, "after some came back", 3, a(1, 1))
	s.wantLeft(t, "what came back to nothing", 10, rateAsk("none", 10, 1, 1))
	for range 5 {
		giveBack(storage.RateBack{ID: counterID("a"), Interval: slowly, Tokens: math.MaxInt64})
	}
	s.wantLeft(t, "a state is no more than whole", 10, a(1, 1))
	same(t, "nor does it give more", tokens(s.takeRates(t, a(20, 1), a(20, 1))), []int64{10, 0})

	// Numbers may change from call to call; what was taken stays taken.
	s.wantLeft(t, "with a larger burst", 5, rateAsk("a", 15, 1, 1))
	s.wantLeft(t, "with a smaller one", 0, rateAsk("a", 5, 1, 1))
	same(t, "taken with a larger burst", tokens(s.takeRates(t, rateAsk("a", 15, 9, 1), rateAsk("a", 12, 9, 1))), []int64{5, 0})
	faster := storage.RateAsk{ID: counterID("a"), Interval: slowly / 1000, Burst: 20_000, Want: 1_000_000, Least: 1}
	same(t, "taken faster", tokens(s.takeRates(t, faster)), []int64{5_000})

	wantError(t, "ResetRates", s.store.ResetRates(t.Context(), []storage.CounterID{counterID("a"), counterID("none"), counterID("a")}), nil)
	wantError(t, "ResetRates", s.store.ResetRates(t.Context(), nil), nil)
	s.wantLeft(t, "after a reset", 10, a(1, 1))
	s.wantLeft(t, "beside a reset", 2, rateAsk("c", 10, 1, 1))
	wantError(t, "ForgetRates", s.store.ForgetRates(t.Context()), nil)
	s.wantLeft(t, "what is not whole is not forgotten", 2, rateAsk("c", 10, 1, 1))
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.store.TakeRates(ctx, []storage.RateAsk{a(1, 1)})
	wantError(t, "TakeRates", err, context.Canceled)
	s.wantLeft(t, "after a call that was given up", 10, a(1, 1))
}

// testSenselessRates: what can't be counted with is given nothing, and fails no other.
func testSenselessRates(t *testing.T, s *suite) {
	const most = math.MaxInt64
	senseless := []storage.RateAsk{
		{}, {ID: counterID("x")}, rateAsk("x", 0, 1, 1), rateAsk("x", -1, 1, 1), rateAsk("x", 1, 1, 0), rateAsk("x", 1, 1, 2), rateAsk("x", 1, 0, 0),
		rateAsk("x", 1, -1, -1), rateAsk("x", most, 1, 1), {ID: counterID("x"), Interval: -1, Burst: 1, Want: 1, Least: 1},
		{ID: counterID("x"), Interval: most, Burst: 1, Want: 1, Least: 1}, {ID: counterID("x"), Burst: 1, Want: 1, Least: 1},
	}
	asks := slices.Concat(senseless, []storage.RateAsk{rateAsk("y", 2, most, 1)}, senseless)
	for i, g := range s.takeRates(t, asks...) {
		if want := map[bool]int64{i == len(senseless): 2}[true]; g.Tokens != want {
			t.Errorf("ask %d: got %+v, want %d tokens", i, g, want)
		}
	}
	given, err := s.store.LookRates(t.Context(), asks)
	if err != nil || len(given) != len(asks) || given[0] != (storage.RateGiven{}) {
		t.Errorf("LookRates: got %+v, %v", given, err)
	}
	// The longest and the finest that make sense.
	long := storage.RateAsk{ID: counterID("long"), Interval: most / 4, Burst: 1, Want: most, Least: 1}
	fine := storage.RateAsk{ID: counterID("fine"), Interval: 1, Burst: most / 4, Want: most, Least: 1}
	same(t, "extremes", tokens(s.takeRates(t, long, fine, long)), []int64{1, most / 4, 0})
	wantError(t, "ReturnRates", s.store.ReturnRates(t.Context(), []storage.RateBack{
		{ID: counterID("long"), Interval: most / 4, Tokens: 1}, {ID: counterID("fine"), Interval: 1, Tokens: most}, {ID: counterID("fine"), Interval: most, Tokens: most},
	}), nil)
	same(t, "extremes, once more", tokens(s.takeRates(t, long, long)), []int64{1, 0})
}

// testRatesComeBack: tokens come back by the store's clock, one an interval.
func testRatesComeBack(t *testing.T, s *suite) {
	const interval, burst = int64(2 * time.Millisecond), 50
	ask := storage.RateAsk{ID: counterID("m"), Interval: interval, Burst: burst, Want: burst, Least: 1}
	first := s.takeRates(t, ask)[0]
	taken, last := first.Tokens, first
	for began := time.Now(); time.Since(began) < 150*time.Millisecond; time.Sleep(3 * time.Millisecond) {
		g := s.takeRates(t, ask)[0]
		if g.Now < last.Now || g.State < last.State || g.State-g.Now > burst*interval {
			t.Fatalf("got %+v after %+v", g, last)
		}
		taken, last = taken+g.Tokens, g
	}
	most := burst + (last.Now-first.Now)/interval
	if taken > most || taken < most-1 {
		t.Errorf("got %d tokens in %v, want %d", taken, time.Duration(last.Now-first.Now), most)
	}
}

// testManyRates asks for many at once, of some of them twice.
func testManyRates(t *testing.T, s *suite) {
	const many = 450
	var asks []storage.RateAsk
	for i := range many {
		asks = append(asks, rateAsk(fmt.Sprint(i%300), 5, int64(i%3+1), 1))
	}
	for round := range 3 {
		before := map[storage.CounterID]int64{}
		given := s.takeRates(t, asks...)
		for i, g := range given {
			id := asks[i].ID
			if round == 0 {
				// In the order of asks of one id.
				want := min(asks[i].Want, 5-before[id])
				if g.Tokens != want {
					t.Fatalf("ask %d: got %d tokens, want %d", i, g.Tokens, want)
				}
			}
			before[id] += g.Tokens
		}
	}
	looked, err := s.store.LookRates(t.Context(), asks)
	wantError(t, "LookRates", err, nil)
	for i, g := range looked {
		if left(g, 5) != 0 && asks[i].Want > 1 {
			t.Errorf("ask %d: got %d left, want none", i, left(g, 5))
		}
	}
	same(t, "nothing asked", s.takeRates(t), []storage.RateGiven{})
}

// testRatesTogether: many sides take from the same states, in different orders. What
// they get together is what there is.
func testRatesTogether(t *testing.T, s *suite) {
	const states, sides, burst = 40, 6, 60
	var got [states]atomic.Int64
	together(sides, func(side int) {
		order := make([]int, states)
		for i := range order {
			order[i] = i
		}
		if side%2 == 1 {
			slices.Reverse(order)
		}
		for round := range burst {
			some := order
			if round%3 > 0 {
				some = order[side : side+10]
			}
			asks := make([]storage.RateAsk, len(some))
			for i, n := range some {
				asks[i] = rateAsk(fmt.Sprint("state ", n), burst, 2, 1)
			}
			given, err := s.store.TakeRates(t.Context(), asks)
			if err != nil {
				t.Errorf("side %d: %v", side, err)
				return
			}
			for i, n := range some {
				got[n].Add(given[i].Tokens)
			}
		}
	})
	for n := range got {
		if got[n].Load() != burst {
			t.Errorf("state %d: got %d tokens, want %d", n, got[n].Load(), burst)
		}
	}
}
