package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/storage"
)

func counterID(name string) storage.CounterID {
	sum := sha256.Sum256([]byte(name))
	return storage.CounterID(sum[:16])
}

// hourly asks for tokens of a rate limit that brings one an hour.
func hourly(name string, burst, want int64) storage.RateAsk {
	return storage.RateAsk{ID: counterID(name), Interval: int64(time.Hour), Burst: burst, Want: want, Least: 1}
}

// forever draws on a quota without periods.
func forever(name string, limit, want int64) storage.QuotaDraw {
	return storage.QuotaDraw{ID: counterID(name), Limit: limit, Next: math.MaxInt64, Want: want, Least: 1, Share: 1}
}

func takeRates(t *testing.T, s *Store, asks ...storage.RateAsk) []storage.RateGiven {
	t.Helper()
	given, err := s.TakeRates(t.Context(), asks)
	if err != nil {
		t.Fatalf("TakeRates: %v", err)
	}
	return given
}

func takeQuota(t *testing.T, s *Store, draw storage.QuotaDraw) storage.QuotaDrawn {
	t.Helper()
	drawn, err := s.TakeQuotas(t.Context(), []storage.QuotaDraw{draw})
	if err != nil {
		t.Fatalf("TakeQuotas: %v", err)
	}
	return drawn[0]
}

// deaf is a way to a server on which, once armed, the next answer is lost and the
// connection with it: what was asked has been done.
type deaf struct {
	listener net.Listener
	armed    atomic.Bool
}

func newDeaf(t *testing.T, target string) *deaf {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	d := &deaf{listener: listener}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go d.serve(client, target)
		}
	}()
	return d
}

