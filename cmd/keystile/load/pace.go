package load

import (
	"context"
	"runtime"
	"time"
)

// pace tells when calls are due, once each is, until end; then it closes out.
// Where nobody has time for a call, those after it wait as well, and all keep the
// moment at which they were due.
func pace(ctx context.Context, out chan<- time.Time, start, end time.Time, rate float64) {
	defer close(out)
	for number := 0; ; number++ {
		due := start.Add(time.Duration(float64(number) * float64(time.Second) / rate))
		if !due.Before(end) || !sleepUntil(ctx, due) {
			return
		}
		select {
		case out <- due:
			// Whoever took it is to begin now, not when this thread has slept.
			runtime.Gosched()
		case <-ctx.Done():
			return
		}
	}
}

// coarse is by how much a timer may be late: where nothing else runs, Go waits
// for timers in whole milliseconds. The rest is slept by other means.
const coarse = 2 * time.Millisecond

// sleepUntil is false when ctx ended first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	if left := time.Until(t); left > coarse {
		timer := time.NewTimer(left - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	for left := time.Until(t); left > 0; left = time.Until(t) {
		sleepFinely(left)
	}
	return ctx.Err() == nil
}
