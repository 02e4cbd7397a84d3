package limits_test

import (
	"fmt"
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

// benchTake measures a take beside the clock: the time is given.
func benchTake(b *testing.B, allowed bool, list ...storage.RateLimit) {
	b.Helper()
	now := time.Now()
	e := alone(func() time.Time { return now })
	l, ctx := &storage.Limits{RateLimits: list}, b.Context()
	take := func() bool {
		applied := [limits.MaxApplied]limits.Applied{onKey("key_0123456789abcdefghijkl", l)}
		o, err := e.Take(ctx, now, applied[:1], 1)
		if err != nil {
			b.Fatal(err)
		}
		return o.Allowed
	}
	take()
	b.ReportAllocs()
	for b.Loop() {
		if take() != allowed {
			b.Fatal("not as expected")
		}
	}
}

func BenchmarkTakeOneLimit(b *testing.B) { benchTake(b, true, rate("m", 1e9, time.Second)) }

func BenchmarkTakeThreeLimits(b *testing.B) {
	benchTake(b, true, rate("s", 1e9, time.Second), rate("m", 1e9, time.Minute), rate("d", 1e9, 24*time.Hour))
}

func BenchmarkTakeRefused(b *testing.B) { benchTake(b, false, rate("m", 1, time.Hour)) }

func BenchmarkTakeNoLimit(b *testing.B) { benchTake(b, true) }

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
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if o, err := e.Take(ctx, now, applied, 1); err != nil || !o.Allowed {
			b.Fatal(o, err)
		}
	}
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
