package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// plan is what a run does, from its flags.
type plan struct {
	keystile string
	postgres string
	sizes    []int
	rounds   int
	load     loadPlan
	pause    time.Duration
	idle     time.Duration
	unknown  time.Duration
	patience time.Duration
	calm     float64
	retries  int
	seed     uint64
	asJSON   bool
}

func main() {
	var p plan
	flag.StringVar(&p.keystile, "keystile", "bin/keystile", "the keystile binary")
	flag.StringVar(&p.postgres, "postgres", "", "a Postgres to keep the filled databases on for further runs, as a URL of its owner; empty starts one that ends with the run")
	sizes := flag.String("keys", "10000,1000000,10000000", "how many keys the stores hold, separated by commas; the first is what the others are compared with")
	flag.IntVar(&p.rounds, "rounds", 5, "how often each server is loaded")
	flag.DurationVar(&p.load.measure, "measure", 15*time.Second, "measured time of one load: what servers write down every 15 s belongs to it")
	flag.DurationVar(&p.load.warmup, "warmup", 2*time.Second, "time before it that is not measured")
	flag.IntVar(&p.load.inFlight, "in-flight", 64, "calls in flight")
	flag.IntVar(&p.load.connections, "connections", 4, "connections that share them")
	flag.DurationVar(&p.pause, "pause", 10*time.Second, "time between a server's start and the look at its memory")
	flag.DurationVar(&p.idle, "idle", 10*time.Second, "for how long the CPU of a server is measured that nobody asks")
	flag.DurationVar(&p.unknown, "unknown", 10*time.Second, "for how long the last server is asked about unknown keys")
	flag.DurationVar(&p.patience, "patience", 10*time.Minute, "how long a server may take until it is ready")
	flag.Float64Var(&p.calm, "calm", 0.08, "a load is repeated when others took more of the server's or the client's CPU")
	flag.IntVar(&p.retries, "retries", 10, "how often a load is repeated for that; then the least disturbed one counts")
	flag.Uint64Var(&p.seed, "seed", 1, "chooses the keys that are asked about")
	flag.BoolVar(&p.asJSON, "json", false, "print the report as JSON")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, p, *sizes)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "large:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, p plan, sizes string) error {
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil || n < 100 || slices.Contains(p.sizes, n) {
			return errors.New("-keys must name different numbers of at least 100, separated by commas")
		}
		p.sizes = append(p.sizes, n)
	}
	if p.rounds < 0 || p.retries < 0 || p.load.inFlight < p.load.connections || p.load.connections < 1 || p.load.measure <= 0 || p.unknown <= 0 || p.idle <= 0 {
		return errors.New("-rounds and -retries must not be negative, -connections 1 to -in-flight, and times positive")
	}
	r, err := measure(ctx, p)
	if err != nil {
		return err
	}
	if p.asJSON {
		return r.json(os.Stdout)
	}
	return r.print(os.Stdout)
}

// say tells how far a run is.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}
