package limits_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/storage"
)

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func fixed() time.Time { return start }

func rates(list ...storage.RateLimit) *storage.Limits { return &storage.Limits{RateLimits: list} }

// take is a take that must be decided.
func take(t *testing.T, e *limits.Engine, now time.Time, cost int64, applied ...limits.Applied) limits.Outcome {
	t.Helper()
	o, err := e.Take(t.Context(), now, applied, cost)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestZeroOutcomeRefuses(t *testing.T) {
	if (limits.Outcome{}).Allowed {
		t.Error("it allows")
	}
}

func TestALimitLetsThroughItsBurstAndThenItsRate(t *testing.T) {
	e := alone(fixed)
	on := onKey("k", rates(storage.RateLimit{Name: "m", Requests: 10, Period: time.Minute, Burst: 3}))
	for left := int64(2); left >= 0; left-- {
		got := take(t, e, start, 1, on)
		want := limits.Outcome{Allowed: true, Limit: limits.State{
			Subject: limits.KindKey, Name: "m", Limit: 3, Remaining: left, Requests: 10, Period: time.Minute, Reset: time.Duration(3-left) * 6 * time.Second,
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
	got := take(t, e, start.Add(time.Second), 1, on)
	want := limits.Outcome{Limit: limits.State{
		Subject: limits.KindKey, Name: "m", Limit: 3, Requests: 10, Period: time.Minute, Reset: 17 * time.Second, Retry: 5 * time.Second,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	if !take(t, e, start.Add(6*time.Second), 1, on).Allowed {
		t.Error("refused after the time it told")
	}
}

func TestNoLimitAllows(t *testing.T) {
	e := alone(fixed)
	for _, applied := range [][]limits.Applied{nil, {onKey("k", nil)}, {onKey("k", &storage.Limits{})}} {
		if o := take(t, e, start, 1, applied...); !o.Allowed || o.Limit.Subject != limits.NoKind {
			t.Errorf("%+v", o)
		}
	}
}

// A call that one limit refuses spends none of the others.
func TestAllOrNothing(t *testing.T) {
	e := alone(fixed)
	wide := onKey("k", rates(rate("wide", 100, time.Minute)))
	narrow := limits.Applied{Subject: limits.Subject{Kind: limits.KindTenant, Tenant: "acme"}, Limits: rates(rate("narrow", 2, time.Minute))}
	take(t, e, start, 1, wide, narrow)
	take(t, e, start, 1, wide, narrow)
	for range 50 {
		if o := take(t, e, start, 1, wide, narrow); o.Allowed || o.Limit.Name != "narrow" || o.Limit.Subject != limits.KindTenant {
			t.Fatalf("%+v", o)
		}
	}
	if o := take(t, e, start, 1, wide); o.Limit.Remaining != 97 {
		t.Errorf("refused calls have spent: %+v", o)
	}
}

func TestOfSeveralRefusalsTheLongestIsNamed(t *testing.T) {
	e := alone(fixed)
	on := onKey("k", rates(rate("s", 1, time.Second), rate("h", 1, time.Hour), rate("m", 1, time.Minute)))
	take(t, e, start, 1, on)
	if o := take(t, e, start, 1, on); o.Allowed || o.Limit.Name != "h" || o.Limit.Retry != time.Hour {
		t.Errorf("%+v", o)
	}
}

func TestACostOfZeroLooks(t *testing.T) {
	e := alone(fixed)
	on := onKey("k", rates(rate("m", 2, time.Minute)))
	for range 3 {
		if o := take(t, e, start, 0, on); !o.Allowed || o.Limit.Remaining != 2 {
			t.Fatalf("%+v", o)
		}
	}
	take(t, e, start, 2, on)
	if o := take(t, e, start, 0, on); !o.Allowed || o.Limit.Remaining != 0 {
		t.Errorf("%+v", o)
	}
}

func TestACostBeyondTheBurstNeverFits(t *testing.T) {
	e := alone(fixed)
	if o := take(t, e, start, 3, onKey("k", rates(rate("m", 2, time.Minute)))); o.Allowed || o.Limit.Retry != access.Never {
		t.Errorf("%+v", o)
	}
}

// What can't be read as a limit is not taken for none.
func TestASpoiltLimitRefuses(t *testing.T) {
	e := alone(fixed)
	for name, l := range map[string]*storage.Limits{
		"a zero rate":      rates(storage.RateLimit{}),
		"no period":        rates(storage.RateLimit{Name: "m", Requests: 1}),
		"a negative burst": rates(storage.RateLimit{Name: "m", Requests: 1, Period: time.Second, Burst: -1}),
		"a zero quota":     {Quotas: []storage.Quota{{}}},
		"a strange period": {Quotas: []storage.Quota{{Name: "q", Limit: 1, Period: "WEEK"}}},
		"a strange zone":   {Quotas: []storage.Quota{{Name: "q", Limit: 1, Period: storage.QuotaDay, TimeZone: "Mars/Olympus"}}},
	} {
		for _, cost := range []int64{0, 1} {
			if o := take(t, e, start, cost, onKey(name, l)); o.Allowed {
				t.Errorf("%s lets a cost of %d through", name, cost)
			}
		}
	}
}

func TestWhatCantBeDecidedIsAnError(t *testing.T) {
	e := alone(fixed)
	one := rates(rate("m", 2, time.Minute))
	seven := make([]limits.Applied, limits.MaxApplied+1)
	for i := range seven {
		seven[i] = onKey(fmt.Sprint(i), one)
	}
	for name, c := range map[string]struct {
		applied []limits.Applied
		cost    int64
	}{
		"nobody's limit":    {[]limits.Applied{{Limits: one}}, 1},
		"too many subjects": {seven, 1},
		"a negative cost":   {[]limits.Applied{onKey("k", one)}, -1},
		"no ledger":         {[]limits.Applied{onKey("k", &storage.Limits{Quotas: []storage.Quota{{Name: "q", Limit: 1, Period: storage.QuotaDay}}})}, 1},
	} {
		if o, err := e.Take(t.Context(), start, c.applied, c.cost); !errors.Is(err, limits.ErrUndecided) || o.Allowed {
			t.Errorf("%s: %+v, %v", name, o, err)
		}
	}
}

// Other numbers are in force at the next check, and keep what was spent; another name
// begins anew.
func TestLimitsAreChangedWhileServing(t *testing.T) {
	e := alone(fixed)
	take(t, e, start, 8, onKey("k", rates(rate("m", 10, time.Minute))))
	if o := take(t, e, start, 1, onKey("k", rates(storage.RateLimit{Name: "m", Requests: 10, Period: time.Minute, Burst: 20}))); o.Limit.Remaining != 11 {
		t.Errorf("a larger burst: %+v", o)
	}
	if o := take(t, e, start, 1, onKey("k", rates(rate("m", 5, time.Minute)))); o.Allowed {
		t.Errorf("a smaller one: %+v", o)
	}
	if o := take(t, e, start, 1, onKey("k", rates(rate("n", 5, time.Minute)))); o.Limit.Remaining != 4 {
		t.Errorf("another name: %+v", o)
	}
}

func TestResetMakesWhole(t *testing.T) {
	e := alone(fixed)
	on := onKey("k", rates(rate("m", 2, time.Hour)))
	take(t, e, start, 2, on)
	if err := e.Reset(t.Context(), start, []limits.Applied{on}); err != nil {
		t.Fatal(err)
	}
	if o := take(t, e, start, 1, on); o.Limit.Remaining != 1 {
		t.Errorf("%+v", o)
	}
}

// Subjects that look alike when they are written down have counters of their own.
func TestNoTwoSubjectsShareACounter(t *testing.T) {
	route := func(path string, methods, hosts []string) *storage.Route {
		return &storage.Route{Path: path, Methods: methods, Hosts: hosts}
	}
	subjects := []limits.Subject{
		{Kind: limits.KindKey, Tenant: "a", ID: "b"},
		{Kind: limits.KindKey, Tenant: "z", ID: "b"},
		{Kind: limits.KindUser, Tenant: "a", ID: "b"},
		{Kind: limits.KindAPI, Tenant: "a", ID: "b"},
		{Kind: limits.KindPlan, Tenant: "a", ID: "b"},
		{Kind: limits.KindTenant, Tenant: "a"},
		{Kind: limits.KindUser, Tenant: "b", ID: "a"},
		{Kind: limits.KindUser, Tenant: "ab"},
		{Kind: limits.KindUser, ID: "ab"},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/x", []string{"GET"}, []string{"*"})},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/x", []string{"*"}, []string{"GET"})},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/x", []string{"GET", "PUT"}, []string{"*"})},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/x", []string{"GETPUT"}, []string{"*"})},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/xGET", nil, []string{"*"})},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/y", []string{"GET"}, []string{"*"})},
		{Kind: limits.KindRoute, Tenant: "a", ID: "b", Route: route("/x", []string{"GET"}, nil)},
	}
	e := alone(fixed)
	keys := map[limits.Key]int{}
	for i := range subjects {
		for _, name := range []string{"m", "n"} {
			key := subjects[i].Key(name)
			if other, taken := keys[key]; taken {
				t.Errorf("%+v and %+v have one key", subjects[i], subjects[other])
			}
			keys[key] = i
		}
		on := limits.Applied{Subject: subjects[i], Limits: rates(rate("m", 1, time.Hour))}
		if o := take(t, e, start, 1, on); !o.Allowed {
			t.Errorf("%+v was spent by another", subjects[i])
		}
		if o := take(t, e, start, 1, on); o.Allowed {
			t.Errorf("%+v is counted by two", subjects[i])
		}
	}
}

