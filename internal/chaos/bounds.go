package chaos

import (
	"fmt"
	"slices"
	"strings"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// Overdraft is more than a limit allows.
type Overdraft struct {
	Rule    string
	Account *Account
	// Got was let through between From and To, and Most could have been.
	From, To  time.Duration
	Got, Most int64
	// Spends are what was let through then.
	Spends []Spend
}

func (o *Overdraft) String() string {
	return fmt.Sprintf("%s: %s: %d between %.3f and %.3f, at most %d", o.Account.Name, o.Rule, o.Got, o.From.Seconds(), o.To.Seconds(), o.Most)
}

func (o *Overdraft) lines() string {
	var b strings.Builder
	for i := range o.Spends {
		b.WriteString(o.Spends[i].String())
		b.WriteByte('\n')
	}
	return b.String()
}

// The rules of limits.
const (
	ruleQuota  = "more was spent of a quota than it had, credits included"
	ruleShared = "more was let through by what replicas share than a rate limit brings"
	ruleRate   = "more was let through than a rate limit brings together with the replicas' own shares"
)

// circumstances are what a bound depends on beside the limit.
type circumstances struct {
	// base is when the run began, by the calendar that quotas go by.
	base time.Time
	// losses are when whatever replicas share rate limits through may have forgotten
	// what was taken.
	losses []span
}

type span struct{ from, to time.Duration }

// overdrafts finds out whether more was let through of an account than is promised: at
// most one overdraft of each rule.
func (a *Account) overdrafts(c *circumstances) []Overdraft {
	spends, grants := a.Spends()
	var out []Overdraft
	if a.Quota > 0 {
		out = append(out, a.overspent(c, spends, grants)...)
	}
	if a.Rate != (access.Rate{}) {
		shared := slices.DeleteFunc(slices.Clone(spends), func(s Spend) bool { return s.Result == Let && s.Degraded })
		out = append(out, a.overrun(c, ruleShared, shared)...)
		out = append(out, a.overrun(c, ruleRate, spends)...)
	}
	return out
}

// overspent holds a quota to its bound, which nothing loosens: whatever fails, what was
// let through is no more than the quota and what was granted.
//
// What a client did not see let through is not counted, and credits are from the call
// that grants them, whether it was answered or not. So the bound is never too small.
func (a *Account) overspent(c *circumstances, spends []Spend, grants []Grant) []Overdraft {
	var got, credits int64
	for i := range spends {
		s := &spends[i]
		if s.Result != Let {
			continue
		}
		got += s.Cost
		for len(grants) > 0 && grants[0].Call <= s.Return {
			credits += grants[0].Credits
			grants = grants[1:]
		}
		if most := a.Quota*a.periods(c.base, s.Return) + credits; got > most {
			return []Overdraft{{
				Rule: ruleQuota, Account: a, From: a.Born, To: s.Return, Got: got, Most: most,
				Spends: slices.DeleteFunc(slices.Clone(spends[:i+1]), func(s Spend) bool { return s.Result != Let }),
			}}
		}
	}
	return nil
}

// periods is how many periods of a quota an account has seen by some time.
func (a *Account) periods(base time.Time, at time.Duration) int64 {
	if a.Period != pb.Quota_HOUR {
		return 1
	}
	hour := func(at time.Duration) time.Time { return base.Round(0).Add(at).UTC().Truncate(time.Hour) }
	return int64(hour(at).Sub(hour(a.Born))/time.Hour) + 1
}

// hung is how long a call without an answer took that may have been given up by its
// client while the server went on with it.
const hung = 300 * time.Millisecond

// overrun holds a rate limit to its bound in every window.
//
// A call is let through at a moment between its beginning and its end, so a window has
// surely seen the calls that lie in it as a whole. They come
//
//   - from what is shared. That is whole at most when the window begins, and again
//     whenever it forgets (Postgres that crashes loses its last takes, and Redis all of
//     them); it gains what the rate brings. Together with what replicas held when the
//     window began it is the limit, of a large one 2 % more. What they hold depends on
//     how many replicas each knows of; while one starts that is fewer than there are,
//     which makes it more by a reserve at the most;
//   - from what was granted to calls whose clients had left: another call got it;
//   - of a replica that can't ask, from its own share. That is never more than the
//     whole limit, when it knows of no other replica. What it lets through it pays
//     back when it can ask again. Where nothing is left to pay with, the debt is
//     dropped; then nothing is left to have a share of either, until the rate has
//     brought more. So a process adds the limit once, what comes back to its share, and
//     as much again for shares of what has come back meanwhile.
func (a *Account) overrun(c *circumstances, rule string, spends []Spend) []Overdraft {
	perSecond := float64(a.Rate.Requests) / a.Rate.Period.Seconds()
	for _, from := range starts(spends) {
		var got int64
		var own []int
		most := a.whole() + given(spends, from, a.MostCost)
		for i := range spends {
			s := &spends[i]
			if s.Call < from || s.Result != Let {
				continue
			}
			got += s.Cost
			if s.Degraded && !slices.Contains(own, s.Process) {
				own = append(own, s.Process)
			}
			processes := int64(len(own))
			brought := perSecond * (s.Return - from).Seconds() * float64(1+2*processes)
			bound := most + a.Rate.Burst*(processes+c.lost(from, s.Return)) + int64(brought) + 1
			if got <= bound {
				continue
			}
			return []Overdraft{{
				Rule: rule, Account: a, From: from, To: s.Return, Got: got, Most: bound,
				Spends: slices.DeleteFunc(slices.Clone(spends[:i+1]), func(s Spend) bool { return s.Call < from || s.Result != Let }),
			}}
		}
	}
	return nil
}

// starts are the moments at which a window may begin: a later one sees less, and an
// earlier one no more.
func starts(spends []Spend) []time.Duration {
	var out []time.Duration
	for i := range spends {
		if spends[i].Result == Let {
			out = append(out, spends[i].Call)
		}
	}
	return out
}

// whole is the most that may be let through at once by what is shared, and by what
// replicas hold of it.
func (a *Account) whole() int64 {
	burst := a.Rate.Burst
	switch {
	case a.Exact || burst < 40:
		return burst
	case a.Rate.Requests >= 1000:
		allowance, reserve := burst/50, burst/64+burst/50
		return burst + allowance + reserve
	}
	return burst + max(burst/40, 2)
}

// given is what may have been granted to calls whose clients had left when a window
// began.
func given(spends []Spend, before time.Duration, each int64) (sum int64) {
	for i := range spends {
		if s := &spends[i]; s.Result == Unanswered && s.Call < before && s.Return-s.Call >= hung {
			sum += each
		}
	}
	return sum
}

// lost counts the losses that a window may have seen.
func (c *circumstances) lost(from, to time.Duration) (n int64) {
	for _, l := range c.losses {
		if l.to >= from && l.from <= to {
			n++
		}
	}
	return n
}
