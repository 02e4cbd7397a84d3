package access_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
)

const month = 31 * 24 * time.Hour

// anyRate draws from all that a limit may say, small and large alike.
func anyRate(t *rapid.T) access.Rate {
	return access.Rate{
		Requests: rapid.OneOf(rapid.Int64Range(1, 20), rapid.Int64Range(1, 1e9)).Draw(t, "requests"),
		Period:   time.Duration(rapid.OneOf(rapid.Int64Range(1000, 120_000), rapid.Int64Range(1000, month.Milliseconds())).Draw(t, "milliseconds")) * time.Millisecond,
		Burst:    rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(1, 1e12)).Draw(t, "burst"),
	}
}

// anyNow is a moment of this century.
func anyNow(t *rapid.T) int64 { return rapid.Int64Range(0, 4e18).Draw(t, "now") }

// interval is the time between two requests, by arithmetic that can't overflow.
func interval(r access.Rate) int64 {
	q, rest := new(big.Int).QuoRem(big.NewInt(int64(r.Period)), big.NewInt(r.Requests), new(big.Int))
	if rest.Sign() > 0 {
		q.Add(q, big.NewInt(1))
	}
	return q.Int64()
}

func burst(r access.Rate) int64 {
	if r.Burst == 0 {
		return r.Requests
	}
	return r.Burst
}

// In any window no more than burst + rate × time goes through.
func TestGCRAAdmitsNoMoreThanBurstAndRateInAnyWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRate(t)
		pace, tat, now := r.Pace(), int64(0), anyNow(t)
		type taken struct{ at, cost int64 }
		var log []taken
		step := interval(r)
		for range rapid.IntRange(1, 60).Draw(t, "calls") {
			now += rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, min(step, 1e15)), rapid.Int64Range(0, 5*min(step, 1e15))).Draw(t, "pause")
			cost := rapid.OneOf(rapid.Int64Range(1, 3), rapid.Int64Range(1, 1e6), rapid.Just(min(pace.Left(tat, now), 1e6))).Draw(t, "cost")
			if next, ok := pace.Take(tat, now, cost); ok {
				tat = next
				log = append(log, taken{now, cost})
			}
		}
		for from := range log {
			sum := new(big.Int)
			for to := from; to < len(log); to++ {
				sum.Add(sum, big.NewInt(log[to].cost))
				// requests/period as it was asked for, before any rounding.
				window := big.NewInt(log[to].at - log[from].at)
				window.Mul(window, big.NewInt(r.Requests)).Quo(window, big.NewInt(int64(r.Period)))
				if most := window.Add(window, big.NewInt(burst(r))); sum.Cmp(most) > 0 {
					t.Fatalf("%+v: %v in the window of %v after the call %d, at most %v", r, sum, time.Duration(log[to].at-log[from].at), from, most)
				}
			}
		}
	})
}

// What rounding costs: a caller who always asks gets all but 1 % of up to ten
// million a second.
func TestGCRAAdmitsAllButOnePercentOfTheRate(t *testing.T) {
	for _, r := range []access.Rate{
		{Period: time.Second, Requests: 3, Burst: 3},
		{Period: 60 * time.Second, Requests: 7, Burst: 1},
		{Period: time.Second, Requests: 9_999_999, Burst: 1000},
		{Period: month, Requests: 1_000_000_000, Burst: 1000},
	} {
		pace, tat, admitted := r.Pace(), int64(0), int64(0)
		end := 200 * int64(r.Period) / r.Requests
		for now := int64(0); now <= end; now += max(1, end/100_000) {
			for {
				next, ok := pace.Take(tat, now, 1)
				if !ok {
					break
				}
				tat = next
				admitted++
			}
		}
		if want := float64(r.Burst) + 200; float64(admitted) < want-2 {
			t.Errorf("%+v: %d admitted, want %v", r, admitted, want)
		}
	}
}

// A call that is let through now is let through later too.
func TestGCRAIsMonotoneInTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyRate(t), anyNow(t)
		pace := r.Pace()
		tat := now + rapid.Int64Range(-1e15, 1e15).Draw(t, "ahead")
		later := now + rapid.Int64Range(0, 1e15).Draw(t, "later")
		cost := rapid.Int64Range(0, 1e6).Draw(t, "cost")
		if pace.Left(tat, later) < pace.Left(tat, now) {
			t.Fatalf("%+v: less is left later", r)
		}
		if _, ok := pace.Take(tat, now, cost); !ok {
			return
		}
		if _, ok := pace.Take(tat, later, cost); !ok {
			t.Fatalf("%+v: %d fits now and not %v later", r, cost, time.Duration(later-now))
		}
	})
}

// Taking a and then b is taking a+b.
func TestGCRAIsCostAdditive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyRate(t), anyNow(t)
		pace := r.Pace()
		tat := rapid.SampledFrom([]int64{0, now, now + min(interval(r), 1e15)}).Draw(t, "tat")
		a, b := rapid.Int64Range(0, 1e6).Draw(t, "a"), rapid.Int64Range(0, 1e6).Draw(t, "b")
		both, okBoth := pace.Take(tat, now, a+b)
		first, okA := pace.Take(tat, now, a)
		second, okB := pace.Take(first, now, b)
		if okBoth != (okA && okB) {
			t.Fatalf("%+v: %d and %d: together %v, one by one %v and %v", r, a, b, okBoth, okA, okB)
		}
		if okBoth && both != second {
			t.Fatalf("%+v: %d and %d: together %d, one by one %d", r, a, b, both, second)
		}
	})
}

