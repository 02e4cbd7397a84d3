package load_test

import (
	"bytes"
	"context"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/cmd/keystile/load"
)

// repeated is n goroutines' worth of one call.
func repeated(n int, call load.Call) []load.Call {
	var out []load.Call
	for range n {
		out = append(out, call)
	}
	return out
}

func allowed() load.Answer { return load.Answer{Verdict: "ALLOWED"} }

// stalling answers in no time, but for one moment in which nobody is answered.
func stalling(from, until time.Duration) load.Call {
	start := time.Now()
	return func(context.Context) load.Answer {
		if at := time.Since(start); at >= from && at < until {
			time.Sleep(until - at)
		}
		return allowed()
	}
}

// The calls that a stalled server keeps from being made are the ones that matter:
// by the clock of those that were made, two in a hundred at most have waited.
func TestAStallShowsInAnOpenLoop(t *testing.T) {
	const stall = 500 * time.Millisecond
	plan := load.Plan{Duration: 2 * time.Second, Rate: 500, Timeout: 10 * time.Second}
	r := load.Run(t.Context(), plan, repeated(4, stalling(time.Second, time.Second+stall)))
	if r.Answered != 1000 || r.Failed != 0 || r.Dropped != 0 {
		t.Errorf("answered %d, failed %d, dropped %d, want 1000, 0, 0", r.Answered, r.Failed, r.Dropped)
	}
	if r.Latency.P99 < 400*time.Millisecond || r.Latency.P90 < 200*time.Millisecond {
		t.Errorf("p90 %v, p99 %v: a stall of %v in 2s is a quarter of all calls, which waited up to that long", r.Latency.P90, r.Latency.P99, stall)
	}
	if r.Latency.Max < stall-20*time.Millisecond {
		t.Errorf("max %v, and a call was due when the stall of %v began", r.Latency.Max, stall)
	}
	if r.Delay.P99 < 400*time.Millisecond {
		t.Errorf("calls began %v late at p99, want most of the stall", r.Delay.P99)
	}
	// What a closed loop says of the same server, and why it is not enough.
	r = load.Run(t.Context(), load.Plan{Duration: 2 * time.Second, Timeout: 10 * time.Second}, repeated(4, stalling(time.Second, time.Second+stall)))
	if r.Latency.P99 > 100*time.Millisecond || r.Latency.Max < stall-20*time.Millisecond {
		t.Errorf("closed loop: p99 %v, max %v", r.Latency.P99, r.Latency.Max)
	}
}

// Every call that was due is answered, has failed or was dropped.
func TestCallsThatBeginTooLateAreDropped(t *testing.T) {
	slow := func(context.Context) load.Answer {
		time.Sleep(50 * time.Millisecond)
		return allowed()
	}
	plan := load.Plan{Duration: time.Second, Rate: 100, Timeout: 200 * time.Millisecond}
	r := load.Run(t.Context(), plan, repeated(1, slow))
	if all := r.Answered + r.Failed + r.Dropped; all != 100 {
		t.Errorf("%d calls are accounted for, want the 100 that were due", all)
	}
	if r.Answered == 0 || r.Answered > 24 || r.Dropped < 76 {
		t.Errorf("answered %d, dropped %d: only 20 fit in a second, and 4 in the time after it", r.Answered, r.Dropped)
	}
	if r.PerSecond > 21 {
		t.Errorf("%.1f answers a second, where 20 are possible", r.PerSecond)
	}
	if r.Delay.Max > 201*time.Millisecond {
		t.Errorf("a call began %v late", r.Delay.Max)
	}
}

func TestCallsAreCountedByWhatBecameOfThem(t *testing.T) {
	var n atomic.Int64
	call := func(context.Context) load.Answer {
		time.Sleep(time.Millisecond)
		switch n.Add(1) % 3 {
		case 0:
			return load.Answer{Verdict: "KEY_REVOKED"}
		case 1:
			return load.Answer{Error: "UNAVAILABLE"}
		}
		return allowed()
	}
	r := load.Run(t.Context(), load.Plan{Duration: 300 * time.Millisecond, Timeout: time.Second}, repeated(2, call))
	if got := r.Verdicts["ALLOWED"] + r.Verdicts["KEY_REVOKED"]; got != r.Answered || r.Errors["UNAVAILABLE"] != r.Failed {
		t.Errorf("verdicts %v, errors %v: answered %d, failed %d", r.Verdicts, r.Errors, r.Answered, r.Failed)
	}
	if r.Answered+r.Failed != n.Load() || r.Failed < r.Answered/3 || r.Failed > r.Answered {
		t.Errorf("%d calls were made; answered %d, failed %d, want twice as many answered as failed", n.Load(), r.Answered, r.Failed)
	}
	if r.Latency.P50 < time.Millisecond || r.Latency.Max < r.Latency.P999 || r.Delay != (load.Spread{}) {
		t.Errorf("latency %+v, delay %+v", r.Latency, r.Delay)
	}
}