// Whatever comes, a replica that is alone decides as the arithmetic does.
func TestAloneDecidesAsTheArithmeticDoes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		now := start
		e := limits.New(limits.Options{Now: func() time.Time { return now }})
		type model struct {
			pace access.Pace
			tat  int64
		}
		var applied []limits.Applied
		counters := map[string]*model{}
		for s := range rapid.IntRange(1, 4).Draw(rt, "subjects") {
			var list []storage.RateLimit
			for i := range rapid.IntRange(0, 3).Draw(rt, "limits") {
				l := storage.RateLimit{
					Name: fmt.Sprint("l", i), Requests: rapid.Int64Range(1, 50).Draw(rt, "requests"),
					Period: time.Duration(rapid.Int64Range(1, 100).Draw(rt, "seconds")) * time.Second, Burst: rapid.Int64Range(0, 20).Draw(rt, "burst"),
				}
				list = append(list, l)
				counters[fmt.Sprint(s, l.Name)] = &model{pace: access.Rate{Period: l.Period, Requests: l.Requests, Burst: l.Burst}.Pace()}
			}
			applied = append(applied, onKey(fmt.Sprint(s), rates(list...)))
		}
		for range rapid.IntRange(1, 80).Draw(rt, "calls") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 3e9).Draw(rt, "pause")))
			at := now.UnixNano()
			cost := rapid.Int64Range(1, 5).Draw(rt, "cost")
			from := rapid.IntRange(0, len(applied)-1).Draw(rt, "from")
			var met []*model
			want := true
			for s := from; s < len(applied); s++ {
				for _, l := range applied[s].Limits.RateLimits {
					m := counters[fmt.Sprint(s, l.Name)]
					_, ok := m.pace.Take(m.tat, at, cost)
					want = want && ok
					met = append(met, m)
				}
			}
			o, err := e.Take(t.Context(), now, applied[from:], cost)
			if err != nil || o.Allowed != want {
				rt.Fatalf("%+v, %v; want %v", o, err, want)
			}
			least := int64(1 << 60)
			var retry time.Duration
			for _, m := range met {
				if want {
					m.tat, _ = m.pace.Take(m.tat, at, cost)
				}
				least, retry = min(least, m.pace.Left(m.tat, at)), max(retry, m.pace.Retry(m.tat, at, cost))
			}
			if want && len(met) > 0 && o.Limit.Remaining != least || !want && o.Limit.Retry != retry {
				rt.Fatalf("%+v; want %d left, retry after %v", o, least, retry)
			}
		}
	})
}

