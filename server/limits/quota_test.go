package limits_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

func quotas(list ...storage.Quota) *storage.Limits { return &storage.Limits{Quotas: list} }

// A quota is spent to its last unit and not one further, while replicas crash, answers
// get lost, and nobody knows how much each of them holds.
func TestAQuotaIsNeverOverspent(t *testing.T) {
	for _, c := range []struct {
		limit    int64
		loss     int
		crashes  int
		atLeast  float64 // of the limit, in calls that were let through
		maxCost  int64
		perSec   float64
		duration time.Duration
	}{
		{limit: 1, atLeast: 1, maxCost: 1, perSec: 5, duration: 10 * time.Second},
		{limit: 100, atLeast: 1, maxCost: 1, perSec: 10, duration: 60 * time.Second},
		{limit: 10_000, atLeast: 1, maxCost: 1, perSec: 300, duration: 60 * time.Second},
		{limit: 10_000, atLeast: 0.99, maxCost: 7, perSec: 300, duration: 60 * time.Second},
		{limit: 3000, atLeast: 0.5, maxCost: 3, perSec: 100, duration: 60 * time.Second, loss: 50, crashes: 6},
	} {
		t.Run(fmt.Sprintf("%d, %d of 1000 lost, %d crashes", c.limit, c.loss, c.crashes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := newCluster(t, 3, 2*time.Millisecond)
				cl.ledger.set(func(l *line) { l.loss = c.loss })
				on := onKey("k", quotas(storage.Quota{Name: "q", Limit: c.limit, Period: storage.QuotaTotal}))
				until := time.Now().Add(c.duration)
				for i := range cl.engines {
					cl.running.Go(func() {
						cl.load(until, i, "k", func(time.Time) float64 { return c.perSec }, func(r *rand.Rand) int64 { return 1 + r.Int64N(c.maxCost) }, on)
					})
				}
				for i := range c.crashes {
					time.Sleep(c.duration / time.Duration(c.crashes+1))
					cl.crash(i % 3)
				}
				time.Sleep(time.Until(until) + time.Second)
				cl.ledger.set(func(l *line) { l.loss = 0 })
				time.Sleep(6 * time.Second)
				cl.end()
				let, spent := total(cl.through("k")), cl.ledger.spent(on.Subject.QuotaKey(&on.Limits.Quotas[0]))
				t.Logf("%d let through of %d, %d spent by the ledger, %d calls for %d checks", let, c.limit, spent, cl.ledger.count(), len(cl.tried["k"]))
				if let > c.limit || spent > c.limit || let > spent {
					t.Errorf("%d let through of %d, %d spent by the ledger", let, c.limit, spent)
				}
				if float64(let) < c.atLeast*float64(c.limit) {
					t.Errorf("only %d let through of %d", let, c.limit)
				}
				if c.loss == 0 && c.crashes == 0 && let != spent {
					t.Errorf("%d let through, and %d spent by the ledger, though nothing was lost", let, spent)
				}
			})
		})
	}
}

// Each period has its own: what is held when one ends is spent in none.
func TestAQuotaBeginsAnewWithItsPeriod(t *testing.T) {
	for _, refill := range []storage.QuotaRefill{storage.QuotaReplace, storage.QuotaAdd} {
		t.Run(string(refill), func(t *testing.T) {
			inCluster(t, 3, func(t *testing.T, c *cluster) {
				q := storage.Quota{Name: "q", Limit: 1000, Period: storage.QuotaHour, TimeZone: "Asia/Kolkata", Refill: refill}
				on := onKey("k", quotas(q))
				zone, err := time.LoadLocation(q.TimeZone)
				if err != nil {
					t.Fatal(err)
				}
				// Half of the first hour's is used, none in the second, and more than there is in
				// the third and fourth.
				first, _ := access.QuotaSpanAt(q.Period, zone, time.Now())
				hour := func() int { return int((time.Now().UnixMicro() - first.Start) / 3600e6) }
				let := map[int]int64{}
				for hour() < 5 {
					switch h := hour(); {
					case h == 0 && let[0] >= 500 || h == 1 || h == 4:
						time.Sleep(time.Minute)
						continue
					default:
						o, err := c.take(int(time.Now().UnixNano()/1e6)%3, "k", 1, on)
						if err != nil {
							t.Fatal(err)
						}
						if o.Allowed {
							let[h]++
						}
						time.Sleep(1100 * time.Millisecond)
					}
				}
				want := map[int]int64{0: 500, 2: 1000, 3: 1000}
				if refill == storage.QuotaAdd {
					want[2], want[3] = 2000, 1000
				}
				for h, n := range want {
					if let[h] > n || let[h] < n-3 {
						t.Errorf("hour %d: %d let through, want %d", h, let[h], n)
					}
				}
			})
		})
	}
}

// What is held when a period ends is not spent in the next one.
func TestWhatIsHeldEndsWithItsPeriod(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		on := onKey("k", quotas(storage.Quota{Name: "q", Limit: 5000, Period: storage.QuotaHour}))
		next := time.Now().Truncate(time.Hour).Add(time.Hour)
		time.Sleep(time.Until(next) - 5*time.Second)
		until := next.Add(20 * time.Second)
		for i := range c.engines {
			c.running.Go(func() { c.load(until, i, "k", func(time.Time) float64 { return 200 }, nil, on) })
		}
		time.Sleep(time.Until(until) + 10*time.Second)
		before, after := int64(0), int64(0)
		for _, e := range c.through("k") {
			if e.at < next.UnixNano() {
				before++
			} else {
				after++
			}
		}
		// A call that was asked for just before the end is let through just after it.
		if after > 5003 || after < 4997 || before < 2500 {
			t.Errorf("%d let through before the end of the period, %d of 5000 after it", before, after)
		}
	})
}

