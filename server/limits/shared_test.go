package limits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// inCluster runs a test in virtual time, on replicas with a pool a millisecond away.
func inCluster(t *testing.T, replicas int, test func(t *testing.T, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, replicas, time.Millisecond)
		test(t, c)
		c.end()
	})
}

func (c *cluster) must(replica int, cost int64, applied ...limits.Applied) limits.Outcome {
	c.t.Helper()
	o, err := c.take(replica, "must", cost, applied...)
	if err != nil {
		c.t.Fatal(err)
	}
	return o
}

// Calls that wait for one counter share a round trip.
func TestTheFirstCallsShareARoundTrip(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 10_000, time.Minute)))
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if !c.must(0, 1, on).Allowed {
					t.Error("refused")
				}
			})
		}
		callers.Wait()
		// The first asks for itself, and the next flight for all who came meanwhile.
		if c.pool.count() > 2 {
			t.Errorf("%d round trips", c.pool.count())
		}
	})
}

// A busy limit is spent from memory: no check waits for the pool but the first few.
func TestABusyLimitIsTakenFromMemory(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 100_000, time.Minute)))
		waited := 0
		for range 20_000 {
			began := time.Now()
			if !c.must(0, 1, on).Allowed {
				t.Fatal("refused")
			}
			if time.Since(began) > 0 {
				waited++
			}
			time.Sleep(time.Millisecond)
		}
		if waited > 20 || c.pool.count() > 400 {
			t.Errorf("%d of 20,000 checks waited, %d round trips", waited, c.pool.count())
		}
	})
}

// What a replica holds and does not use is returned after about two seconds, for
// others to spend, and at the end all of it is.
func TestWhatIsNotUsedIsReturned(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 100_000, time.Hour)))
		key := on.Subject.Key("m")
		for range 1000 {
			c.must(0, 1, on)
			time.Sleep(time.Millisecond)
		}
		if c.pool.net(key) <= 1000 {
			t.Fatal("nothing is held ahead")
		}
		time.Sleep(3 * time.Second)
		if n := c.pool.net(key); n != 1000 {
			t.Errorf("%d are taken of the pool, want 1000", n)
		}
		for range 100 {
			c.must(0, 1, on)
			time.Sleep(time.Millisecond)
		}
		c.stops[0]()
		if err := c.engines[0].Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := c.pool.net(key); n != 1100 {
			t.Errorf("at the end %d are taken of the pool, want 1100", n)
		}
	})
}

// A replica that was refused doesn't ask again for each call.
func TestARefusalIsRemembered(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 2, time.Minute)))
		c.must(0, 2, on)
		calls := c.pool.count()
		for range 10_000 {
			if o := c.must(0, 1, on); o.Allowed || o.Limit.Retry <= 0 || o.Limit.Retry > 30*time.Second || o.Limit.Remaining != 0 {
				t.Fatalf("%+v", o)
			}
			time.Sleep(time.Millisecond)
		}
		if n := c.pool.count() - calls; n > 11 {
			t.Errorf("%d round trips for 10,000 refusals in 10 seconds", n)
		}
	})
}

// So is that there is less left than a call costs.
func TestARefusalOfSeveralIsRemembered(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 3, time.Hour)))
		c.must(0, 2, on)
		calls := c.pool.count()
		for range 10_000 {
			if o := c.must(0, 2, on); o.Allowed || o.Limit.Remaining != 1 {
				t.Fatalf("%+v", o)
			}
			time.Sleep(time.Millisecond)
		}
		if n := c.pool.count() - calls; n > 11 {
			t.Errorf("%d round trips for 10,000 refusals in 10 seconds", n)
		}
		if !c.must(0, 1, on).Allowed {
			t.Error("what is left can't be had")
		}
	})
}

// A limit that is spent all the time is not asked for all the time.
func TestASpentLimitIsNotAskedForAllTheTime(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 3000, time.Minute)))
		until := time.Now().Add(2 * time.Minute)
		c.load(until, 0, "k", func(time.Time) float64 { return 150 }, nil, on)
		if let := total(c.through("k")); let < 8500 || int64(c.pool.count()) > let/8 {
			t.Errorf("%d round trips for %d let through", c.pool.count(), let)
		}
	})
}

// What one limit granted and another refused is not kept where nothing may be held.
func TestASingleTokenIsNotKept(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		exact := storage.RateLimit{Name: "exact", Requests: 100, Period: time.Hour, Exact: true}
		on := onKey("k", rates(exact, rate("narrow", 1, time.Hour)))
		c.must(0, 1, on)
		time.Sleep(3 * time.Second)
		if c.must(0, 1, on).Allowed {
			t.Fatal("it is not spent")
		}
		time.Sleep(300 * time.Millisecond)
		if n := c.pool.net(on.Subject.Key("exact")); n != 1 {
			t.Errorf("%d are taken of the pool, want 1", n)
		}
	})
}