func (d *deaf) serve(client net.Conn, target string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		buffer := make([]byte, 32<<10)
		for {
			n, err := client.Read(buffer)
			if err != nil {
				_ = server.Close()
				return
			}
			if _, err := server.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil || d.armed.Swap(false) {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// TestATakeIsSentOnce: its answer is lost. It is an error, and was taken once; the pool
// of connections would send it again.
func TestATakeIsSentOnce(t *testing.T) {
	direct := pgtest.NewDatabase(t)
	through, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	d := newDeaf(t, through.Host)
	through.Host = d.listener.Addr().String()
	s, beside := openPostgres(t, PostgresConfig{URL: through.String()}), openPostgres(t, PostgresConfig{URL: direct})
	calls := map[string]func() error{
		"TakeRates": func() error { _, err := s.TakeRates(t.Context(), []storage.RateAsk{hourly("a", 100, 1)}); return err },
		"TakeQuotas": func() error {
			_, err := s.TakeQuotas(t.Context(), []storage.QuotaDraw{forever("a", 100, 1)})
			return err
		},
		"ReturnRates": func() error {
			return s.ReturnRates(t.Context(), []storage.RateBack{{ID: counterID("b"), Interval: int64(time.Hour), Tokens: 1}})
		},
		"ReturnQuotas": func() error {
			return s.ReturnQuotas(t.Context(), []storage.QuotaUnspent{{ID: counterID("b"), Units: 1}})
		},
	}
	takeRates(t, beside, hourly("b", 100, 50))
	takeQuota(t, beside, forever("b", 100, 50))
	for name, call := range calls {
		if err := call(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d.armed.Store(true)
		if err := call(); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s without an answer: got error %v, want %v", name, err, storage.ErrUnavailable)
		}
		if err := call(); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
	// Three calls of each had an effect.
	rates := takeRates(t, beside, hourly("a", 100, 100), hourly("b", 100, 100))
	quotas := []int64{takeQuota(t, beside, forever("a", 100, 100)).Taken, takeQuota(t, beside, forever("b", 100, 100)).Taken}
	if rates[0].Tokens != 97 || rates[1].Tokens != 53 || quotas[0] != 97 || quotas[1] != 53 {
		t.Errorf("what is left: got %d and %d tokens, %v units; want 97 and 53", rates[0].Tokens, rates[1].Tokens, quotas)
	}
}

// TestOnlyQuotasWaitForTheDisk: the server waits for a standby that never comes before
// it answers what has to be safe.
func TestOnlyQuotasWaitForTheDisk(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{Settings: []string{"synchronous_standby_names=nobody", "synchronous_commit=off"}})
	url := cluster.NewDatabase(t)
	careless := openPostgres(t, PostgresConfig{URL: url})
	soon := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	check := func(s *Store) {
		t.Helper()
		if _, err := s.TakeRates(soon(), []storage.RateAsk{hourly("r", 10, 1), hourly("s", 10, 1)}); err != nil {
			t.Errorf("TakeRates: %v", err)
		}
		if err := s.ReturnRates(soon(), []storage.RateBack{{ID: counterID("r"), Interval: int64(time.Hour), Tokens: 1}}); err != nil {
			t.Errorf("ReturnRates: %v", err)
		}
		if _, err := s.TakeQuotas(soon(), []storage.QuotaDraw{forever("q", 10, 1)}); !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("TakeQuotas: got error %v, want %v", err, storage.ErrUnavailable)
		}
		if got := read[string](t, s, "SHOW lock_timeout"); got != "0" {
			t.Errorf("lock_timeout outside our transactions: got %s, want 0", got)
		}
	}
	check(careless)
	execute(t, careless, "ALTER DATABASE "+read[string](t, careless, "SELECT current_database()")+" SET synchronous_commit = on")
	check(openAt(t, PostgresConfig{URL: url}))
}

// TestACounterIsWaitedForBriefly: whoever can't have a counter's lock in its time is
// told so by the server, a little before that, and keeps its connection.
func TestACounterIsWaitedForBriefly(t *testing.T) {
	s := openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t), MaxCounterConnections: 1})
	takeQuota(t, s, forever("q", 10, 1))
	backend := func() (pid int) {
		t.Helper()
		if err := s.counters.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return pid
	}
	before := backend()
	write(t, s, func(tx storage.Tx) error {
		if _, err := tx.GrantCredits(forever("q", 10, 1), 1); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := s.TakeQuotas(ctx, []storage.QuotaDraw{forever("q", 10, 1)}); !errors.Is(err, storage.ErrConflict) || ctx.Err() != nil {
			t.Errorf("TakeQuotas of what is locked: got error %v, want %v before its time is up", err, storage.ErrConflict)
		}
		// What was taken together with it was not, and what is looked at waits for nobody.
		if got, err := s.LookQuotas(t.Context(), []storage.QuotaDraw{forever("q", 10, 1)}); err != nil || got[0].Left != 9 {
			t.Errorf("LookQuotas: got %+v, %v", got, err)
		}
		return nil
	})
	if after := backend(); after != before {
		t.Error("waiting for a lock has cost the connection")
	}
	if got := takeQuota(t, s, forever("q", 10, 20)); got.Taken != 10 {
		t.Errorf("afterwards: got %+v, want all 10", got)
	}
}

// TestACounterIsAddedByAnotherMeanwhile: its row comes between the look and the write.
func TestACounterIsAddedByAnotherMeanwhile(t *testing.T) {
	s := openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t)})
	takeRates(t, s, hourly("a", 10, 1), hourly("z", 10, 1))
	takeQuota(t, s, forever("a", 10, 1))
	tx, err := s.writer.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	id := counterID("new")
	for statement, args := range map[string][]any{
		"INSERT INTO rate_counters (id, tat) VALUES ($1, $2)":                      {id[:], time.Now().Add(4 * time.Hour).UnixNano()},
		"INSERT INTO quota_counters (" + quotaColumns + ") VALUES " + tuples(1, 7): {id[:], "", 0, 4, 0, 3, 0},
	} {
		if _, err := tx.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	all.Go(func() {
		given := takeRates(t, s, hourly("a", 10, 1), hourly("new", 10, 20), hourly("other", 10, 2), hourly("z", 10, 1))
		if given[0].Tokens != 1 || given[1].Tokens > 6 || given[1].Tokens < 5 || given[2].Tokens != 2 || given[3].Tokens != 1 {
			t.Errorf("TakeRates: got %+v", given)
		}
	})
	all.Go(func() {
		drawn, err := s.TakeQuotas(t.Context(), []storage.QuotaDraw{forever("a", 10, 1), forever("new", 10, 20), forever("other", 10, 2)})
		if err != nil || drawn[0].Taken != 1 || drawn[1].Taken != 9 || drawn[1].Allowance != 13 || drawn[2].Taken != 2 {
			t.Errorf("TakeQuotas: got %+v, %v", drawn, err)
		}
	})
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for read[int](t, s, waiting) < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if got := takeRates(t, s, hourly("a", 10, 20), hourly("new", 10, 20), hourly("other", 10, 20)); got[0].Tokens != 8 || got[1].Tokens != 0 || got[2].Tokens != 8 {
		t.Errorf("what is left: got %+v", got)
	}
	if got := takeQuota(t, s, forever("a", 10, 20)); got.Taken != 8 {
		t.Errorf("what is left: got %+v", got)
	}
}

