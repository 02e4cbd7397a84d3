package sqlstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

// spender is a process that draws on quotas, uses some, and returns some, as replicas
// do. What it was answered it has; what it was not may be spent or not.
type spender struct {
	store *Store
	names []string
	limit int64
	// used is by quota what was taken and not given back.
	used []atomic.Int64
	errs atomic.Int64
}

// spend draws until ctx ends, giving up some calls on the way.
func (s *spender) spend(ctx context.Context, random *rand.Rand) {
	for ctx.Err() == nil {
		draws := make([]storage.QuotaDraw, len(s.names))
		order := random.Perm(len(s.names))
		for i, n := range order {
			draws[i] = forever(s.names[n], s.limit, 1+random.Int64N(5))
			draws[i].Share = 1 + random.Int64N(3)
		}
		brief, cancel := context.WithTimeout(ctx, time.Duration(1+random.IntN(100))*time.Millisecond)
		drawn, err := s.store.TakeQuotas(brief, draws)
		cancel()
		if err != nil {
			s.errs.Add(1)
			time.Sleep(time.Millisecond)
			continue
		}
		var back []storage.QuotaUnspent
		for i, n := range order {
			taken := drawn[i].Taken
			if taken > 1 && random.IntN(3) == 0 {
				// Before it is known to be back it is not used any more.
				back = append(back, storage.QuotaUnspent{ID: draws[i].ID, Units: 1})
				taken--
			}
			s.used[n].Add(taken)
		}
		if err := s.store.ReturnQuotas(ctx, back); err != nil {
			s.errs.Add(1)
		}
	}
}

// TestQuotasAreNeverOverspent: three processes draw on a Postgres that is killed under
// them, and give up calls. What they used is never more than there was; and the ledger
// knows of all of it.
func TestQuotasAreNeverOverspent(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{Durable: true})
	url := cluster.NewDatabase(t)
	const limit = 700
	names := []string{"a", "b", "c", "d"}
	first := openPostgres(t, PostgresConfig{URL: url})
	var spenders []*spender
	for range 3 {
		s := openPostgres(t, PostgresConfig{URL: url, MaxCounterConnections: 2})
		spenders = append(spenders, &spender{store: s, names: names, limit: limit, used: make([]atomic.Int64, len(names))})
	}
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for i, s := range spenders {
			for k := range 2 {
				all.Go(func() { s.spend(ctx, rand.New(rand.NewPCG(uint64(round), uint64(2*i+k)))) })
			}
		}
		time.Sleep(700 * time.Millisecond)
		if round < 2 {
			cluster.Kill(t)
			cluster.Restart(t)
			time.Sleep(200 * time.Millisecond)
		}
		cancel()
		all.Wait()
		for n, name := range names {
			var used int64
			for _, s := range spenders {
				used += s.used[n].Load()
			}
			looked, err := first.LookQuotas(t.Context(), []storage.QuotaDraw{forever(name, limit, 1)})
			if errors.Is(err, storage.ErrUnavailable) {
				looked, err = first.LookQuotas(t.Context(), []storage.QuotaDraw{forever(name, limit, 1)})
			}
			if err != nil {
				t.Fatal(err)
			}
			if spent := limit - looked[0].Left; used > spent || used > limit || used == 0 {
				t.Errorf("round %d: %d units of %s were used, and the ledger knows of %d", round, used, name, spent)
			}
		}
	}
	errs := int64(0)
	for _, s := range spenders {
		errs += s.errs.Load()
	}
	if errs == 0 {
		t.Error("no call was lost, so nothing was proved")
	}
	// All of the rest can be had, and no more.
	for n, name := range names {
		var used int64
		for _, s := range spenders {
			used += s.used[n].Load()
		}
		rest := takeQuota(t, first, forever(name, limit, limit)).Taken
		if used+rest > limit || used < limit/10 || takeQuota(t, first, forever(name, limit, 1)).Taken != 0 {
			t.Errorf("%d units of %s were used, and %d more could be taken", used, name, rest)
		}
		t.Logf("%s: %d used, %d left, %d lost in %d lost calls", name, used, rest, limit-used-rest, errs)
	}
}

// TestARestartCostsACall: when the server has been there anew, one call finds out for
// all connections.
func TestARestartCostsACall(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{})
	s := openPostgres(t, PostgresConfig{URL: cluster.NewDatabase(t)})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { takeQuota(t, s, forever("a", 1000, 1)) })
	}
	all.Wait()
	cluster.Stop(t)
	cluster.Restart(t)
	failed := 0
	for range 8 {
		if _, err := s.TakeQuotas(t.Context(), []storage.QuotaDraw{forever("a", 1000, 1)}); err != nil {
			failed++
		}
	}
	if failed > 1 {
		t.Errorf("%d calls failed after a restart, want 1 at the most", failed)
	}
}

// TestForgetting: what is whole for a while, and what is of periods long past, is
// forgotten; what may still matter is not.
func TestForgetting(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		if _, _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		const many = 2*forgottenAtOnce + 100
		now := time.Now()
		var rates, quotas [][]any
		for i := range many {
			id := counterID(string(rune(i)))
			rates = append(rates, []any{id[:], now.Add(-time.Duration(i) * time.Second).UnixNano()})
			quotas = append(quotas, []any{id[:], "", 0, 0, 0, 0, now.Add(-time.Duration(i-many/2) * time.Minute).UnixMicro()})
		}
		if err := s.aside(t.Context(), func(q *session) error {
			return errors.Join(q.putRows("rate_counters", "id, tat", "tat = excluded.tat", rates), q.putRows("quota_counters", quotaColumns, quotaUpdate, quotas))
		}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.ForgetRates(t.Context()), s.ForgetQuotas(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got, want := read[int](t, s, "SELECT count(*) FROM rate_counters"), int(wholeFor/time.Second); got > want+1 || got < want-30 {
			t.Errorf("got %d states left, want %d", got, want)
		}
		if got, want := read[int](t, s, "SELECT count(*) FROM quota_counters"), many/2; got > want+1 || got < want-1 {
			t.Errorf("got %d quotas left, want %d", got, want)
		}
	})
}

// TestQuotasAreKeptLongEnough: a period is kept until the one after it is over too, what
// it carries over for a year more, and what has no periods for good.
func TestQuotasAreKeptLongEnough(t *testing.T) {
	const hour = int64(time.Hour / time.Microsecond)
	d := storage.QuotaDraw{Period: 100 * hour, Next: 110 * hour}
	if got := keepUntil(&d); got < 120*hour || got > 150*hour {
		t.Errorf("got until hour %d", got/hour)
	}
	d.Carry = 1
	if got := keepUntil(&d); got < (120+365*24)*hour {
		t.Errorf("with a carry: got until hour %d", got/hour)
	}
	d = forever("a", 1, 1)
	if got := keepUntil(&d); got != 1<<63-1 {
		t.Errorf("without periods: got until %d", got)
	}
}
