// Command bench measures what a check costs at the doors that platforms ask
// most: CheckKey, Envoy's ext_authz over gRPC, and nginx's auth_request. Each door
// of a real keystile process is compared with a bare server of its kind that gives
// the very same answer without deciding anything. All of them run at once and are
// loaded in turn, so that whatever the machine does meanwhile befalls all.
//
// The figure to trust is server CPU per call. Throughput and latency also depend
// on the client, which shares the machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// keystileGOGC is what keystile serve runs with unless it is told otherwise.
const keystileGOGC = "400"

// plan is what a run does, from its flags.
type plan struct {
	keystile string
	pairs    []pair
	rounds   int
	gogc     string
	load     loadPlan
	asJSON   bool
}

func main() {
	var p plan
	flag.StringVar(&p.keystile, "keystile", "bin/keystile", "the keystile binary")
	chosen := flag.String("pairs", allPairs(), "what to compare, separated by commas")
	flag.IntVar(&p.rounds, "rounds", 5, "how often each server is loaded")
	flag.DurationVar(&p.load.measure, "measure", 2*time.Second, "measured time of one load")
	flag.DurationVar(&p.load.warmup, "warmup", 500*time.Millisecond, "time before it that is not measured")
	flag.IntVar(&p.load.inFlight, "in-flight", 64, "calls in flight; over HTTP each has a connection of its own")
	flag.IntVar(&p.load.connections, "connections", 4, "client connections that calls over gRPC share")
	flag.StringVar(&p.gogc, "gogc", keystileGOGC, "GOGC of all servers, so that none saves by collecting garbage less often; empty leaves each its own")
	flag.BoolVar(&p.asJSON, "json", false, "print the reports as JSON, by pair")
	bare := flag.String("bare", "", "serve the bare side of this pair instead: how the harness starts it")
	answer := flag.String("answer", "", "the file that holds what -bare answers")
	listen := flag.String("listen", "", "where -bare listens")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, p, *chosen, *bare, *answer, *listen)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, chosen, bare, answer, listen string) error {
	if bare != "" {
		return serveBare(ctx, bare, answer, listen)
	}
	var err error
	if p.pairs, err = pairsNamed(chosen); err != nil {
		return err
	}
	if p.rounds < 1 || p.load.inFlight < 1 || p.load.connections < 1 {
		return fmt.Errorf("-rounds, -in-flight and -connections must be at least 1")
	}
	return compare(ctx, p, os.Stdout, os.Stderr)
}
