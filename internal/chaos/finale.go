package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// What limits have to do by themselves once everything is whole again.
const (
	// lastQuota is spent while a replica crashes, and lastRate by all replicas at once.
	lastQuota = 600
	lastRate  = 300
	// payers is how many callers each replica has.
	payers = 4
	// attemptsToSpend is how often it is tried: a machine that is too slow for a round trip
	// has replicas lose what they asked for.
	attemptsToSpend = 4
)

// spendAfter wants limits to be shared again by every replica, and then to let through
// what they are to: not more is what the bounds want of every account.
func (r *Run) spendAfter(tb testing.TB, shared *clients) error {
	tb.Helper()
	s := &spender{clients: shared, name: shared.config.Clients + spenders, random: rand.New(rand.NewPCG(shared.config.Seed, 3))} //nolint:gosec // replayable, guards nothing
	if err := s.awaitSharing(tb.Context()); err != nil {
		return err
	}
	err := errors.New("there was no attempt")
	for range attemptsToSpend {
		if err = s.spendRate(tb.Context()); err == nil {
			break
		}
		shared.config.Log("%v", err)
	}
	if err != nil {
		return err
	}
	for range attemptsToSpend {
		if err = s.spendQuota(tb.Context()); err == nil {
			return nil
		}
		shared.config.Log("%v", err)
	}
	return err
}

// last makes an account that all replicas know.
func (s *spender) last(ctx context.Context, t Terms) (*Account, error) {
	a := s.open(ctx, &t)
	if a == nil {
		return nil, errors.New("after everything was whole again: no account can be made")
	}
	a.over = s.since() + recovery
	s.book.mu.Lock()
	s.book.all = append(s.book.all, a)
	s.book.mu.Unlock()
	for until := time.Now().Add(recovery); ; time.Sleep(20 * time.Millisecond) {
		known := 0
		for r := range replicas {
			call, cancel := context.WithTimeout(ctx, time.Second)
			answer, err := s.group.process(r).keys.CheckKey(call, &pb.CheckKeyRequest{Key: a.secrets[0], Cost: new(int32)})
			cancel()
			if err == nil && answer.GetAllowed() {
				known++
			}
		}
		if known == replicas {
			return a, nil
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("after everything was whole again: %d of %d replicas decide by a new account", known, replicas)
		}
	}
}

// awaitSharing waits until no replica decides a rate limit by itself any more.
func (s *spender) awaitSharing(ctx context.Context) error {
	a, err := s.last(ctx, Terms{Name: "a rate to see whether it is shared", Rate: access.Rate{Requests: 900_000, Period: time.Hour, Burst: 900_000}, MostCost: 1})
	if err != nil {
		return err
	}
	for until := time.Now().Add(recovery); ; time.Sleep(20 * time.Millisecond) {
		sharing := 0
		for r := range replicas {
			if got := s.spend(ctx, a, r, 1); got.Result == Let && !got.Degraded {
				sharing++
			}
		}
		if sharing == replicas {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("after everything was whole again: %d of %d replicas share rate limits", sharing, replicas)
		}
	}
}

// spendAll has every replica asked so often by several callers, and counts what was let
// through. It ends early when ended says so.
func (s *spender) spendAll(ctx context.Context, a *Account, each int, ended func() bool) (let int64) {
	var mu sync.Mutex
	var paying sync.WaitGroup
	for replica := range replicas {
		for i := range payers {
			// What a caller draws is its own.
			p := &spender{clients: s.clients, name: s.name, random: rand.New(rand.NewPCG(s.random.Uint64(), uint64(i)))} //nolint:gosec // guards nothing
			paying.Go(func() {
				for range each / payers {
					if ended() {
						return
					}
					if got := p.spend(ctx, a, replica, 1); got.Result == Let {
						mu.Lock()
						let++
						mu.Unlock()
					}
				}
			})
		}
	}
	paying.Wait()
	return let
}

func whole() bool { return false }

// spendRate spends a rate limit at once: of it may lack one in ten.
func (s *spender) spendRate(ctx context.Context) error {
	a, err := s.last(ctx, Terms{Name: "a rate after everything", Rate: access.Rate{Requests: lastRate, Period: time.Hour, Burst: lastRate}, MostCost: 1})
	if err != nil {
		return err
	}
	if let := s.spendAll(ctx, a, lastRate, whole); let < lastRate*9/10 {
		return fmt.Errorf("after everything was whole again: of a rate limit of %d only %d are let through", lastRate, let)
	}
	return nil
}

// spendQuota spends a quota while a replica crashes with calls under way. What it held
// is lost: one part in twenty at the most, among all replicas. So are units that its
// calls had, and were not answered.
func (s *spender) spendQuota(ctx context.Context) error {
	a, err := s.last(ctx, Terms{Name: "a quota after everything", Quota: lastQuota, Period: pb.Quota_TOTAL, MostCost: 1})
	if err != nil {
		return err
	}
	crashing := s.random.IntN(replicas)
	crash := time.AfterFunc(30*time.Millisecond, s.group.process(crashing).kill)
	let := s.spendAll(ctx, a, lastQuota/5, whole)
	crash.Stop()
	s.group.process(crashing).kill()
	if err := s.group.launch(crashing); err != nil {
		return err
	}
	if err := s.group.awaitDeciding(ctx, recovery); err != nil {
		return fmt.Errorf("after a crash: %w", err)
	}
	const least = lastQuota - lastQuota/20 - payers
	// What others hold comes back when they have had no use for it for two seconds.
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if let += s.spendAll(ctx, a, lastQuota, func() bool { return s.refused(a) }); let >= least {
			return nil
		}
	}
	return fmt.Errorf("after everything was whole again: of a quota of %d only %d could be spent, with one crash", lastQuota, let)
}

// refused tells whether an account's newest answer was that its quota is spent.
func (s *spender) refused(a *Account) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.spends) > 0 && a.spends[len(a.spends)-1].Result == OverQuota
}
