package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
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
	// Disturbed is how much of a CPU others took from the server or from the client,
	// whichever lost more; 0 where nothing was pinned.
	Disturbed float64 `json:"disturbed"`
}

// checks asks CheckKey about keys of a population, each as often as any other.
// What is asked is the HTTP call itself, so that every step of a check is gone
// through.
func checks(p population, random *rand.Rand) (ask func([]byte) []byte, judge func([]byte) error) {
	call, err := proto.Marshal(&keystilev1.CheckKeyRequest{Request: &keystilev1.HTTPRequest{
		Method: "GET", Host: callHost, Path: callPath, ClientIp: callerIP,
	}})
	if err != nil {
		panic(err) // four texts can be written
	}
	ask = func(room []byte) []byte {
		return append(appendKey(room, secretOf(random.IntN(p.keys))), call...)
	}
	return ask, allowed
}

// appendKey writes the first field of a CheckKeyRequest.
func appendKey(to []byte, secret string) []byte {
	return protowire.AppendString(protowire.AppendTag(to, 1, protowire.BytesType), secret)
}

// allowed fails on any answer but a leave to go ahead, which an answer begins with.
func allowed(answer []byte) error {
	if len(answer) > 2 && answer[0] == 1<<3 && answer[1] == 1 {
		return nil
	}
	verdict := &keystilev1.CheckKeyResponse{}
	if err := proto.Unmarshal(answer, verdict); err != nil {
		return err
	}
	if !verdict.GetAllowed() {
		return fmt.Errorf("refused: %s", verdict.GetReason())
	}
	return nil
}

// load measures a server under questions about its keys.
func load(ctx context.Context, v *server, p loadPlan, seed uint64) (figures, error) {
	callers, err := open(ctx, v.grpc, keystilev1.KeyService_CheckKey_FullMethodName, p.connections, func(c *caller, n int) {
		c.ask, c.judge = checks(v.store.population, rand.New(rand.NewPCG(seed, uint64(n)))) //nolint:gosec // which key is asked about is no secret
	})
	if err != nil {
		return figures{}, err
	}
	begin := time.Now().Add(p.warmup)
	end := begin.Add(p.measure)
	done := drive(ctx, callers, p.inFlight, begin, end)
	use, cpuErr := usesBetween(ctx, v, begin, end)
	if err := errors.Join(<-done, cpuErr); err != nil {
		return figures{}, err
	}
	var latencies []time.Duration
	for _, c := range callers {
		latencies = append(latencies, c.latencies...)
	}
	return summarize(latencies, use)
}

// open makes a caller for each of some connections.
func open(ctx context.Context, address, method string, connections int, prepare func(*caller, int)) ([]*caller, error) {
	callers := make([]*caller, connections)
	for n := range callers {
		w, err := dial(ctx, address, method)
		if err != nil {
			return nil, err
		}
		callers[n] = &caller{wire: w}
		prepare(callers[n], n)
	}
	return callers, nil
}

// drive runs callers with so many calls in flight between them, and closes their
// connections.
func drive(ctx context.Context, callers []*caller, inFlight int, begin, end time.Time) <-chan error {
	done := make(chan error, 1)
	go func() {
		errs := make([]error, len(callers))
		var running sync.WaitGroup
		for n, c := range callers {
			share := inFlight / len(callers)
			if n < inFlight%len(callers) {
				share++
			}
			running.Go(func() {
				errs[n] = c.run(ctx, share, begin, end)
				_ = c.wire.connection.Close()
			})
		}
		running.Wait()
		done <- errors.Join(errs...)
	}()
	return done
}

func sleepUntil(ctx context.Context, moment time.Time) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Until(moment)):
		return nil
	}
}

// summarize makes the figures of one load.
func summarize(latencies []time.Duration, use uses) (figures, error) {
	calls := len(latencies)
	if calls == 0 || use.span <= 0 {
		return figures{}, errors.New("no call ended in the measured time")
	}
	slices.Sort(latencies)
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return figures{
		Calls:      calls,
		Throughput: float64(calls) / use.span.Seconds(),
		CPUMicros:  micros(use.server) / float64(calls),
		CPUBusy:    float64(use.server) / float64(use.span),
		P50Micros:  micros(latencies[calls/2]),
		P99Micros:  micros(latencies[calls*99/100]),
		Disturbed:  use.disturbed(),
	}, nil
}