// TestBatchesNeverStandCrosswise: batches of old and new counters in any order, returns,
// resets and forgetting, from several processes.
func TestBatchesNeverStandCrosswise(t *testing.T) {
	url := pgtest.NewDatabase(t)
	var all sync.WaitGroup
	first := openPostgres(t, PostgresConfig{URL: url})
	for replica := range 3 {
		s := openPostgres(t, PostgresConfig{URL: url})
		for range 2 {
			all.Go(func() {
				for round := range 60 {
					var asks []storage.RateAsk
					var draws []storage.QuotaDraw
					for range 40 {
						name := fmt.Sprint(round/3*20 + rand.IntN(40))
						asks = append(asks, hourly(name, 5, 1))
						draws = append(draws, forever(name, 5, 1))
					}
					_, err := s.TakeRates(t.Context(), asks)
					_, more := s.TakeQuotas(t.Context(), draws)
					err = errors.Join(err, more, s.ReturnRates(t.Context(), []storage.RateBack{
						{ID: asks[0].ID, Interval: asks[0].Interval, Tokens: 1}, {ID: asks[1].ID, Interval: asks[1].Interval, Tokens: 1},
					}))
					err = errors.Join(err, s.ReturnQuotas(t.Context(), []storage.QuotaUnspent{{ID: draws[0].ID, Units: 1}, {ID: draws[1].ID, Units: 1}}))
					if replica == 0 {
						err = errors.Join(err, s.ResetRates(t.Context(), []storage.CounterID{asks[3].ID, asks[2].ID, asks[1].ID}))
						execute(t, s, "UPDATE rate_counters SET tat = 0 WHERE id = $1", asks[5].ID[:])
						err = errors.Join(err, s.ForgetRates(t.Context()), s.ForgetQuotas(t.Context()))
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	if got := read[int](t, first, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"); got > 0 {
		t.Errorf("got %d deadlocks", got)
	}
}

// TestCountersStayInTheirPages: many takes of few counters leave a small table behind,
// before anything has tidied it up.
func TestCountersStayInTheirPages(t *testing.T) {
	s := openPostgres(t, PostgresConfig{URL: pgtest.NewDatabase(t)})
	execute(t, s, "ALTER TABLE rate_counters SET (autovacuum_enabled = off)")
	execute(t, s, "ALTER TABLE quota_counters SET (autovacuum_enabled = off)")
	for range 2_000 {
		given := takeRates(t, s, hourly("a", 100_000, 1), hourly("b", 100_000, 1))
		if drawn := takeQuota(t, s, forever("a", 1_000_000, 1)); given[0].Tokens != 1 || given[1].Tokens != 1 || drawn.Taken != 1 {
			t.Fatalf("got %+v and %+v", given, drawn)
		}
	}
	for _, table := range []string{"rate_counters", "rate_counters_pkey", "quota_counters", "quota_counters_pkey", "quota_counters_by_owner"} {
		if size := read[int](t, s, "SELECT pg_relation_size($1)", table); size > 4*8192 {
			t.Errorf("%s has grown to %d bytes", table, size)
		}
	}
}
