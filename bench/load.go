package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
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
}

// rawCodec hands encoded messages through, so that the client spends its CPU
// on calls and not on encoding the same request again and again.
type rawCodec struct{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	message, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("not an encoded message: %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(message)}, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	message, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("not room for an encoded message: %T", v)
	}
	*message = slices.Grow((*message)[:0], data.Len())[:data.Len()]
	data.CopyTo(*message)
	return nil
}

var _ encoding.CodecV2 = rawCodec{}

// load keeps so many calls in flight, each begun when the one before it has
// been answered, and measures the server meanwhile. An answer that is an error
// or a refusal fails the load: what it would measure is not a check.
func load(ctx context.Context, s *server, request []byte, answerSize int, p loadPlan) (figures, error) {
	connections, err := dial(s.address, p.connections)
	if err != nil {
		return figures{}, err
	}
	defer func() {
		for _, c := range connections {
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	begin := time.Now().Add(p.warmup)
	end := begin.Add(p.measure)
	latencies := make([][]time.Duration, p.inFlight)
	var workers sync.WaitGroup
	for i := range p.inFlight {
		workers.Go(func() {
			measured, err := callUntil(ctx, connections[i%len(connections)], request, answerSize, begin, end)
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

func dial(address string, n int) ([]*grpc.ClientConn, error) {
	var connections []*grpc.ClientConn
	for range n {
		c, err := grpc.NewClient(address,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
		if err != nil {
			return nil, err
		}
		connections = append(connections, c)
	}
	return connections, nil
}

// callUntil makes one call after another and keeps the latencies of those that
// began after begin and ended before end.
func callUntil(ctx context.Context, c *grpc.ClientConn, request []byte, answerSize int, begin, end time.Time) ([]time.Duration, error) {
	latencies := make([]time.Duration, 0, 1<<12)
	var answer []byte
	for calls := 0; ; calls++ {
		started := time.Now()
		if started.After(end) {
			return latencies, nil
		}
		err := c.Invoke(ctx, keystilev1.KeyService_CheckKey_FullMethodName, request, &answer)
		if err != nil {
			return nil, err
		}
		ended := time.Now()
		if !started.Before(begin) && !ended.After(end) {
			latencies = append(latencies, ended.Sub(started))
		}
		// Reading an answer costs the client, so a change of size is looked at
		// always and one in a few hundred in any case.
		if calls%256 == 0 || len(answer) < answerSize/2 {
			if err := mustAllow(answer); err != nil {
				return nil, err
			}
		}
	}
}

func mustAllow(answer []byte) error {
	verdict := &keystilev1.CheckKeyResponse{}
	if err := proto.Unmarshal(answer, verdict); err != nil {
		return err
	}
	if !verdict.GetAllowed() {
		return fmt.Errorf("refused under load: %s", verdict.GetReason())
	}
	return nil
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
