package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Config says how a run goes. All of it is needed.
type Config struct {
	// Binary is the keystile to test.
	Binary string
	// Seed is what the schedule and the clients' choices are drawn from.
	Seed     uint64
	Duration time.Duration
	Clients  int
	// Redis is where replicas share rate limits; without it that is Postgres.
	Redis bool
	// Lease is --max-staleness.
	Lease time.Duration
	// Log is told what happens.
	Log func(format string, args ...any)
}

// Run is what came of a run.
type Run struct {
	History *History
	Faults  []Fault
	// Diary is what the nemesis did.
	Diary []string
	Did   map[Trouble]int
	tally *tally
	// Book is what was spent of limits.
	Book  *book
	group *group
	base  time.Time
	// Found is when the first breach of a rule was noticed, which ended the run; 0
	// is never.
	Found time.Duration
	// Logs is where the replicas' logs are while the test runs.
	Logs string
}

// How a run goes beside its configuration: how many clients make calls that cost; and
// how it ends: for how long everything may take to work again, and how often every key
// is then checked by every replica.
const (
	spenders = 8
	recovery = 30 * time.Second
	lastLook = 2
)

// Do carries a run out. An error means that the group did not work as it must even
// without a look at the history: above all, that it did not recover by itself.
func Do(tb testing.TB, config *Config) (*Run, error) {
	tb.Helper()
	g := newGroup(tb, config)
	base := time.Now()
	since := func() time.Duration { return time.Since(base) }
	g.since = since
	run := &Run{History: &History{}, Faults: Schedule(config.Seed, config.Duration, config.Lease, config.Redis), Logs: g.folder, Book: newBook(), group: g, base: base}
	shared := &clients{group: g, config: config, history: run.History, since: since, base: base, book: run.Book}
	run.tally = &shared.tally
	ctx, stop := context.WithCancel(tb.Context())
	defer stop()
	var working sync.WaitGroup
	for i := range config.Clients {
		c := &client{clients: shared, name: i, random: rand.New(rand.NewPCG(config.Seed, uint64(100+i)))} //nolint:gosec // replayable, guards nothing
		working.Go(func() { c.work(ctx) })
	}
	for i := range spenders {
		s := &spender{clients: shared, name: config.Clients + i, random: rand.New(rand.NewPCG(config.Seed, uint64(10_000+i)))} //nolint:gosec // as above
		working.Go(func() { s.work(ctx) })
	}
	n := &nemesis{tb: tb, group: g, since: since, did: map[Trouble]int{}}
	err := run.suffer(n, config, since)
	if err == nil && run.Found == 0 {
		err = run.recover(tb, shared)
	}
	stop()
	working.Wait()
	if err == nil && run.Found == 0 {
		err = run.lookBack(tb, shared)
	}
	if err == nil && run.Found == 0 {
		err = run.spendAfter(tb, shared)
	}
	run.Diary, run.Did = n.diary, n.did
	return run, err
}

// suffer lets the schedule happen, and looks for breaches meanwhile: a run that has
// found one need not go on.
func (r *Run) suffer(n *nemesis, config *Config, since func() time.Duration) error {
	pending := events(r.Faults)
	for look := time.Second; since() < config.Duration; {
		next := config.Duration
		if len(pending) > 0 {
			next = min(next, pending[0].at)
		}
		if wait := min(next, look) - since(); wait > 0 {
			time.Sleep(wait)
		}
		if len(pending) > 0 && pending[0].at <= since() {
			if err := n.carryOut(pending[0]); err != nil {
				return err
			}
			pending = pending[1:]
		}
		if since() < look {
			continue
		}
		look = since() + time.Second
		if r.found() {
			r.Found = since()
			return nil
		}
	}
	return nil
}

// found looks for a breach of any rule.
func (r *Run) found() bool {
	for _, k := range r.History.Keys() {
		if len(breaches(k.Ops())) > 0 {
			return true
		}
	}
	return len(r.Book.overdrafts(r.circumstances(), time.Since(r.base))) > 0
}

// circumstances are what the bounds of limits depend on.
func (r *Run) circumstances() *circumstances {
	return &circumstances{base: r.base, losses: r.group.lostCounters()}
}

// recover makes everything whole, and wants everything to work again without help.
func (r *Run) recover(tb testing.TB, shared *clients) error {
	tb.Helper()
	if err := shared.group.healAll(tb); err != nil {
		return err
	}
	if err := shared.group.awaitDeciding(tb.Context(), recovery); err != nil {
		return fmt.Errorf("after everything was whole again: %w", err)
	}
	before := shared.tally.confirmed.Load()
	for until := time.Now().Add(recovery); shared.tally.confirmed.Load() < before+3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			return errors.New("after everything was whole again: no write is confirmed")
		}
	}
	return nil
}

// lookBack asks every replica about everything once more, and the store too, and
// finds out what became of the writes that had no answer.
func (r *Run) lookBack(tb testing.TB, shared *clients) error {
	tb.Helper()
	c := &client{clients: shared, name: shared.config.Clients, random: rand.New(rand.NewPCG(shared.config.Seed, 2))} //nolint:gosec // replayable, guards nothing
	if err := r.compare(tb, shared, false); err != nil {
		return err
	}
	for _, k := range r.History.Keys() {
		for replica := range replicas {
			c.read(tb.Context(), k, replica)
			for range lastLook {
				c.check(tb.Context(), k, c.anySecret(k), replica, time.Second)
			}
		}
	}
	return r.compare(tb, shared, true)
}

func (r *Run) compare(tb testing.TB, shared *clients, last bool) error {
	tb.Helper()
	t, err := shared.group.readTrail(tb.Context())
	if err != nil {
		return err
	}
	if lost := r.History.compare(t, shared.since(), last); len(lost) > 0 {
		return fmt.Errorf("writes that were acknowledged are not in the audit trail:\n%s", strings.Join(lost, "\n"))
	}
	return nil
}

// keep copies the replicas' logs to where they outlive the test.
func (r *Run) keep() (string, error) {
	folder, err := os.MkdirTemp("", "keystile-chaos-")
	if err != nil {
		return "", fmt.Errorf("folder: %w", err)
	}
	if err := os.CopyFS(filepath.Join(folder, "logs"), os.DirFS(r.Logs)); err != nil {
		return folder, fmt.Errorf("keeping the logs: %w", err)
	}
	return folder, nil
}
