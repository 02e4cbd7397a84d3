// Command bench measures what a check costs: CheckKey of a real keystile
// process against a bare grpc-go server that gives the very same answer
// without deciding anything. Both run at once and are loaded in turn, so that
// whatever the machine does meanwhile befalls both.
//
// The figure to trust is server CPU per call. Throughput and latency also
// depend on the client, a grpc-go client too, which shares the machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// plan is what a run does, from its flags.
type plan struct {
	keystile string
	rounds   int
	load     loadPlan
	asJSON   bool
	bare     string
}

func main() {
	var p plan
	flag.StringVar(&p.keystile, "keystile", "bin/keystile", "the keystile binary")
	flag.IntVar(&p.rounds, "rounds", 5, "how often each server is loaded")
	flag.DurationVar(&p.load.measure, "measure", 2*time.Second, "measured time of one load")
	flag.DurationVar(&p.load.warmup, "warmup", 500*time.Millisecond, "time before it that is not measured")
	flag.IntVar(&p.load.inFlight, "in-flight", 64, "calls in flight over all connections")
	flag.IntVar(&p.load.connections, "connections", 4, "client connections")
	flag.BoolVar(&p.asJSON, "json", false, "print the report as JSON")
	flag.StringVar(&p.bare, "bare", "", "serve the answer in this file on -listen instead: how the harness starts the other side")
	listen := flag.String("listen", "", "where -bare listens")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if p.bare != "" {
		err = serveBare(ctx, p.bare, *listen)
	} else {
		err = compare(ctx, p, os.Stdout, os.Stderr)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// compare runs the whole comparison and prints its report.
func compare(ctx context.Context, p plan, out, progress io.Writer) (err error) {
	pinned := pinClient(ctx)
	work, err := os.MkdirTemp("", "keystile-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()

	keystile, request, answer, err := startKeystile(ctx, p.keystile, work, pinned)
	if err != nil {
		return err
	}
	defer keystile.stop()
	bare, err := startBare(ctx, answer, work, pinned)
	if err != nil {
		return err
	}
	defer bare.stop()

	found := &report{
		InFlight: p.load.inFlight, Connections: p.load.connections, Rounds: p.rounds,
		Pinned: pinned, CPUs: runtime.NumCPU(),
		RequestBytes: len(request), ResponseBytes: len(answer),
	}
	for round := range p.rounds {
		// Who goes first alternates, so that a drift favours neither.
		order := []*server{bare, keystile}
		if round%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		both := map[*server]figures{}
		for _, s := range order {
			measured, err := load(ctx, s, request, len(answer), p.load)
			if err != nil {
				return fmt.Errorf("loading %s: %w", s.name, err)
			}
			both[s] = measured
		}
		found.add(both[bare], both[keystile])
		fmt.Fprintf(progress, "round %d of %d: CPU per call %.1f us bare, %.1f us keystile\n",
			round+1, p.rounds, both[bare].CPUMicros, both[keystile].CPUMicros)
	}
	found.finish()
	if p.asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	return found.print(out)
}