// However many take at once, a burst is let through once, from all limits alike.
func TestConcurrentTakesLetThroughNoMoreThanTheBurst(t *testing.T) {
	e := alone(fixed)
	applied := []limits.Applied{
		onKey("k", rates(rate("a", 500, time.Hour), rate("b", 400, time.Hour))),
		{Subject: limits.Subject{Kind: limits.KindTenant, Tenant: "acme"}, Limits: rates(rate("c", 300, time.Hour))},
	}
	var through atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 400 {
				if o, err := e.Take(t.Context(), start, applied, 1); err == nil && o.Allowed {
					through.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if n := through.Load(); n != 300 {
		t.Errorf("%d let through, want 300", n)
	}
	for i, want := range []int64{200, 100, 0} {
		states, err := e.Look(t.Context(), start, applied)
		if err != nil || states[i].Remaining != want {
			t.Errorf("limit %d: %+v, %v; want %d left", i, states[i], err, want)
		}
	}
}

// A flood of subjects does not grow the table beyond its bound, and removes nobody who
// has spent.
func TestTheTableIsBounded(t *testing.T) {
	const most = 100
	now := start
	e := limits.New(limits.Options{Now: func() time.Time { return now }, MaxCounters: most})
	l := rates(rate("m", 2, time.Minute))
	for i := range most {
		take(t, e, now, 1, onKey(fmt.Sprint("k", i), l))
	}
	if _, err := e.Take(t.Context(), now, []limits.Applied{onKey("more", l)}, 1); !errors.Is(err, limits.ErrUndecided) {
		t.Errorf("one more than fits: %v", err)
	}
	if s := e.Stats(); s.Counters != most || s.Full != 1 {
		t.Errorf("%+v", s)
	}
	if o := take(t, e, now, 1, onKey("k0", l)); o.Limit.Remaining != 0 {
		t.Errorf("a counter was lost: %+v", o)
	}
	// After half a minute all but the one that spent twice are whole again.
	now = now.Add(30 * time.Second)
	for i := range 10 * most {
		o, err := e.Take(t.Context(), now, []limits.Applied{onKey(fmt.Sprint("n", i), l)}, 1)
		if err != nil {
			break
		}
		if i >= most {
			t.Fatalf("%d newcomers: %+v", i, o)
		}
	}
	if o := take(t, e, now, 1, onKey("k0", l)); o.Limit.Remaining != 0 {
		t.Errorf("a counter was lost: %+v", o)
	}
	if s := e.Stats(); s.Counters > most {
		t.Errorf("%+v", s)
	}
}

// Removing what is idle loses no take, however they meet.
func TestEvictionLosesNoTake(t *testing.T) {
	const keys, most, rounds = 64, 16, 400
	var clock atomic.Int64
	e := limits.New(limits.Options{Now: func() time.Time { return start.Add(time.Duration(clock.Load())) }, MaxCounters: most})
	// One request each 100 ns, and no burst: each take makes its counter busy, and it
	// is idle soon after.
	l := rates(storage.RateLimit{Name: "m", Requests: 10_000_000, Period: time.Second, Burst: 1})
	var mu sync.Mutex
	// A take was decided between the time it was made for and the time it returned at.
	type span struct{ from, to int64 }
	taken := map[string][]span{}
	var callers sync.WaitGroup
	for worker := range 4 {
		callers.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range rounds * 20 {
				at := clock.Add(int64(random.IntN(30)))
				id := fmt.Sprint(random.IntN(keys))
				o, err := e.Take(t.Context(), start.Add(time.Duration(at)), []limits.Applied{onKey(id, l)}, 1)
				if err == nil && o.Allowed {
					mu.Lock()
					taken[id] = append(taken[id], span{at, clock.Load()})
					mu.Unlock()
				}
			}
		})
	}
	callers.Wait()
	n := 0
	for id, times := range taken {
		n += len(times)
		for i := range times {
			for j := range i {
				if max(times[i].to-times[j].from, times[j].to-times[i].from) < 100 {
					t.Fatalf("key %s was let through within %v and within %v", id, times[i], times[j])
				}
			}
		}
	}
	if n < rounds {
		t.Errorf("only %d were let through", n)
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	e := alone(fixed)
	l := rates(rate("a", 1e9, time.Second), rate("b", 1e9, time.Minute), rate("c", 10, time.Hour))
	ctx := t.Context()
	id := "key_0123456789"
	if n := testing.AllocsPerRun(1000, func() {
		applied := [limits.MaxApplied]limits.Applied{onKey(id, l)}
		if _, err := e.Take(ctx, start, applied[:1], 1); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
