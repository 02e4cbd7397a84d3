package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// loadPlan is how a server is loaded.
type loadPlan struct {
	warmup, measure       time.Duration
	inFlight, connections int
}

// figures are what one load measured.
type figures struct {
	Calls      int     `json:"calls"`
	Throughput float64 `json:"calls_per_second"`
	CPUMicros  float64 `json:"server_cpu_us_per_call"`
	CPUBusy    float64 `json:"server_cpu_cores"`
	P50Micros  float64 `json:"p50_us"`
	P99Micros  float64 `json:"p99_us"`
}

// client asks the doors of one kind.
type client interface {
	// open connects, and gives as many lines as calls are to be in flight. close
	// ends them all; so does the end of ctx, at the latest with their next call.
	open(ctx context.Context, address string, e exchange, p loadPlan) (lines []line, closeAll func(), err error)
	// connections is how many it opens.
	connections(p loadPlan) int
}

// line is where one call at a time is in flight.
type line interface {
	// call asks, and waits for the answer.
	call(ctx context.Context) error
	// judge fails when the last answer was no leave to go ahead. Reading an answer
	// costs the client, so unless it is to be thorough it may go by what it sees
	// at a glance, as long as no refusal looks like that.
	judge(thorough bool) error
}

// thoroughEvery is how many calls of a line there are to one that is read whole.
const thoroughEvery = 256

// patience is how long a load may take beyond its time. Calls themselves carry no
// deadline, which would cost both sides a timer.
const patience = 10 * time.Second

var errSilent = errors.New("the server has stopped answering")

// load keeps so many calls in flight, each begun when the one before it has
// been answered, and measures the server meanwhile. An answer that is an error
// or a refusal fails the load: what it would measure is not a check.
func load(ctx context.Context, s side, e exchange, c client, p loadPlan) (figures, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(p.warmup+p.measure+patience, func() { cancel(errSilent) })
	defer silent.Stop()
	lines, closeAll, err := c.open(ctx, s.address, e, p)
	if err != nil {
		return figures{}, err
	}
	defer closeAll()
	if err := first(ctx, lines); err != nil {
		return figures{}, err
	}

	begin := time.Now().Add(p.warmup)
	end := begin.Add(p.measure)
	latencies := make([][]time.Duration, len(lines))
	var workers sync.WaitGroup
	for i, l := range lines {
		workers.Go(func() {
			measured, err := callUntil(ctx, l, begin, end)
			if err != nil {
				cancel(err)
			}
			latencies[i] = measured
		})
	}
	used, span, cpuErr := cpuBetween(ctx, s.pid, begin, end)
	workers.Wait()
	// The first error is the cause; those after it follow from the cancelling.
	if err := context.Cause(ctx); err != nil {
		return figures{}, err
	}
	if cpuErr != nil {
		return figures{}, cpuErr
	}
	return summarize(slices.Concat(latencies...), span, used)
}

// first makes one call on every line, so that all connections stand when the time
// begins to run.
func first(ctx context.Context, lines []line) error {
	for _, l := range lines {
		if err := l.call(ctx); err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		if err := l.judge(true); err != nil {
			return err
		}
	}
	return nil
}

// callUntil makes one call after another and keeps the latencies of those that
// began after begin and ended before end.
func callUntil(ctx context.Context, l line, begin, end time.Time) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 1<<12)
	for calls := 0; ; calls++ {
		started := time.Now()
		if started.After(end) {
			return latencies, nil
		}
		if err := l.call(ctx); err != nil {
			return nil, err
		}
		ended := time.Now()
		if !started.Before(begin) && !ended.After(end) {
			latencies = append(latencies, ended.Sub(started))
		}
		if err := l.judge(calls%thoroughEvery == 0); err != nil {
			return nil, err
		}
	}
}

// cpuBetween reads a process's CPU time at both ends and how far apart the
// readings were.
func cpuBetween(ctx context.Context, pid int, begin, end time.Time) (used, span time.Duration, err error) {
	if err := sleepUntil(ctx, begin); err != nil {
		return 0, 0, err
	}
	first, firstErr := cpuTime(pid)
	started := time.Now()
	if err := sleepUntil(ctx, end); err != nil {
		return 0, 0, err
	}
	last, lastErr := cpuTime(pid)
	return last - first, time.Since(started), errors.Join(firstErr, lastErr)
}

func sleepUntil(ctx context.Context, t time.Time) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(t)):
		return nil
	}
}

func summarize(latencies []time.Duration, span, used time.Duration) (figures, error) {
	if len(latencies) == 0 {
		return figures{}, errors.New("no call was answered in the measured time")
	}
	slices.Sort(latencies)
	at := func(share float64) float64 {
		return float64(latencies[int(share*float64(len(latencies)-1))]) / float64(time.Microsecond)
	}
	calls := float64(len(latencies))
	return figures{
		Calls:      len(latencies),
		Throughput: calls / span.Seconds(),
		CPUMicros:  float64(used) / float64(time.Microsecond) / calls,
		CPUBusy:    used.Seconds() / span.Seconds(),
		P50Micros:  at(0.50),
		P99Micros:  at(0.99),
	}, nil
}
