package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// settled is when a server has written down what it noted of a load, which it does
// every 15 s.
const settled = 17 * time.Second

// measure fills the stores, starts a server on each, and loads them in turn.
func measure(ctx context.Context, p plan) (r *report, err error) {
	work, err := os.MkdirTemp("", "keystile-large-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	c, err := openCluster(p.postgres) //nolint:contextcheck // it ends by remove
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.remove()) }()
	var stores []*store
	for _, keys := range p.sizes {
		s, err := openStore(ctx, c, p.keystile, keys, say)
		if err != nil {
			return nil, err
		}
		stores = append(stores, s)
	}

	r = &report{Rounds: p.rounds, InFlight: p.load.inFlight, Connections: p.load.connections}
	if r.Pinned = pinClient(ctx); r.Pinned {
		if err := c.pin(ctx); err != nil {
			return nil, err
		}
	}
	on := &stage{binary: p.keystile, work: work, pinned: r.Pinned, patience: p.patience}
	var servers []*server
	defer func() {
		for _, v := range servers {
			v.stop()
		}
	}()
	for _, s := range stores {
		v, err := on.start(ctx, s)
		if err != nil {
			return nil, err
		}
		servers = append(servers, v)
		size, err := atRest(ctx, v, p)
		if err != nil {
			return nil, err
		}
		say("%d keys: ready after %.1f s, of which %.1f s on the CPU; %.0f MiB", s.keys, size.ReadySeconds, size.ReadyCPU, mebibytes(size.Memory.Now))
		r.Sizes = append(r.Sizes, size)
	}
	if err := loadAll(ctx, servers, p, r); err != nil {
		return nil, err
	}
	if p.rounds > 0 {
		say("waiting until what the loads left is written down")
		if err := sleepUntil(ctx, time.Now().Add(settled)); err != nil {
			return nil, err
		}
	}
	last := servers[len(servers)-1]
	if r.Unknown, err = unknownKeys(ctx, last, p.unknown, p.seed); err != nil {
		return nil, fmt.Errorf("unknown keys: %w", err)
	}
	return r, nil
}

// atRest measures a server that has just started and that nobody asks.
func atRest(ctx context.Context, v *server, p plan) (*size, error) {
	z := &size{Keys: v.store.keys, Users: v.store.users(), ReadySeconds: v.ready.Seconds(), ReadyCPU: v.readyCPU.Seconds()}
	if err := sleepUntil(ctx, time.Now().Add(p.pause)); err != nil {
		return nil, err
	}
	var err error
	if z.Memory, err = memoryOf(v.pid); err != nil {
		return nil, err
	}
	now := time.Now()
	use, err := usesBetween(ctx, v, now, now.Add(p.idle))
	if err != nil {
		return nil, err
	}
	z.BytesPerKey = float64(z.Memory.Now) / float64(z.Keys)
	z.IdleCPU = float64(use.server) / float64(use.span)
	return z, nil
}

// loadAll loads the servers in turn, in each round from another one on.
func loadAll(ctx context.Context, servers []*server, p plan, r *report) error {
	for round := range p.rounds {
		for n := range servers {
			n = (n + round) % len(servers)
			f, err := calmLoad(ctx, servers[n], p, uint64(round))
			if err != nil {
				return fmt.Errorf("%d keys: %w", r.Sizes[n].Keys, err)
			}
			say("round %d, %d keys: %.2f us of CPU a call, p99 %.0f us, %.0f calls/s, %.2f CPUs, %.2f taken by others",
				round+1, r.Sizes[n].Keys, f.CPUMicros, f.P99Micros, f.Throughput, f.CPUBusy, f.Disturbed)
			r.Sizes[n].Loads = append(r.Sizes[n].Loads, f)
		}
	}
	for n, v := range servers {
		m, err := memoryOf(v.pid)
		if err != nil {
			return err
		}
		r.Sizes[n].Loaded = m
	}
	return nil
}

// calmLoad loads a server until nobody disturbs it, or until there were enough tries;
// then the least disturbed one counts.
func calmLoad(ctx context.Context, v *server, p plan, round uint64) (best figures, err error) {
	for try := range 1 + p.retries {
		f, err := load(ctx, v, p.load, p.seed+round)
		if err != nil {
			return f, err
		}
		if try == 0 || f.Disturbed < best.Disturbed {
			best = f
		}
		if f.Disturbed <= p.calm {
			break
		}
	}
	return best, nil
}
