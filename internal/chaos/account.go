package chaos

import (
	"fmt"
	"slices"
	"sync"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// bearer is what limits are set on. The zero bearer is the key.
type bearer uint8

const (
	onKey bearer = iota
	// onUser: two keys of one user spend together.
	onUser
	// onPlan: a subscription's calls spend together.
	onPlan
)

// Terms are limits of one kind of account.
type Terms struct {
	Name string
	on   bearer
	// Quota is what each Period brings; 0 is no quota.
	Quota  int64
	Period pb.Quota_Period
	// Rate bounds how often; the zero Rate does not. Exact is as in storage.RateLimit.
	Rate  access.Rate
	Exact bool
	// MostCost is the most that a call costs.
	MostCost int64
}

// kinds are the accounts that are always there, so that each kind of limit is spent
// throughout a run: of those that replicas hold much of, and of those that they ask
// about for each call.
func kinds() []Terms {
	return []Terms{
		{Name: "a small quota of a key", Quota: 40, Period: pb.Quota_TOTAL, MostCost: 1},
		{Name: "a large quota of a key", Quota: 2000, Period: pb.Quota_TOTAL, MostCost: 12},
		{Name: "a quota of a user", on: onUser, Quota: 400, Period: pb.Quota_HOUR, MostCost: 2},
		{Name: "a quota of a plan", on: onPlan, Quota: 250, Period: pb.Quota_TOTAL, MostCost: 1},
		{Name: "a small rate of a key", Rate: access.Rate{Requests: 40, Period: 10 * time.Second, Burst: 40}, MostCost: 1},
		{Name: "a large rate of a user", on: onUser, Rate: access.Rate{Requests: 4000, Period: 20 * time.Second, Burst: 4000}, MostCost: 30},
		{Name: "an exact rate of a key", Rate: access.Rate{Requests: 100, Period: 10 * time.Second, Burst: 100}, Exact: true, MostCost: 2},
		{
			Name: "a rate and a quota of a key", Rate: access.Rate{Requests: 100, Period: 5 * time.Second, Burst: 100},
			Quota: 130, Period: pb.Quota_TOTAL, MostCost: 2,
		},
	}
}

// limits gives the terms as the contract has them.
func (t *Terms) limits() (rates []*pb.RateLimit, quotas []*pb.Quota) {
	if t.Rate != (access.Rate{}) {
		rates = append(rates, rateToProto(&t.Rate, t.Exact))
	}
	if t.Quota > 0 {
		quotas = append(quotas, &pb.Quota{Name: quotaName, Limit: t.Quota, Period: t.Period})
	}
	return rates, quotas
}

// Result is what a call that costs was answered.
type Result uint8

// The zero Result is that there was no answer about a limit.
const (
	Unanswered Result = iota
	Let
	OverRate
	OverQuota
)

func (r Result) String() string {
	return [...]string{"unanswered", "let through", "over the rate", "over the quota"}[r]
}

// Spend is a call that costs. Times count from the start of the run; what was spent
// was spent between them.
type Spend struct {
	Call, Return             time.Duration
	Client, Replica, Process int
	Cost                     int64
	Result                   Result
	// Degraded is true when a rate limit was decided without what replicas share.
	Degraded bool
}

func (s *Spend) String() string {
	text := fmt.Sprintf("%8.3f %8.3f  client %-2d replica %d process %d  %d %s",
		s.Call.Seconds(), s.Return.Seconds(), s.Client, s.Replica, s.Process, s.Cost, s.Result)
	if s.Degraded {
		text += ", degraded"
	}
	return text
}

// Grant is credits that were granted, or may have been: from Call on they may be
// spent.
type Grant struct {
	Call    time.Duration
	Credits int64
}

// Account is what bears limits, and what was spent of it. Clients share it.
type Account struct {
	*Terms
	// Born is from when it may be spent, and over is when it has nothing more to show.
	Born, over time.Duration
	// secrets are of the keys that spend it, and key is the id of the first.
	secrets []string
	key     string

	mu     sync.Mutex
	spends []Spend
	grants []Grant
}

func (a *Account) spent(s *Spend) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spends = append(a.spends, *s)
}

func (a *Account) granted(g Grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grants = append(a.grants, g)
}

// Spends gives what was spent so far, in the order of answers, and what was granted.
func (a *Account) Spends() ([]Spend, []Grant) {
	a.mu.Lock()
	spends, grants := slices.Clone(a.spends), slices.Clone(a.grants)
	a.mu.Unlock()
	slices.SortStableFunc(spends, func(a, b Spend) int { return int(a.Return - b.Return) })
	slices.SortStableFunc(grants, func(a, b Grant) int { return int(a.Call - b.Call) })
	return spends, grants
}
