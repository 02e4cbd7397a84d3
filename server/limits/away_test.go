package limits_test

import (
	"fmt"
	"testing"
	"time"
)

// What was let through without the pool is paid back, also when an answer comes in
// meanwhile that was asked for before.
func TestWhatWasLetThroughWhileAnAnswerCameIsPaidBack(t *testing.T) {
	inCluster(t, 1, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 300, time.Hour)))
		c.pool.set(func(l *line) { l.down = true })
		for i := range 3 {
			c.running.Go(func() { _, _ = c.take(0, "others", 1, onKey(fmt.Sprint(i), rates(rate("m", 300, time.Hour)))) })
		}
		// They fail after ten milliseconds, when this one's answer is on its way.
		time.Sleep(7 * time.Millisecond)
		c.pool.set(func(l *line) { l.down, l.delay = false, 3*time.Millisecond })
		c.running.Go(func() { _, _ = c.take(0, "k", 1, on) })
		time.Sleep(3500 * time.Microsecond)
		for range 20 {
			if o, err := c.take(0, "k", 1, on); err != nil || !o.Allowed || !o.Limit.Degraded {
				t.Fatalf("away: %+v, %v", o, err)
			}
		}
		time.Sleep(time.Second)
		c.pool.set(func(l *line) { l.delay = time.Millisecond })
		for range 5 {
			if o, err := c.take(0, "k", 1, on); err != nil || !o.Allowed || o.Limit.Degraded {
				t.Fatalf("back: %+v, %v", o, err)
			}
		}
		time.Sleep(5 * time.Second)
		if net, let := c.pool.net(on.Subject.Key("m")), total(c.through("k")); net != let || let != 26 {
			t.Errorf("%d are let through, and %d are taken", let, net)
		}
	})
}
