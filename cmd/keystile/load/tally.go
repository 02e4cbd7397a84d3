package load

import (
	"sync"
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// precision is how many digits of a time are kept: 3 are one part in a thousand.
const precision = 3

// tally counts what becomes of the calls. One for all callers: to hold its lock
// takes a hundredth of what a call over a network takes.
type tally struct {
	mu sync.Mutex
	// latency and delay are in microseconds, up to most.
	latency, delay   *hdr.Histogram
	most             int64
	verdicts, errors map[string]int64
	dropped          int64
	// inTime counts the answers that arrived in the measured time, also to calls
	// that began before it.
	inTime int64
}

// newTally makes room for times up to longest; what took longer counts as that.
func newTally(longest time.Duration) *tally {
	most := max(longest.Microseconds(), 1000)
	return &tally{
		latency: hdr.New(1, most, precision), delay: hdr.New(1, most, precision), most: most,
		verdicts: map[string]int64{}, errors: map[string]int64{},
	}
}

// ended notes the end of a call: counted when it was due in the measured time,
// inTime when it ended in it.
func (t *tally) ended(a Answer, took time.Duration, counted, inTime bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if inTime && a.Verdict != "" {
		t.inTime++
	}
	if !counted {
		return
	}
	t.note(t.latency, took)
	if a.Verdict != "" {
		t.verdicts[a.Verdict]++
	} else {
		t.errors[a.Error]++
	}
}

// began notes how late a call began.
func (t *tally) began(late time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(t.delay, late)
}

// drop notes a call that was never made.
func (t *tally) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropped++
}

// note keeps a time, rounded up: nothing takes no time at all.
func (t *tally) note(in *hdr.Histogram, d time.Duration) {
	// What is within the bounds of a histogram it always takes.
	_ = in.RecordValue(min(max(1, (d+time.Microsecond-1).Microseconds()), t.most))
}

// result sums up.
func (t *tally) result(measured time.Duration) *Result {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := &Result{
		Measured: measured, Dropped: t.dropped, Verdicts: t.verdicts, Errors: t.errors,
		Latency: spread(t.latency), Delay: spread(t.delay),
	}
	for _, n := range t.verdicts {
		out.Answered += n
	}
	for _, n := range t.errors {
		out.Failed += n
	}
	if measured > 0 {
		out.PerSecond = float64(t.inTime) / measured.Seconds()
	}
	return out
}

func spread(h *hdr.Histogram) Spread {
	if h.TotalCount() == 0 {
		return Spread{}
	}
	at := func(percent float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(percent)) * time.Microsecond
	}
	return Spread{
		Mean: time.Duration(h.Mean() * float64(time.Microsecond)),
		P50:  at(50), P90: at(90), P99: at(99), P999: at(99.9),
		Max: time.Duration(h.Max()) * time.Microsecond,
	}
}
