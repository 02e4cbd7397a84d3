package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// match is a pair that is being compared: both of its sides run.
type match struct {
	pair
	exchange exchange
	keystile side
	bare     *server
	report   *report
}

// side is where a load goes, and the process whose CPU time it is to cost.
type side struct {
	name, address string
	pid           int
}

// compare runs all comparisons and prints their reports.
func compare(ctx context.Context, p plan, out, progress io.Writer) (err error) {
	on := &stage{pinned: pinClient(ctx), gogc: p.gogc}
	if on.work, err = os.MkdirTemp("", "keystile-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(on.work)) }()

	k, err := startKeystile(ctx, p.keystile, on)
	if err != nil {
		return err
	}
	defer k.process.stop()
	var matches []*match
	defer func() {
		for _, m := range matches {
			m.bare.stop()
		}
	}()
	for _, chosen := range p.pairs {
		m, err := arrange(ctx, chosen, k, on)
		if err != nil {
			return fmt.Errorf("%s: %w", chosen.name, err)
		}
		m.report = newReport(m, p, on.pinned)
		matches = append(matches, m)
	}
	for round := range p.rounds {
		for _, m := range matches {
			if err := m.play(ctx, round, p, progress); err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
		}
	}
	return conclude(matches, p, on.pinned, out)
}

// arrange finds out what is asked and answered, and starts the bare side.
func arrange(ctx context.Context, p pair, k *keystile, on *stage) (*match, error) {
	address := p.door(k)
	e, err := p.ask(ctx, address, k.secret)
	if err != nil {
		return nil, k.process.failure(err)
	}
	bare, err := startBare(ctx, p.name, e.answer, on)
	if err != nil {
		return nil, err
	}
	return &match{pair: p, exchange: e, keystile: side{name: "keystile", address: address, pid: k.process.pid}, bare: bare}, nil
}

// play loads both sides once.
func (m *match) play(ctx context.Context, round int, p plan, progress io.Writer) error {
	bare := side{name: "bare", address: m.bare.addresses[0], pid: m.bare.pid}
	// Who goes first alternates, so that a drift favours neither.
	order := []side{bare, m.keystile}
	if round%2 == 1 {
		order[0], order[1] = order[1], order[0]
	}
	both := map[string]figures{}
	for _, s := range order {
		measured, err := load(ctx, s, m.exchange, m.client, p.load)
		if err != nil {
			return fmt.Errorf("loading %s: %w", s.name, err)
		}
		both[s.name] = measured
	}
	m.report.add(both["bare"], both["keystile"])
	_, err := fmt.Fprintf(progress, "round %d of %d, %s: CPU per call %.1f us bare, %.1f us keystile\n",
		round+1, p.rounds, m.name, both["bare"].CPUMicros, both["keystile"].CPUMicros)
	return err
}

func newReport(m *match, p plan, pinned bool) *report {
	return &report{
		title: m.title, rival: m.rival,
		InFlight: p.load.inFlight, Connections: m.client.connections(p.load), Rounds: p.rounds,
		Pinned: pinned, CPUs: runtime.NumCPU(), GOGC: p.gogc,
		RequestBytes: len(m.exchange.request), ResponseBytes: len(m.exchange.answer),
	}
}

// conclude prints what was found.
func conclude(matches []*match, p plan, pinned bool, out io.Writer) error {
	found := map[string]*report{}
	for _, m := range matches {
		m.report.finish()
		found[m.name] = m.report
	}
	if p.asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	}
	for _, m := range matches {
		if err := m.report.print(out); err != nil {
			return err
		}
	}
	return printReading(out, p, pinned)
}