// Whoever has spent all does not begin anew because the pool goes away.
func TestAShareOfWhatIsSpentIsSpent(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 20, time.Hour)))
		c.must(0, 16, on)
		c.pool.set(func(l *line) { l.down = true })
		let := 0
		for range 20 {
			if c.must(0, 1, on).Allowed {
				let++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if let != 2 {
			t.Errorf("%d let through, want half of the 4 that were left", let)
		}
		c.pool.set(func(l *line) { l.down = false })
		time.Sleep(10 * time.Second)
		c.must(0, 1, on)
		if n := c.pool.net(on.Subject.Key("m")); n != 19 {
			t.Errorf("the pool gave %d, want 19: what was let through without it is owed", n)
		}
	})
}

// A call that one limit refuses spends none, wherever the others are counted.
func TestAllOrNothingAcrossReplicas(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *cluster) {
		wide := onKey("k", &storage.Limits{
			RateLimits: []storage.RateLimit{rate("wide", 1000, time.Hour)},
			Quotas:     []storage.Quota{{Name: "q", Limit: 500, Period: storage.QuotaMonth}},
		})
		narrow := limits.Applied{Subject: limits.Subject{Kind: limits.KindUser, Tenant: "acme", ID: "u"}, Limits: rates(rate("narrow", 40, time.Hour))}
		var callers sync.WaitGroup
		for i := range 400 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Microsecond)
				if _, err := c.take(i%2, "k", 1, wide, narrow); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		time.Sleep(5 * time.Second)
		let := total(c.through("k"))
		for name, got := range map[string]int64{
			"wide":   c.pool.net(wide.Subject.Key("wide")),
			"narrow": c.pool.net(narrow.Subject.Key("narrow")),
			"q":      c.ledger.spent(wide.Subject.QuotaKey(&wide.Limits.Quotas[0])),
		} {
			if got != let {
				t.Errorf("%s has spent %d, and %d were let through", name, got, let)
			}
		}
		if let < 38 || let > 40 {
			t.Errorf("%d let through, want 40", let)
		}
	})
}

// A caller who leaves takes nothing along.
func TestACallerWhoLeavesSpendsNothing(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		c.pool.set(func(l *line) { l.delay = 3 * time.Millisecond })
		on := onKey("k", &storage.Limits{
			RateLimits: []storage.RateLimit{{Name: "m", Requests: 50, Period: time.Hour, Exact: true}},
			Quotas:     []storage.Quota{{Name: "q", Limit: 500, Period: storage.QuotaTotal}},
		})
		let := int64(0)
		for i := range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%12)*time.Millisecond)
			o, err := c.engines[0].Take(ctx, time.Now(), []limits.Applied{on}, 1)
			cancel()
			switch {
			case o.Allowed:
				let++
			case err != nil && !errors.Is(err, context.DeadlineExceeded):
				t.Error(err)
			}
			time.Sleep(300 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		if pool, ledger := c.pool.net(on.Subject.Key("m")), c.ledger.spent(on.Subject.QuotaKey(&on.Limits.Quotas[0])); pool != let || ledger != let || let == 0 {
			t.Errorf("%d let through; the pool gave %d, the ledger %d", let, pool, ledger)
		}
	})
}

// While the pool is away each replica goes on as it is told to, says so, and waits for
// nothing; when it is back all is as before.
func TestThePoolGoesAwayAndComesBack(t *testing.T) {
	for _, mode := range []limits.OnLoss{limits.LossDeny, limits.LossLocal, limits.LossAllow} {
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 2, time.Millisecond)
				for i := range c.engines {
					c.stops[i]()
				}
				c.onLoss = mode
				for i := range c.engines {
					c.begin(i)
				}
				on := onKey("k", rates(rate("m", 20, 20*time.Second)))
				if o := c.must(0, 1, on); !o.Allowed || o.Limit.Degraded {
					t.Errorf("before: %+v", o)
				}
				c.pool.set(func(l *line) { l.down = true })
				time.Sleep(20 * time.Second)
				let, denied, waited := 0, 0, time.Duration(0)
				for range 100 {
					began := time.Now()
					o := c.must(0, 1, on)
					waited += time.Since(began)
					if !o.Limit.Degraded || o.Limit.Name != "m" {
						t.Fatalf("away: %+v", o)
					}
					if o.Allowed {
						let++
					} else if denied++; o.Limit.Retry <= 0 {
						t.Fatalf("away: %+v", o)
					}
				}
				if want := map[limits.OnLoss]int{limits.LossDeny: 0, limits.LossLocal: 10, limits.LossAllow: 100}[mode]; let != want {
					t.Errorf("away: %d let through, want %d", let, want)
				}
				if waited > 50*time.Millisecond {
					t.Errorf("away: waited %v for nothing", waited)
				}
				if s := c.engines[0].Stats(); s.Degraded != 100 || !s.Pool.Away {
					t.Errorf("away: %+v", s)
				}
				c.pool.set(func(l *line) { l.down = false })
				time.Sleep(20 * time.Second)
				if o := c.must(0, 1, on); !o.Allowed || o.Limit.Degraded {
					t.Errorf("after: %+v", o)
				}
				if s := c.engines[0].Stats(); s.Pool.Away {
					t.Errorf("after: %+v", s)
				}
				c.end()
			})
		})
	}
}