// What comes before the measuring warms up, and counts for nothing.
func TestTheWarmupDoesNotCount(t *testing.T) {
	for _, rate := range []float64{0, 200} {
		start := time.Now()
		call := func(context.Context) load.Answer {
			if time.Since(start) < 300*time.Millisecond {
				time.Sleep(10 * time.Millisecond)
				return load.Answer{Error: "COLD"}
			}
			time.Sleep(time.Millisecond)
			return allowed()
		}
		plan := load.Plan{Warmup: 500 * time.Millisecond, Duration: 300 * time.Millisecond, Rate: rate, Timeout: time.Second}
		r := load.Run(t.Context(), plan, repeated(2, call))
		if r.Failed != 0 || r.Answered == 0 || r.Measured != plan.Duration || r.Interrupted {
			t.Errorf("rate %v: %+v", rate, r)
		}
		if rate > 0 && r.Answered != 60 {
			t.Errorf("rate %v: %d answers, want 60", rate, r.Answered)
		}
	}
}

// A call that gets no answer ends with its time.
func TestACallEndsInTime(t *testing.T) {
	silent := func(ctx context.Context) load.Answer {
		<-ctx.Done()
		return load.Answer{Error: "DEADLINE_EXCEEDED"}
	}
	r := load.Run(t.Context(), load.Plan{Duration: 100 * time.Millisecond, Timeout: 50 * time.Millisecond}, repeated(3, silent))
	if r.Answered != 0 || r.Errors["DEADLINE_EXCEEDED"] == 0 || r.Latency.P50 < 49*time.Millisecond || r.PerSecond != 0 {
		t.Errorf("%+v", r)
	}
}

func TestAnInterruptedRunGivesWhatWasMeasured(t *testing.T) {
	for _, rate := range []float64{0, 500} {
		ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
		var taken atomic.Int64
		call := func(ctx context.Context) load.Answer {
			select {
			case <-time.After(5 * time.Millisecond):
				return allowed()
			case <-ctx.Done():
				taken.Add(1)
				return load.Answer{Error: "CANCELED"}
			}
		}
		began := time.Now()
		r := load.Run(ctx, load.Plan{Warmup: 100 * time.Millisecond, Duration: time.Minute, Rate: rate, Timeout: 10 * time.Second}, repeated(4, call))
		cancel()
		if took := time.Since(began); took > 5*time.Second {
			t.Fatalf("it went on for %v", took)
		}
		if !r.Interrupted || r.Measured < 450*time.Millisecond || r.Measured > 5*time.Second || r.Answered < 10 {
			t.Errorf("rate %v: %+v", rate, r)
		}
		if r.Failed != 0 {
			t.Errorf("rate %v: the interruption of %d calls counts as failures: %v", rate, taken.Load(), r.Errors)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		r = load.Run(ctx, load.Plan{Warmup: time.Minute, Duration: time.Minute, Rate: rate, Timeout: time.Second}, repeated(4, call))
		cancel()
		if !r.Interrupted || r.Measured != 0 || r.PerSecond != 0 {
			t.Errorf("rate %v, interrupted while it warmed up: %+v", rate, r)
		}
	}
}

func TestChoices(t *testing.T) {
	const n, draws = 100, 100_000
	for _, c := range []struct {
		exponent    float64
		first, last [2]int // how often, at least and at most
	}{
		{0, [2]int{800, 1200}, [2]int{800, 1200}},
		// The shares are 1/(k^s) by the sum of all: 0.28 and 0.0018.
		{1.1, [2]int{22_000, 34_000}, [2]int{50, 400}},
	} {
		choice, err := load.NewChoice(n, c.exponent, bytes.NewReader(make([]byte, 16)))
		if err != nil {
			t.Fatal(err)
		}
		counts := map[int]int{}
		next := choice.Chooser(0)
		for range draws {
			counts[next()]++
		}
		for k := range maps.Keys(counts) {
			if k < 0 || k >= n {
				t.Errorf("exponent %v: chose %d of %d", c.exponent, k, n)
			}
		}
		for _, of := range []struct {
			thing int
			want  [2]int
		}{{0, c.first}, {n - 1, c.last}} {
			if got := counts[of.thing]; got < of.want[0] || got > of.want[1] {
				t.Errorf("exponent %v: chose %d %d times of %d, want %v", c.exponent, of.thing, got, draws, of.want)
			}
		}
		one, other, same := choice.Chooser(1), choice.Chooser(2), 0
		for range 1000 {
			if one() == other() {
				same++
			}
		}
		if same > 500 {
			t.Errorf("exponent %v: two choosers agree %d times of 1000", c.exponent, same)
		}
	}
	if _, err := load.NewChoice(1, 0, bytes.NewReader(nil)); err == nil {
		t.Error("a choice without a seed")
	}
	choice, err := load.NewChoice(1, 1.5, bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	if got := choice.Chooser(0)(); got != 0 {
		t.Errorf("chose %d of one thing", got)
	}
}