// Without the ledger what is held is spent, and then nothing: a quota is never let
// through unseen.
func TestAQuotaDoesNotFallOpen(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		c.onLoss = limits.LossAllow
		c.stops[0]()
		c.begin(0)
		on := onKey("k", quotas(storage.Quota{Name: "q", Limit: 1_000_000, Period: storage.QuotaTotal}))
		for range 2000 {
			c.must(0, 1, on)
			time.Sleep(time.Millisecond)
		}
		spent := c.ledger.spent(on.Subject.QuotaKey(&on.Limits.Quotas[0]))
		c.ledger.set(func(l *line) { l.down = true })
		let := int64(2000)
		for range 5000 {
			o, err := c.take(0, "k", 1, on)
			switch {
			case o.Allowed:
				let++
			case !errors.Is(err, limits.ErrUndecided):
				t.Fatalf("%+v, %v", o, err)
			}
		}
		if let > spent {
			t.Errorf("%d let through, and %d were taken of the ledger", let, spent)
		}
		if let == 2000 {
			t.Error("what is held was not spent")
		}
		if o, err := c.take(0, "k", 0, on); err == nil && !o.Allowed {
			t.Errorf("a look: %+v", o)
		}
		c.ledger.set(func(l *line) { l.down = false })
		time.Sleep(10 * time.Second)
		if !c.must(0, 1, on).Allowed {
			t.Error("refused after the ledger came back")
		}
	})
}

// A quota that is spent does not ask the ledger for every call, and finds what is
// granted within seconds.
func TestASpentQuotaIsRemembered(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", quotas(storage.Quota{Name: "q", Limit: 10, Period: storage.QuotaDay}))
		c.must(0, 10, on)
		calls := c.ledger.count()
		for range 10_000 {
			if o := c.must(0, 1, on); o.Allowed || o.Limit.Name != "q" || !o.Limit.Quota || o.Limit.Retry != o.Limit.Reset || o.Limit.Retry <= 0 {
				t.Fatalf("%+v", o)
			}
			time.Sleep(time.Millisecond)
		}
		if n := c.ledger.count() - calls; n > 6 {
			t.Errorf("%d calls for 10,000 refusals", n)
		}
		c.ledger.rows[on.Subject.QuotaKey(&on.Limits.Quotas[0])].granted = 5
		if err := c.engines[0].Forget(time.Now(), []limits.Applied{on}); err != nil {
			t.Fatal(err)
		}
		if o := c.must(0, 5, on); !o.Allowed || o.Limit.Limit != 15 {
			t.Errorf("after a grant: %+v", o)
		}
	})
}

// A larger limit is in force at the next check, a smaller one too.
func TestAQuotaIsChangedWhileServing(t *testing.T) {
	inCluster(t, 2, func(t *testing.T, c *cluster) {
		with := func(limit int64) limits.Applied {
			return onKey("k", quotas(storage.Quota{Name: "q", Limit: limit, Period: storage.QuotaDay}))
		}
		c.must(0, 10, with(10))
		if c.must(0, 1, with(10)).Allowed {
			t.Fatal("it is not spent")
		}
		for i := range 2 {
			if !c.must(i, 1, with(20)).Allowed {
				t.Error("refused after it was raised")
			}
			if c.must(i, 1, with(5)).Allowed {
				t.Error("let through after it was lowered")
			}
		}
	})
}

// A replica whose clock is wrong decides no quota.
func TestAQuotaWithAWrongClockIsUndecided(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		wrong := func() time.Time { return time.Now().Add(-2 * time.Hour) }
		e := limits.New(limits.Options{Ledger: c.ledger, Now: wrong})
		on := onKey("k", quotas(storage.Quota{Name: "q", Limit: 10, Period: storage.QuotaHour}))
		if o, err := e.Take(t.Context(), wrong(), []limits.Applied{on}, 1); !errors.Is(err, limits.ErrUndecided) || o.Allowed {
			t.Errorf("%+v, %v", o, err)
		}
	})
}

// A ledger gives little beyond the least. Calls that came together are not refused what
// is left for all that.
func TestCallsTogetherSpendWhatIsLeft(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		on := onKey("k", quotas(storage.Quota{Name: "q", Limit: 100, Period: storage.QuotaTotal}))
		var calls sync.WaitGroup
		for i := range 120 {
			calls.Go(func() {
				if _, err := c.take(i%3, "k", 1, on); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if let := total(c.through("k")); let != 100 {
			t.Errorf("%d let through of 100, for 120 calls at once", let)
		}
	})
}

// However fast a quota is spent, each replica holds one share at the most: that is what
// a crash loses.
func TestWhatIsHeldOfAQuotaIsOneShare(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		on := onKey("k", quotas(storage.Quota{Name: "q", Limit: 10_000, Period: storage.QuotaTotal}))
		for range 3000 {
			if _, err := c.take(0, "k", 1, on); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
		spent, let := c.ledger.spent(on.Subject.Key("q")), total(c.through("k"))
		if held := spent - let; let != 3000 || held > 10_000/60 {
			t.Errorf("%d let through, and %d held of 10000 by one of 3 replicas", let, held)
		}
	})
}
