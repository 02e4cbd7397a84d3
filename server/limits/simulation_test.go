package limits_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

// bucket is a rate limit told another way than the engine counts it: time that has
// passed fills it, and each request costs the time that it takes to come back.
type bucket struct {
	each, size, level, last int64
}

func newBucket(r *storage.RateLimit) *bucket {
	each := (r.Period.Nanoseconds() + r.Requests - 1) / r.Requests
	burst := r.Burst
	if burst == 0 {
		burst = r.Requests
	}
	return &bucket{each: each, size: each * burst, level: each * burst}
}

func (b *bucket) fits(at, cost int64) bool {
	b.level, b.last = min(b.size, b.level+at-b.last), at
	return b.level >= cost*b.each
}

func randomLimit(random *rand.Rand, name string) storage.RateLimit {
	r := storage.RateLimit{
		Name: name, Requests: 1 + int64(random.ExpFloat64()*200),
		Period: time.Duration(1+int(random.ExpFloat64()*40)) * time.Second,
	}
	if random.IntN(2) == 0 {
		r.Burst = 1 + random.Int64N(2*r.Requests)
	}
	return r
}

// Thousands of limits, on keys, users and tenants that share them, and a quarter of a
// million calls: a replica that is alone decides each as an exact reference does.
func TestThousandsOfLimitsAreDecidedExactly(t *testing.T) {
	const keys, users, tenants, calls = 3000, 400, 20, 250_000
	random := rand.New(rand.NewPCG(3, 5))
	now := start
	e := limits.New(limits.Options{Now: func() time.Time { return now }})
	type subject struct {
		limits.Applied
		buckets []*bucket
	}
	make1 := func(kind limits.Kind, id string) *subject {
		s := &subject{Applied: limits.Applied{Subject: limits.Subject{Kind: kind, Tenant: "t", ID: id}, Limits: &storage.Limits{}}}
		for i := range 1 + random.IntN(3) {
			r := randomLimit(random, fmt.Sprint("l", i))
			s.Limits.RateLimits = append(s.Limits.RateLimits, r)
			s.buckets = append(s.buckets, newBucket(&r))
		}
		return s
	}
	var all [3][]*subject
	for kind, n := range []int{keys, users, tenants} {
		for i := range n {
			all[kind] = append(all[kind], make1(limits.Kind(kind+1), fmt.Sprint(i)))
		}
	}
	let := 0
	for i := range calls {
		now = now.Add(time.Duration(random.ExpFloat64() * 20e6))
		at := now.Sub(start).Nanoseconds()
		key := int(float64(keys) * random.Float64() * random.Float64() * random.Float64()) // some are busier
		met := []*subject{all[0][key], all[1][key%users], all[2][key%tenants]}
		cost := int64(1)
		if random.IntN(20) == 0 {
			cost = 1 + random.Int64N(20)
		}
		want := true
		applied := make([]limits.Applied, 0, len(met))
		for _, s := range met {
			applied = append(applied, s.Applied)
			for _, b := range s.buckets {
				want = b.fits(at, cost) && want
			}
		}
		o, err := e.Take(t.Context(), now, applied, cost)
		if err != nil || o.Allowed != want {
			t.Fatalf("call %d: %+v, %v; the reference says %v", i, o, err, want)
		}
		if !want {
			continue
		}
		let++
		for _, s := range met {
			for _, b := range s.buckets {
				b.level -= cost * b.each
			}
		}
	}
	t.Logf("%d of %d let through", let, calls)
	if let < calls/10 || let > calls*9/10 {
		t.Errorf("%d of %d let through: the load proves little", let, calls)
	}
}

// Thousands of limits on three replicas, each with its own load that shifts from one
// to another: every one of them keeps to its bounds.
func TestThousandsOfLimitsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const subjects = 2000
		c := newCluster(t, 3, time.Millisecond)
		random := rand.New(rand.NewPCG(11, 13))
		list := make([]storage.RateLimit, subjects)
		for i := range list {
			list[i] = randomLimit(random, "m")
		}
		until := time.Now().Add(40 * time.Second)
		for replica := range c.engines {
			c.running.Go(func() {
				random := rand.New(rand.NewPCG(17, uint64(replica)))
				for time.Now().Before(until) {
					time.Sleep(time.Duration(random.ExpFloat64() * 1e6))
					// Of the busy few each replica sees more of its own for a while.
					i := int(float64(subjects) * random.Float64() * random.Float64() * random.Float64() * random.Float64() * random.Float64() * random.Float64() * random.Float64())
					if (i+int(time.Until(until).Seconds())/8)%3 != replica && random.IntN(8) != 0 {
						continue
					}
					on := onKey(fmt.Sprint(i), rates(list[i]))
					c.running.Go(func() { _, _ = c.take(replica, on.Subject.ID, 1, on) })
				}
			})
		}
		time.Sleep(time.Until(until) + time.Second)
		c.end()
		tried, let, could := 0, int64(0), int64(0)
		for i := range list {
			r, id := list[i], fmt.Sprint(i)
			burst := r.Burst
			if burst == 0 {
				burst = r.Requests
			}
			most := 1.0
			if r.Requests >= 1000 {
				most = 1.02
			}
			late := 2 * c.pool.delay.Seconds() * float64(r.Requests) / r.Period.Seconds()
			if high := worst(c.let[id], r); high*float64(burst) > most*float64(burst)+late+1e-6 {
				t.Errorf("%+v: the fullest window holds %.4f of the limit", r, high)
			}
			got, best := total(c.let[id]), exact(c.tried[id], r)
			if float64(got) < 0.95*float64(best)-3 {
				t.Errorf("%+v: %d let through, and %d could have been", r, got, best)
			}
			subject := onKey(id, nil).Subject
			if net := c.pool.net(subject.Key("m")); net != got {
				t.Errorf("%+v: the pool gave %d, and %d were let through", r, net, got)
			}
			tried, let, could = tried+len(c.tried[id]), let+got, could+best
		}
		t.Logf("%d tried, %d of %d let through, %d round trips", tried, let, could, c.pool.count())
	})
}
