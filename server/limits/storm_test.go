package limits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// Everything at once, in real time: calls and callers who leave, numbers that change,
// looks and forgetting, counters that are removed and made anew. What was let through
// is what the pool and the ledger gave, and no more than there was.
func TestNothingIsLostOrMadeWhenAllHappensAtOnce(t *testing.T) {
	const keys, workers, calls = 12, 6, 3000
	pool := &memoryPool{line: line{delay: 100 * time.Microsecond}}
	ledger := &memoryLedger{line: line{delay: 100 * time.Microsecond}}
	e := limits.New(limits.Options{
		Pool: pool, Ledger: ledger, Now: time.Now, MaxCounters: 1 + keys*3/2, Replicas: func() int { return 1 },
		PoolBudget: 10 * time.Second, LedgerBudget: 10 * time.Second,
	})
	ctx, stop := context.WithCancel(t.Context())
	var running, callers sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	numbers := []*storage.Limits{
		{RateLimits: []storage.RateLimit{rate("m", 2000, time.Hour)}, Quotas: []storage.Quota{{Name: "q", Limit: 1500, Period: storage.QuotaTotal}}},
		{RateLimits: []storage.RateLimit{rate("m", 1900, time.Hour)}, Quotas: []storage.Quota{{Name: "q", Limit: 1400, Period: storage.QuotaTotal}}},
	}
	var mu sync.Mutex
	let := map[string]int64{}
	for worker := range workers {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(worker), 1))
			for range calls {
				id := fmt.Sprint(random.IntN(keys))
				l := numbers[0]
				if random.IntN(50) == 0 {
					l = numbers[1]
				}
				applied := []limits.Applied{onKey(id, l)}
				patience := time.Minute
				if random.IntN(4) == 0 {
					patience = time.Duration(random.IntN(400)) * time.Microsecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				switch random.IntN(200) {
				case 0:
					_, _ = e.Look(ctx, time.Now(), applied)
				case 1:
					_ = e.Forget(time.Now(), applied)
				}
				cost := 1 + random.Int64N(3)
				o, err := e.Take(ctx, time.Now(), applied, cost)
				cancel()
				switch {
				case err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, limits.ErrUndecided):
					t.Error(err)
				case o.Allowed:
					mu.Lock()
					let[id] += cost
					mu.Unlock()
				}
			}
		})
	}
	callers.Wait()
	stop()
	running.Wait()
	if err := e.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for i := range keys {
		id := fmt.Sprint(i)
		subject := onKey(id, nil).Subject
		got, spent := pool.net(subject.Key("m")), ledger.spent(subject.QuotaKey(&storage.Quota{Name: "q", Period: storage.QuotaTotal}))
		// What a call gives back of a quota whose numbers have just changed stays spent.
		if got != let[id] || spent < let[id] || spent > let[id]+20 || let[id] > 1500 {
			t.Errorf("key %s: %d let through, the pool gave %d, the ledger %d", id, let[id], got, spent)
		}
		sum += let[id]
	}
	t.Logf("%d let through of %d", sum, workers*calls*2)
	if sum < workers*calls/4 {
		t.Errorf("only %d let through: the storm proves little", sum)
	}
}
