package limits_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

func rate(name string, requests int64, period time.Duration) storage.RateLimit {
	return storage.RateLimit{Name: name, Requests: requests, Period: period}
}

func onKey(id string, l *storage.Limits) limits.Applied {
	return limits.Applied{Subject: limits.Subject{Kind: limits.KindKey, Tenant: "acme", ID: id}, Limits: l}
}

func alone(now func() time.Time) *limits.Engine { return limits.New(limits.Options{Now: now}) }

// benchTake measures a take beside the clock: the time is given. On a machine that
// others use too, the quickest of many short runs says more than the mean.
func benchTake(b *testing.B, e *limits.Engine, now time.Time, allowed bool, applied ...limits.Applied) {
	b.Helper()
	const run = 1000
	ctx, best := b.Context(), time.Hour
	if _, err := e.Take(ctx, now, applied, 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		for range run {
			if o, err := e.Take(ctx, now, applied, 1); err != nil || o.Allowed != allowed {
				b.Fatal("not as expected")
			}
		}
		best = min(best, time.Since(began))
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/run, "ns/take")
	b.ReportMetric(float64(best)/run, "least-ns/take")
}

func benchAlone(b *testing.B, allowed bool, list ...storage.RateLimit) {
	b.Helper()
	now := time.Now()
	benchTake(b, alone(func() time.Time { return now }), now, allowed, onKey("key_0123456789abcdefghijkl", rates(list...)))
}

// plenty is a pool that always gives.
type plenty struct{}

func (plenty) Take(_ context.Context, asks []limits.Ask) ([]limits.Given, error) {
	out := make([]limits.Given, len(asks))
	for i, a := range asks {
		out[i] = limits.Given{Tokens: a.Want, Left: a.Rate.Burst}
	}
	return out, nil
}

func (p plenty) Look(ctx context.Context, asks []limits.Ask) ([]limits.Given, error) {
	return p.Take(ctx, asks)
}
func (plenty) Return(context.Context, []limits.Back) error { return nil }
func (plenty) Reset(context.Context, []limits.Key) error   { return nil }

// A limit that replicas share, with what is asked for ahead.
func BenchmarkTakeShared(b *testing.B) {
	now := time.Now()
	e := limits.New(limits.Options{Pool: plenty{}, Now: time.Now})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(ctx)
	}()
	benchTake(b, e, now, true, onKey("key_0123456789abcdefghijkl", rates(rate("m", 1e9, time.Second))))
	stop()
	<-done
}

func BenchmarkTakeOneLimit(b *testing.B) { benchAlone(b, true, rate("m", 1e9, time.Second)) }

func BenchmarkTakeThreeLimits(b *testing.B) {
	benchAlone(b, true, rate("s", 1e9, time.Second), rate("m", 1e9, time.Minute), rate("d", 1e9, 24*time.Hour))
}

func BenchmarkTakeRefused(b *testing.B) { benchAlone(b, false, rate("m", 1, time.Hour)) }

func BenchmarkTakeNoLimit(b *testing.B) { benchAlone(b, true) }

// Three limits of three subjects.
func BenchmarkTakeThreeSubjects(b *testing.B) {
	now := time.Now()
	e := alone(func() time.Time { return now })
	l := &storage.Limits{RateLimits: []storage.RateLimit{rate("m", 1e9, time.Minute)}}
	applied := []limits.Applied{
		onKey("key_0123456789abcdefghijkl", l),
		{Subject: limits.Subject{Kind: limits.KindUser, Tenant: "acme", ID: "alice"}, Limits: l},
		{Subject: limits.Subject{Kind: limits.KindTenant, Tenant: "acme"}, Limits: l},
	}
	benchTake(b, e, now, true, applied...)
}

// Among a hundred thousand keys, which no cache holds.
func BenchmarkTakeOneOfMany(b *testing.B) {
	now := time.Now()
	e := alone(func() time.Time { return now })
	l := &storage.Limits{RateLimits: []storage.RateLimit{rate("m", 1e9, time.Minute)}}
	ids := make([]string, 100_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("key_%022d", i*7919)
	}
	i, ctx := 0, b.Context()
	b.ReportAllocs()
	for b.Loop() {
		applied := [1]limits.Applied{onKey(ids[i*7919%len(ids)], l)}
		if o, err := e.Take(ctx, now, applied[:], 1); err != nil || !o.Allowed {
			b.Fatal(o, err)
		}
		i++
	}
}

// What a million counters take of memory, and of the collector.
func BenchmarkAMillionCounters(b *testing.B) {
	for _, each := range []int{1, 3} {
		b.Run(fmt.Sprintf("%d a subject", each), func(b *testing.B) {
			const counters = 1_000_000
			heap := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapInuse
			}
			l := rates([]storage.RateLimit{rate("s", 1e9, time.Second), rate("m", 1e9, time.Minute), rate("d", 1e9, 24*time.Hour)}[:each]...)
			now, ctx := time.Now(), b.Context()
			for b.Loop() {
				before := heap()
				e := limits.New(limits.Options{Now: func() time.Time { return now }, MaxCounters: 2 * counters})
				for i := range counters / each {
					applied := [1]limits.Applied{onKey(fmt.Sprintf("key_%022d", i), l)}
					if o, err := e.Take(ctx, now, applied[:], 1); err != nil || !o.Allowed {
						b.Fatal(o, err)
					}
				}
				b.ReportMetric(float64(heap()-before)/counters, "bytes/counter")
				began := time.Now()
				runtime.GC()
				b.ReportMetric(float64(time.Since(began).Microseconds()), "us/collection")
				runtime.KeepAlive(e)
			}
		})
	}
}
