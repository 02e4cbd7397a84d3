package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

func TestLimitHeaders(t *testing.T) {
	rate := limits.State{Subject: limits.KindKey, Name: "m", Limit: 20, Remaining: 9, Requests: 10, Period: time.Minute, Reset: 59500 * time.Millisecond}
	for _, c := range []struct {
		name  string
		limit limits.State
		want  string
	}{
		{"none", limits.State{}, "[]"},
		{"a rate", rate, `[{Ratelimit "m";r=9;t=60} {Ratelimit-Policy "m";q=10;w=60}]`},
		{"a whole rate", limits.State{Subject: limits.KindAPI, Name: "m", Limit: 10, Remaining: 10, Requests: 10, Period: 1500 * time.Millisecond},
			`[{Ratelimit "m";r=10;t=0} {Ratelimit-Policy "m";q=10;w=2}]`},
		{"a quota", limits.State{Subject: limits.KindUser, Name: "q", Quota: true, Limit: 100, Remaining: 0, Reset: time.Hour}, `[{Ratelimit "q";r=0;t=3600} {Ratelimit-Policy "q";q=100}]`},
		{"a total", limits.State{Subject: limits.KindUser, Name: "q", Quota: true, Limit: 100, Remaining: 1}, `[{Ratelimit "q";r=1} {Ratelimit-Policy "q";q=100}]`},
	} {
		if got := fmt.Sprint((&Reply{Limit: c.limit}).limitHeaders()); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
	// Whoever may never make the call is not told to come back.
	for retry, want := range map[time.Duration]time.Duration{0: 0, time.Second: time.Second, access.Never: 0} {
		if got := (&Reply{Verdict: access.Verdict{Reason: access.RateLimited}, Limit: limits.State{Retry: retry}}).retryAfter(); got != want {
			t.Errorf("retry %s: got %s", retry, got)
		}
	}
	if (&Reply{Verdict: access.Verdict{Reason: access.Allowed}, Limit: limits.State{Retry: time.Second}}).retryAfter() != 0 {
		t.Error("who was let through is told to come back")
	}
}