// A pool that answers now and then is no reason to let more through.
func TestALossyPoolLetsNoMoreThrough(t *testing.T) {
	for _, r := range []storage.RateLimit{rate("m", 200, 10*time.Second), rate("m", 5000, 10*time.Second)} {
		t.Run(fmt.Sprint(r.Requests), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 3, time.Millisecond)
				for i := range c.engines {
					c.stops[i]()
				}
				c.onLoss = limits.LossDeny
				for i := range c.engines {
					c.begin(i)
				}
				c.pool.set(func(l *line) { l.loss = 50 })
				on := onKey("k", rates(r))
				until := time.Now().Add(30 * time.Second)
				for i := range c.engines {
					c.running.Go(func() {
						c.load(until, i, "k", func(time.Time) float64 { return float64(r.Requests) / 10 }, nil, on)
					})
				}
				// A replica crashes now and then, and is gone with what it held.
				for range 5 {
					time.Sleep(5 * time.Second)
					c.crash(rand.IntN(3))
				}
				time.Sleep(time.Until(until) + time.Second)
				c.pool.set(func(l *line) { l.loss = 0 })
				c.ledger.set(func(l *line) { l.loss = 0 })
				time.Sleep(10 * time.Second)
				c.end()
				high := worst(c.through("k"), r)
				t.Logf("%d of %d let through, fullest window %.4f", total(c.through("k")), exact(c.tried["k"], r), high)
				if high > 1.02 || r.Requests < 1000 && high > 1.005 {
					t.Errorf("the fullest window holds %.4f of the limit", high)
				}
			})
		})
	}
}

// A reset made on one replica is noticed by the others within a second.
func TestAResetIsNoticedEverywhere(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 5, time.Hour)))
		for i := range 2 {
			c.must(i, 5, on)
			if c.must(i, 1, on).Allowed {
				t.Fatal("it is not spent")
			}
		}
		if err := c.engines[0].Reset(t.Context(), time.Now(), []limits.Applied{on}); err != nil {
			t.Fatal(err)
		}
		if !c.must(0, 1, on).Allowed {
			t.Error("refused where it was reset")
		}
		time.Sleep(time.Second)
		if !c.must(1, 1, on).Allowed {
			t.Error("refused elsewhere")
		}
	})
}

// Other numbers are in force at the next check, on every replica.
func TestSharedLimitsAreChangedWhileServing(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *cluster) {
		c.must(0, 5, onKey("k", rates(rate("m", 5, time.Hour))))
		if c.must(0, 1, onKey("k", rates(rate("m", 5, time.Hour)))).Allowed {
			t.Fatal("it is not spent")
		}
		for i := range 2 {
			if o := c.must(i, 1, onKey("k", rates(storage.RateLimit{Name: "m", Requests: 5, Period: time.Hour, Burst: 10}))); !o.Allowed {
				t.Errorf("more: %+v", o)
			}
		}
		if o := c.must(1, 1, onKey("k", rates(rate("m", 3, time.Hour)))); o.Allowed {
			t.Errorf("less: %+v", o)
		}
	})
}

// Looking shows what all replicas have spent, and spends nothing.
func TestLookShowsWhatAllHaveSpent(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *cluster) {
		on := onKey("k", &storage.Limits{
			RateLimits: []storage.RateLimit{rate("m", 30, time.Hour)},
			Quotas:     []storage.Quota{{Name: "q", Limit: 100, Period: storage.QuotaDay}},
		})
		for i := range 10 {
			c.must(i%2, 1, on)
		}
		time.Sleep(3 * time.Second) // what is held ahead comes back
		for range 3 {
			for i := range 2 {
				states, err := c.engines[i].Look(t.Context(), time.Now(), []limits.Applied{on})
				if err != nil || len(states) != 2 || states[0].Remaining != 20 || states[1].Remaining != 90 || states[1].Limit != 100 || states[1].Reset <= 0 || states[0].Degraded {
					t.Errorf("replica %d: %+v, %v", i, states, err)
				}
				if o := c.must(i, 0, on); !o.Allowed || o.Limit.Remaining < 20 || o.Limit.Remaining > 25 {
					t.Errorf("replica %d: %+v", i, o)
				}
			}
		}
	})
}
