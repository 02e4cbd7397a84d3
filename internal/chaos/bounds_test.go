package chaos

import (
	"errors"
	"testing"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// let is a call that was let through, in milliseconds.
func let(call, back int, cost int64) Spend {
	return Spend{Call: time.Duration(call) * time.Millisecond, Return: time.Duration(back) * time.Millisecond, Cost: cost, Result: Let}
}

// alone is one that a process let through by itself.
func alone(process, call, back int, cost int64) Spend {
	s := let(call, back, cost)
	s.Degraded, s.Process = true, process
	return s
}

func credits(at int, n int64) Grant {
	return Grant{Call: time.Duration(at) * time.Millisecond, Credits: n}
}

func TestBoundsOfLimits(t *testing.T) {
	// The run began half a second before an hour ended.
	base := time.Date(2026, 11, 24, 9, 59, 59, 500_000_000, time.UTC)
	quota := Terms{Name: "quota", Quota: 10, Period: pb.Quota_TOTAL, MostCost: 5}
	hourly := quota
	hourly.Period = pb.Quota_HOUR
	small := Terms{Name: "small", Rate: access.Rate{Requests: 10, Period: 10 * time.Second, Burst: 10}, MostCost: 5}
	large := Terms{Name: "large", Rate: access.Rate{Requests: 10_000, Period: time.Hour, Burst: 10_000}, MostCost: 5}
	for name, c := range map[string]struct {
		terms  Terms
		spends []Spend
		grants []Grant
		losses []span
		broken string
	}{
		"all of a quota":           {terms: quota, spends: []Spend{let(0, 1, 5), let(0, 2, 5)}},
		"more than a quota":        {terms: quota, spends: []Spend{let(0, 1, 5), let(0, 2, 6)}, broken: ruleQuota},
		"credits":                  {terms: quota, spends: []Spend{let(0, 1, 10), let(5, 7, 3)}, grants: []Grant{credits(6, 3)}},
		"more than the credits":    {terms: quota, spends: []Spend{let(0, 1, 10), let(5, 7, 4)}, grants: []Grant{credits(6, 3)}, broken: ruleQuota},
		"credits not yet granted":  {terms: quota, spends: []Spend{let(0, 1, 10), let(2, 3, 3)}, grants: []Grant{credits(4, 3)}, broken: ruleQuota},
		"another hour":             {terms: hourly, spends: []Spend{let(0, 1, 10), let(400, 501, 10)}},
		"more than another hour's": {terms: hourly, spends: []Spend{let(0, 1, 10), let(400, 501, 11)}, broken: ruleQuota},
		"no other hour yet":        {terms: hourly, spends: []Spend{let(0, 1, 10), let(400, 499, 10)}, broken: ruleQuota},

		"a whole rate":              {terms: small, spends: []Spend{let(0, 1, 5), let(0, 2, 5)}},
		"more than a rate":          {terms: small, spends: []Spend{let(0, 1, 5), let(0, 2, 5), let(3, 4, 2)}, broken: ruleShared},
		"what a rate brings":        {terms: small, spends: []Spend{let(0, 1, 10), let(4000, 4100, 5)}},
		"more than a rate brings":   {terms: small, spends: []Spend{let(0, 1, 10), let(3000, 3100, 5)}, broken: ruleShared},
		"a window that begins late": {terms: small, spends: []Spend{let(0, 9000, 1), let(9000, 9001, 5), let(9000, 9002, 7)}, broken: ruleShared},
		"what may be of long ago":   {terms: small, spends: []Spend{let(9000, 9001, 10), let(0, 9002, 9)}},
		"a loss":                    {terms: small, spends: []Spend{let(0, 1, 10), let(5, 6, 10)}, losses: []span{{2 * time.Millisecond, 3 * time.Millisecond}}},
		"a loss before":             {terms: small, spends: []Spend{let(5, 6, 10), let(7, 8, 10)}, losses: []span{{2 * time.Millisecond, 3 * time.Millisecond}}, broken: ruleShared},
		"a share while away":        {terms: small, spends: []Spend{let(0, 1, 10), alone(1, 2, 3, 10)}},
		"shares of two":             {terms: small, spends: []Spend{let(0, 1, 10), alone(1, 2, 3, 10), alone(2, 2, 3, 10)}},
		"more than a share":         {terms: small, spends: []Spend{let(0, 1, 10), alone(1, 2, 3, 12)}, broken: ruleRate},
		"two per cent of a large":   {terms: large, spends: []Spend{let(0, 1, 10_200)}},
		"five per cent of a large":  {terms: large, spends: []Spend{let(0, 1, 5000), let(0, 1, 5600)}, broken: ruleShared},
		"an answer for another":     {terms: small, spends: []Spend{{Call: 0, Return: 400 * time.Millisecond, Cost: 5}, let(500, 501, 15)}},
	} {
		a := &Account{Terms: &c.terms, spends: c.spends, grants: c.grants}
		got := a.overdrafts(&circumstances{base: base, losses: c.losses})
		switch {
		case c.broken == "" && len(got) > 0:
			t.Errorf("%s: %s", name, got[0].String())
		case c.broken != "" && (len(got) == 0 || got[0].Rule != c.broken):
			t.Errorf("%s: got %v, want: %s", name, got, c.broken)
		}
	}
}

// A run in which limits were not spent proves nothing of them.
func TestARunWithoutLimitsIsNone(t *testing.T) {
	b := newBook()
	if b.eventfulRates() == nil || b.eventfulQuotas() == nil {
		t.Error("a run without a call is good")
	}
	for kind := range b.kinds {
		for range 30 {
			for _, result := range []Result{Let, OverRate, OverQuota} {
				b.note(kind, &Spend{Result: result})
			}
		}
	}
	if b.eventfulRates() == nil || b.eventfulQuotas() == nil {
		t.Error("a run in which no replica was alone, or none granted credits, is good")
	}
	b.grants = 1
	b.note(4, &Spend{Result: Let, Degraded: true})
	if err := errors.Join(b.eventfulRates(), b.eventfulQuotas()); err != nil {
		t.Error(err)
	}
}