// A refused call goes through at the time it is told, and not a nanosecond before.
func TestGCRARetryIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyRate(t), anyNow(t)
		pace, tat := r.Pace(), int64(0)
		for range rapid.IntRange(0, 5).Draw(t, "before") {
			if next, ok := pace.Take(tat, now, rapid.OneOf(rapid.Int64Range(1, 1e6), rapid.Just(pace.Left(tat, now))).Draw(t, "taken")); ok {
				tat = next
			}
		}
		cost := rapid.OneOf(rapid.Int64Range(1, 3), rapid.Int64Range(1, 1e6)).Draw(t, "cost")
		retry := pace.Retry(tat, now, cost)
		next, ok := pace.Take(tat, now, cost)
		switch {
		case ok != (retry == 0):
			t.Fatalf("%+v: take %v, retry after %v", r, ok, retry)
		case !ok && next != tat:
			t.Fatalf("%+v: a refusal changed the state", r)
		case ok:
			return
		case retry == access.Never:
			if _, ok := pace.Take(0, math.MaxInt64/4, cost); ok {
				t.Fatalf("%+v: a cost of %d is never let through, and was", r, cost)
			}
			return
		}
		if _, ok := pace.Take(tat, now+int64(retry), cost); !ok {
			t.Fatalf("%+v: refused after %v", r, retry)
		}
		if _, ok := pace.Take(tat, now+int64(retry)-1, cost); ok {
			t.Fatalf("%+v: let through before %v were over", r, retry)
		}
	})
}

// What is said to be left can be taken, and one more can't.
func TestGCRALeftAndResetTellTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyRate(t), anyNow(t)
		pace := r.Pace()
		tat, ok := pace.Take(0, now, rapid.Int64Range(0, min(burst(r), 1e6)).Draw(t, "spent"))
		if !ok {
			tat = 0
		}
		now += rapid.Int64Range(0, 1e12).Draw(t, "pause")
		left := pace.Left(tat, now)
		if _, ok := pace.Take(tat, now, left); !ok {
			t.Fatalf("%+v: %d left can't be taken", r, left)
		}
		if _, ok := pace.Take(tat, now, left+1); ok {
			t.Fatalf("%+v: %d left, and one more was taken", r, left)
		}
		reset := pace.Reset(tat, now)
		if whole := pace.Left(0, now); pace.Left(tat, now+int64(reset)) != whole {
			t.Fatalf("%+v: not whole after %v", r, reset)
		}
		if (left == pace.Left(0, now)) && reset > time.Duration(interval(r)) {
			t.Fatalf("%+v: whole, and %v until it is", r, reset)
		}
	})
}

// A cost that is given back leaves what was there, whoever else took meanwhile.
func TestGCRAGiveBackRestores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyRate(t), anyNow(t)
		pace := r.Pace()
		mine := rapid.Int64Range(0, 1e6).Draw(t, "mine")
		theirs := rapid.Int64Range(0, 1e6).Draw(t, "theirs")
		alone, okAlone := pace.Take(now, now, theirs)
		tat, ok := pace.Take(now, now, mine)
		if !ok {
			return
		}
		if tat, ok = pace.Take(tat, now, theirs); !ok {
			return
		}
		if back := pace.GiveBack(tat, mine); !okAlone || back != alone {
			t.Fatalf("%+v: %d after giving %d back, want %d", r, back, mine, alone)
		}
	})
}

func TestGCRARefuses(t *testing.T) {
	for _, r := range []access.Rate{
		{},
		{Period: time.Second},
		{Requests: 1},
		{Period: -time.Second, Requests: 1, Burst: 1},
		{Period: time.Second, Requests: -1, Burst: 1},
		{Period: time.Second, Requests: 1, Burst: -1},
	} {
		pace := r.Pace()
		for _, cost := range []int64{-1, 0, 1} {
			if _, ok := pace.Take(0, 1e18, cost); ok || pace.Left(0, 1e18) != 0 || pace.Retry(0, 1e18, cost) != access.Never {
				t.Errorf("%+v lets a cost of %d through", r, cost)
			}
		}
	}
	pace := access.Rate{Period: time.Second, Requests: 10, Burst: 5}.Pace()
	for _, cost := range []int64{-1, math.MinInt64, 6, math.MaxInt64} {
		if _, ok := pace.Take(0, 1e18, cost); ok || pace.Retry(0, 1e18, cost) != access.Never {
			t.Errorf("a cost of %d is let through a burst of 5", cost)
		}
	}
}

func BenchmarkGCRATake(b *testing.B) {
	pace := access.Rate{Period: time.Second, Requests: 1e9, Burst: 1e9}.Pace()
	tat := int64(0)
	for b.Loop() {
		next, ok := pace.Take(tat, 1e18, 1)
		if ok {
			tat = next
		}
	}
}
