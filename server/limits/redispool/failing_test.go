package redispool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/redistest"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/redispool"
)

// recovers waits until a pool gives tokens of a counter that is whole, and tells how
// long that took.
func recovers(t *testing.T, p limits.Pool, a limits.Ask) time.Duration {
	t.Helper()
	began := time.Now()
	var err error
	for time.Since(began) < 30*time.Second {
		var given []limits.Given
		if given, err = p.Take(t.Context(), []limits.Ask{a}); err == nil {
			if given[0].Tokens == 0 {
				t.Errorf("got %+v of a counter that is whole", given[0])
			}
			return time.Since(began)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("it does not recover: %v", err)
	return 0
}

// fails makes calls that fail, and gives the shortest time one took: this machine
// may be busy.
func fails(t *testing.T, calls int, what func() error) time.Duration {
	t.Helper()
	least := time.Hour
	for range calls {
		began := time.Now()
		if err := what(); err == nil {
			t.Error("got no error")
		}
		took := time.Since(began)
		if least = min(least, took); took > 2*time.Second {
			t.Errorf("a call took %v", took)
		}
	}
	return least
}

func TestAPausedServer(t *testing.T) {
	s := redistest.Start(t)
	p := open(t, "redis://"+s.Addr(), redispool.Options{})
	recovers(t, p, ask(1, 1, 1))
	s.Pause(t)
	asks := []limits.Ask{ask(1, 1, 1)}
	for name, call := range map[string]func(context.Context) error{
		"Take": func(ctx context.Context) error { _, err := p.Take(ctx, asks); return err },
		"Look": func(ctx context.Context) error { _, err := p.Look(ctx, asks); return err },
		"Return": func(ctx context.Context) error {
			return p.Return(ctx, []limits.Back{{Key: asks[0].Key, Rate: slow(10), Tokens: 1}})
		},
		"Reset": func(ctx context.Context) error { return p.Reset(ctx, []limits.Key{asks[0].Key}) },
	} {
		// The budget is 10 ms, whatever the context allows.
		if took := fails(t, 10, func() error { return call(t.Context()) }); took < 5*time.Millisecond || took > 25*time.Millisecond {
			t.Errorf("%s fails after %v at the soonest, want 10 ms", name, took)
		}
		took := fails(t, 10, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
			defer cancel()
			err := call(ctx)
			if err != nil && !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
				t.Errorf("%s: got %v, want a timeout", name, err)
			}
			return err
		})
		if took > 10*time.Millisecond {
			t.Errorf("%s fails after %v at the soonest, want 3 ms", name, took)
		}
	}
	s.Resume(t)
	t.Logf("recovers %v after it goes on", recovers(t, p, ask(2, 1, 1)))
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

func TestAServerThatCrashes(t *testing.T) {
	s := redistest.Start(t)
	p := open(t, "redis://"+s.Addr(), redispool.Options{})
	recovers(t, p, ask(1, 10, 10))
	s.Kill(t)
	if took := fails(t, 50, func() error { _, err := p.Take(t.Context(), []limits.Ask{ask(1, 1, 1)}); return err }); took > 25*time.Millisecond {
		t.Errorf("fails after %v at the soonest", took)
	}
	s.Restart(t)
	// It has forgotten all, and so what it is asked for is whole, and the scripts are
	// not known.
	t.Logf("recovers %v after it is back", recovers(t, p, ask(1, 10, 10)))
}

func TestAServerThatIsNotThereYet(t *testing.T) {
	s := redistest.Start(t)
	s.Kill(t)
	p := open(t, "redis://"+s.Addr(), redispool.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := p.Ping(ctx); err == nil {
		t.Error("got no error")
	}
	s.Restart(t)
	t.Logf("begins %v after it is there", recovers(t, p, ask(1, 10, 10)))
}

func TestANodeOfAClusterThatCrashes(t *testing.T) {
	c := redistest.StartCluster(t)
	p := open(t, "redis+cluster://"+c.Addrs(), redispool.Options{})
	var asks []limits.Ask
	for i := range byte(60) {
		asks = append(asks, ask(i, 1, 1))
	}
	all := func() error { _, err := p.Take(t.Context(), asks); return err }
	recovers(t, p, asks[0])
	c.Masters[1].Kill(t)
	if took := fails(t, 20, all); took > 25*time.Millisecond {
		t.Errorf("fails after %v at the soonest", took)
	}
	c.Masters[1].Restart(t)
	c.Await(t)
	began := time.Now()
	for all() != nil {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("it does not recover: %v", all())
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("recovers %v after the cluster is whole", time.Since(began))
}

func TestASentinelNamesAnotherMaster(t *testing.T) {
	w := redistest.StartSentinel(t)
	p := open(t, "redis+sentinel://"+w.Sentinel.Addr()+"/"+redistest.MasterName+"?db=2", redispool.Options{})
	recovers(t, p, ask(1, 4, 4))
	// The replica has heard of it.
	for range 200 {
		if keys := w.Replica.Do(t, "INFO", "keyspace"); keys != "# Keyspace\r\n" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.Master.Kill(t)
	t.Logf("recovers %v after the master is gone", recovers(t, p, ask(2, 1, 1)))
	given, err := p.Look(t.Context(), []limits.Ask{ask(1, 1, 1)})
	if err != nil || given[0].Left != 6 {
		t.Errorf("got %+v, %v, want what the master left", given, err)
	}
}

func TestSentinelConforms(t *testing.T) {
	w := redistest.StartSentinel(t)
	conform(t, "redis+sentinel://"+w.Sentinel.Addr()+"/"+redistest.MasterName)
}
