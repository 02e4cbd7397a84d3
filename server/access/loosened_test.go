package access_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

func TestLoosened(t *testing.T) {
	t.Parallel()
	rate := storage.RateLimit{Name: "m", Requests: 10, Period: time.Minute, Burst: 10, Exact: true}
	quota := storage.Quota{Name: "q", Limit: 100, Period: storage.QuotaDay, TimeZone: "Europe/Berlin", Refill: storage.QuotaReplace}
	base := storage.Limits{RateLimits: []storage.RateLimit{rate}, Quotas: []storage.Quota{quota}}
	rates := func(change func(*storage.RateLimit)) storage.Limits {
		changed := rate
		change(&changed)
		return storage.Limits{RateLimits: []storage.RateLimit{changed}, Quotas: base.Quotas}
	}
	quotas := func(change func(*storage.Quota)) storage.Limits {
		changed := quota
		change(&changed)
		return storage.Limits{RateLimits: base.RateLimits, Quotas: []storage.Quota{changed}}
	}
	judge := func(what string, after storage.Limits, want bool) {
		t.Helper()
		if got := access.Loosened(&base, &after); got != want {
			t.Errorf("%s: got loosened %v, want %v", what, got, want)
		}
	}
	judge("the same", base, false)
	judge("none", storage.Limits{}, true)
	judge("no rate limit", storage.Limits{Quotas: base.Quotas}, true)
	judge("no quota", storage.Limits{RateLimits: base.RateLimits}, true)
	judge("one more of each", storage.Limits{
		RateLimits: []storage.RateLimit{{Name: "s", Requests: 1, Period: time.Second, Burst: 1}, rate},
		Quotas:     []storage.Quota{{Name: "h", Limit: 1, Period: storage.QuotaHour}, quota},
	}, false)
	judge("another name", rates(func(r *storage.RateLimit) { r.Name = "n" }), true)
	judge("fewer requests", rates(func(r *storage.RateLimit) { r.Requests = 9 }), false)
	judge("more requests", rates(func(r *storage.RateLimit) { r.Requests = 11 }), true)
	judge("a longer period", rates(func(r *storage.RateLimit) { r.Period++ }), false)
	judge("a shorter period", rates(func(r *storage.RateLimit) { r.Period-- }), true)
	judge("the same rate in other words", rates(func(r *storage.RateLimit) { r.Requests, r.Period = 600, time.Hour }), false)
	judge("a faster rate in other words", rates(func(r *storage.RateLimit) { r.Requests, r.Period = 601, time.Hour }), true)
	judge("a smaller burst", rates(func(r *storage.RateLimit) { r.Burst = 9 }), false)
	judge("a larger burst", rates(func(r *storage.RateLimit) { r.Burst = 11 }), true)
	judge("no longer exact", rates(func(r *storage.RateLimit) { r.Exact = false }), true)
	judge("a negative rate", rates(func(r *storage.RateLimit) { r.Requests = -1 }), true)
	judge("a lower limit", quotas(func(q *storage.Quota) { q.Limit = 99 }), false)
	judge("a higher limit", quotas(func(q *storage.Quota) { q.Limit = 101 }), true)
	judge("another period", quotas(func(q *storage.Quota) { q.Period = storage.QuotaMonth }), true)
	judge("another zone", quotas(func(q *storage.Quota) { q.TimeZone = "" }), true)
	judge("carrying over", quotas(func(q *storage.Quota) { q.Refill = storage.QuotaAdd }), true)

	wide := storage.Limits{RateLimits: []storage.RateLimit{{Name: "m", Requests: 1_000_000_000, Period: 31 * 24 * time.Hour, Burst: 1}}}
	wider := storage.Limits{RateLimits: []storage.RateLimit{{Name: "m", Requests: 1_000_000_000, Period: 31*24*time.Hour - 1, Burst: 1}}}
	if access.Loosened(&wider, &wide) || !access.Loosened(&wide, &wider) {
		t.Error("the widest limits are not told apart")
	}
}

// TestLoosenedIsAnOrder: what is tighter than the tighter is tighter, and nothing is
// looser than itself.
func TestLoosenedIsAnOrder(t *testing.T) {
	t.Parallel()
	limits := rapid.Custom(func(t *rapid.T) storage.Limits {
		var l storage.Limits
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID[string]).Draw(t, "rates") {
			l.RateLimits = append(l.RateLimits, storage.RateLimit{
				Name: name, Requests: rapid.Int64Range(1, 3).Draw(t, "requests"), Period: time.Duration(rapid.Int64Range(1, 3).Draw(t, "period")),
				Burst: rapid.Int64Range(1, 3).Draw(t, "burst"), Exact: rapid.Bool().Draw(t, "exact"),
			})
		}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"d", "e"}), rapid.ID[string]).Draw(t, "quotas") {
			l.Quotas = append(l.Quotas, storage.Quota{
				Name: name, Limit: rapid.Int64Range(1, 3).Draw(t, "limit"),
				Period: rapid.SampledFrom([]storage.QuotaPeriod{storage.QuotaDay, storage.QuotaHour}).Draw(t, "period"),
				Refill: rapid.SampledFrom([]storage.QuotaRefill{storage.QuotaReplace, storage.QuotaAdd}).Draw(t, "refill"),
			})
		}
		return l
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := limits.Draw(t, "a"), limits.Draw(t, "b"), limits.Draw(t, "c")
		if access.Loosened(&a, &a) {
			t.Fatal("looser than itself")
		}
		if !access.Loosened(&a, &b) && !access.Loosened(&b, &c) && access.Loosened(&a, &c) {
			t.Fatal("tightened twice, and loosened")
		}
		more := storage.Limits{RateLimits: slices.Clone(a.RateLimits), Quotas: slices.Clone(a.Quotas)}
		more.RateLimits = append(more.RateLimits, storage.RateLimit{Name: "z", Requests: 1, Period: 1, Burst: 1})
		if access.Loosened(&a, &more) || !access.Loosened(&more, &a) {
			t.Fatal("one more limit loosens, or one less does not")
		}
	})
}
