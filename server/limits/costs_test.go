package limits_test

import (
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// While replicas share a limit, a call may cost all but a reserve of its burst, and all
// of it when the limit is exact. What costs more is told that it never fits.
func TestACallCostsAllButTheReserve(t *testing.T) {
	for _, c := range []struct {
		limit storage.RateLimit
		most  int64
	}{
		{storage.RateLimit{Name: "m", Requests: 50, Period: time.Minute}, 50},
		{storage.RateLimit{Name: "m", Requests: 100, Period: time.Minute}, 96},
		{storage.RateLimit{Name: "m", Requests: 900, Period: time.Minute}, 878},
		{storage.RateLimit{Name: "m", Requests: 6400, Period: time.Hour}, 6300},
		{storage.RateLimit{Name: "m", Requests: 100, Period: time.Minute, Exact: true}, 100},
	} {
		inCluster(t, 3, func(t *testing.T, cl *cluster) {
			on := onKey("k", rates(c.limit))
			if c.most*100 < 95*c.limit.Requests {
				t.Errorf("%+v: %d is less than is documented", c.limit, c.most)
			}
			for replica := range 3 {
				if o := cl.must(replica, c.most+1, on); o.Allowed || o.Limit.Retry != access.Never {
					t.Errorf("%+v: a cost of %d: %+v", c.limit, c.most+1, o)
				}
			}
			if o := cl.must(2, c.most, on); !o.Allowed {
				t.Errorf("%+v: a cost of %d: %+v", c.limit, c.most, o)
			}
		})
	}
}

// What is too much for a replica's own share may fit when the pool is back.
func TestACostBeyondAShareIsToldToWait(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		on := onKey("k", rates(rate("m", 300, time.Hour)))
		c.pool.set(func(l *line) { l.down = true })
		if o := c.must(0, 101, on); o.Allowed || !o.Limit.Degraded || o.Limit.Retry != time.Second {
			t.Errorf("more than a share: %+v", o)
		}
		if o := c.must(0, 299, on); o.Allowed || o.Limit.Retry != access.Never {
			t.Errorf("more than the pool ever gives: %+v", o)
		}
		c.pool.set(func(l *line) { l.down = false })
		time.Sleep(10 * time.Second)
		if o := c.must(0, 101, on); !o.Allowed {
			t.Errorf("with the pool: %+v", o)
		}
	})
}
