package limits_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// What is used steadily is asked for every few seconds, no check waits for it, and what
// runs low together is asked for together. What has no use any more goes back.
func TestWhatIsUsedSteadilyIsSeldomAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limited, perSecond, seconds = 50, 10, 60
		c := newCluster(t, 1, time.Millisecond)
		use := func(seconds int) (waited int) {
			var mu sync.Mutex
			var users sync.WaitGroup
			for i := range limited {
				on := onKey(fmt.Sprint(i), rates(rate("m", 100_000, time.Minute)))
				users.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					for range seconds * perSecond {
						began := time.Now()
						if o, err := c.take(0, on.Subject.ID, 1, on); err != nil || !o.Allowed {
							t.Error(o, err)
						}
						if time.Since(began) > 0 {
							mu.Lock()
							waited++
							mu.Unlock()
						}
						time.Sleep(time.Second / perSecond)
					}
				})
			}
			users.Wait()
			return waited
		}
		use(15)
		before := c.engines[0].Stats().Pool.Calls
		if waited := use(seconds); waited > 0 {
			t.Errorf("%d calls waited for a round trip", waited)
		}
		if calls := c.engines[0].Stats().Pool.Calls - before; calls > seconds/4*limited {
			t.Errorf("%d round trips in %d seconds for %d limits", calls, seconds, limited)
		}
		time.Sleep(4 * time.Second)
		for i := range limited {
			subject := onKey(fmt.Sprint(i), nil).Subject
			if net, let := c.pool.net(subject.Key("m")), total(c.through(subject.ID)); net != let {
				t.Errorf("%d of limit %d are held for no use", net-let, i)
			}
		}
		c.end()
	})
}
