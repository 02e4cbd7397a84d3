package main

import (
	"context"
	"os"
	"time"
)

// uses are how long who used a CPU in some span.
type uses struct {
	span           time.Duration
	server, client time.Duration
	// serverCPU and clientCPU are how long those two were used by anybody; zero where
	// nothing is pinned to them.
	serverCPU, clientCPU time.Duration
}

// disturbed is the share of a CPU that others had, of the one where they had more.
func (u uses) disturbed() float64 {
	most := max(u.serverCPU-u.server, u.clientCPU-u.client, 0)
	return float64(most) / float64(u.span)
}

// usesBetween watches a server between two moments, and who else is there.
func usesBetween(ctx context.Context, v *server, begin, end time.Time) (u uses, err error) {
	if err := sleepUntil(ctx, begin); err != nil {
		return u, err
	}
	before, err := usesNow(v)
	if err != nil {
		return u, err
	}
	began := time.Now()
	if err := sleepUntil(ctx, end); err != nil {
		return u, err
	}
	after, err := usesNow(v)
	return uses{
		span:   time.Since(began),
		server: after.server - before.server, client: after.client - before.client,
		serverCPU: after.serverCPU - before.serverCPU, clientCPU: after.clientCPU - before.clientCPU,
	}, err
}

func usesNow(v *server) (u uses, err error) {
	if u.server, err = cpuTime(v.pid); err != nil || !v.pinned {
		return u, err
	}
	if u.client, err = cpuTime(os.Getpid()); err != nil {
		return u, err
	}
	if u.serverCPU, err = busy(serverCPU); err != nil {
		return u, err
	}
	u.clientCPU, err = busy(clientCPU)
	return u, err
}
