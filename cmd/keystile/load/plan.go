package load

import (
	"context"
	"time"
)

// Call makes one call and waits for its answer. Each Call of a run is made by one
// goroutine at a time. It must end soon after ctx does.
type Call func(ctx context.Context) Answer

// Answer is what became of a call: one of the two is empty. A call whose answer
// is zero is counted as an error without a name.
type Answer struct {
	// Verdict names an answer's kind.
	Verdict string
	// Error names what went wrong where there was no answer.
	Error string
}

// Plan is how a load is put on. As many calls are in flight, at the most, as
// there are Calls.
type Plan struct {
	// Warmup goes before what is measured.
	Warmup time.Duration
	// Duration is how long calls that count go on becoming due. It is more than
	// zero.
	Duration time.Duration
	// Rate is how many calls are due a second, answered or not. Zero is a closed
	// loop.
	Rate float64
	// Timeout is the most that a call may take, and, in an open loop, by how much
	// it may begin late: one that would begin later is dropped, for who waited for
	// it would have given up. It is more than zero.
	Timeout time.Duration
}

// Result is what a run has measured: the fate of every call that was due in the
// measured time, also when it was answered after that.
type Result struct {
	// Measured is how long it was measured: the plan's Duration, or less when the
	// run was interrupted. Nothing was measured where it is zero.
	Measured    time.Duration
	Interrupted bool
	// Answered, Failed and Dropped are all calls that were due. Those that an
	// interruption found waiting or in flight are left out.
	Answered, Failed, Dropped int64
	// PerSecond is how many answers arrived a second in the measured time.
	PerSecond float64
	// Latency is of the calls that were answered or failed: in an open loop from
	// when they were due, in a closed one from when they began.
	Latency Spread
	// Delay is, in an open loop, how late calls began, which is a part of their
	// latency: because all Calls were in flight, or because this machine is busy.
	Delay Spread
	// Verdicts and Errors count the answers and the failures by their names.
	Verdicts, Errors map[string]int64
}

// Spread sums up how long things took. It is zero when there was nothing.
type Spread struct{ Mean, P50, P90, P99, P999, Max time.Duration }
