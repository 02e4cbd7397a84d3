package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// How spenders behave.
const (
	// spendPatience is how long a call that costs may take, and spendThinking the
	// longest that a spender does nothing.
	spendPatience = 400 * time.Millisecond
	spendThinking = 5 * time.Millisecond
	// accountAge is the most for which an account is spent, and shift is how long a
	// replica gets most of an account's calls.
	accountAge = 14 * time.Second
	shift      = 1500 * time.Millisecond
	// grantOdds is one grant in so many calls.
	grantOdds = 250
)

// book is every account of a run, and what was seen of their limits.
type book struct {
	kinds []Terms
	// born counts accounts, to name them.
	born atomic.Int64

	mu sync.Mutex
	// all are those that ever were, and hot those that are spent, one of each kind.
	all []*Account
	hot []*Account
	// taken are the kinds of which an account is being made.
	taken []bool
	seen  []sightings
	// grants and unclear count grants with an answer and without.
	grants, unclear int
}

// sightings count what calls were answered by the limits of one kind.
type sightings struct{ let, overRate, overQuota, degraded, unanswered int }

func newBook() *book {
	k := kinds()
	return &book{kinds: k, hot: make([]*Account, len(k)), taken: make([]bool, len(k)), seen: make([]sightings, len(k))}
}

// accounts gives those that may have changed since a time.
func (b *book) accounts(since time.Duration) []*Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []*Account
	for _, a := range b.all {
		if a.over+accountAge >= since {
			out = append(out, a)
		}
	}
	return out
}

// overdrafts judges the accounts that may have changed since a time.
func (b *book) overdrafts(c *circumstances, since time.Duration) (out []Overdraft) {
	for _, a := range b.accounts(since) {
		out = append(out, a.overdrafts(c)...)
	}
	return out
}

// account gives the account of a kind, nil while there is none. The place is vacant to
// one spender at a time.
func (b *book) account(kind int, now time.Duration) (a *Account, vacant bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken[kind] {
		return nil, false
	}
	if a = b.hot[kind]; a != nil && now < a.over {
		return a, false
	}
	b.taken[kind] = true
	return nil, true
}

// settleIn gives a place a new account; nil leaves it vacant.
func (b *book) settleIn(kind int, a *Account) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hot[kind], b.taken[kind] = a, false
	if a != nil {
		b.all = append(b.all, a)
	}
}

// note counts what a call to an account of a kind was answered.
func (b *book) note(kind int, s *Spend) {
	b.mu.Lock()
	defer b.mu.Unlock()
	seen := &b.seen[kind]
	switch s.Result {
	case Let:
		seen.let++
	case OverRate:
		seen.overRate++
	case OverQuota:
		seen.overQuota++
	case Unanswered:
		seen.unanswered++
	}
	if s.Degraded {
		seen.degraded++
	}
}

// summary says what was spent.
func (b *book) summary() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out strings.Builder
	for i, seen := range b.seen {
		fmt.Fprintf(&out, "%s: %d let through, %d over the rate, %d over the quota, %d degraded, %d unanswered\n",
			b.kinds[i].Name, seen.let, seen.overRate, seen.overQuota, seen.degraded, seen.unanswered)
	}
	fmt.Fprintf(&out, "%d accounts, %d grants and %d without an answer\n", len(b.all), b.grants, b.unclear)
	return out.String()
}

// eventfulRates wants rate limits of each kind to have been spent, and spent up, and
// replicas to have been without what they share.
func (b *book) eventfulRates() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	degraded := 0
	for i, seen := range b.seen {
		if b.kinds[i].Rate.Requests > 0 && (seen.let < 20 || seen.overRate == 0) {
			return fmt.Errorf("%s: too little came to something", b.kinds[i].Name)
		}
		degraded += seen.degraded
	}
	if degraded == 0 {
		return errors.New("no replica has decided a rate limit by itself")
	}
	return nil
}

// eventfulQuotas wants quotas of each kind to have been spent, and spent up, and credits
// to have been granted.
func (b *book) eventfulQuotas() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, seen := range b.seen {
		if b.kinds[i].Quota > 0 && (seen.let < 20 || seen.overQuota == 0) {
			return fmt.Errorf("%s: too little came to something", b.kinds[i].Name)
		}
	}
	if b.grants == 0 {
		return errors.New("no credits were granted")
	}
	return nil
}

// spender is a client that makes calls that cost.
type spender struct {
	*clients
	name   int
	random *rand.Rand
}

// work goes on until ctx ends.
func (s *spender) work(ctx context.Context) {
	for ctx.Err() == nil {
		s.once(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(between(s.random, 0, spendThinking)):
		}
	}
}

func (s *spender) once(ctx context.Context) {
	kind := s.random.IntN(len(s.book.kinds))
	a, vacant := s.book.account(kind, s.since())
	switch {
	case vacant:
		a := s.open(ctx, &s.book.kinds[kind])
		if a != nil {
			a.over = a.Born + between(s.random, accountAge/2, accountAge)
		}
		s.book.settleIn(kind, a)
	case a == nil:
	case a.Quota > 0 && a.on == onKey && s.random.IntN(grantOdds) == 0:
		s.grant(ctx, a)
	default:
		spend := s.spend(ctx, a, s.prefer(kind), 1+s.random.Int64N(a.MostCost))
		s.book.note(kind, &spend)
	}
}

// prefer draws a replica: of each kind of account one gets most calls, and after a
// while another.
func (s *spender) prefer(kind int) int {
	if s.random.IntN(4) == 0 {
		return s.random.IntN(replicas)
	}
	return (kind + int(s.since()/shift)) % replicas
}

// spend makes a call that costs, and keeps what came of it, if that says anything of
// limits.
func (s *spender) spend(ctx context.Context, a *Account, replica int, cost int64) Spend {
	p := s.group.process(replica)
	out := Spend{Client: s.name, Replica: replica, Process: p.number, Cost: cost}
	call, cancel := context.WithTimeout(ctx, spendPatience)
	defer cancel()
	request := &pb.CheckKeyRequest{Key: a.secrets[s.random.IntN(len(a.secrets))], Cost: new(int32(cost))} //nolint:gosec // MostCost is less
	if a.on == onPlan {
		request.ApiId = apiID
	}
	out.Call = s.since()
	answer, err := p.keys.CheckKey(call, request)
	out.Return = s.since()
	switch code := status.Code(err); {
	case err != nil && code != codes.Unavailable && code != codes.DeadlineExceeded && code != codes.Canceled:
		s.tally.odd.Add(1)
		s.config.Log("a call that costs, to replica %d: %v", replica, err)
	case err != nil:
	case answer.GetAllowed():
		out.Result = Let
	case answer.GetReason() == pb.Verdict_RATE_LIMITED:
		out.Result = OverRate
	case answer.GetReason() == pb.Verdict_QUOTA_EXCEEDED:
		out.Result = OverQuota
	}
	out.Degraded = answer.GetLimit().GetDegraded()
	if out.Result != Unanswered || out.Return-out.Call >= hung {
		a.spent(&out)
	}
	return out
}

// grant grants credits to an account's own quota.
func (s *spender) grant(ctx context.Context, a *Account) {
	g := Grant{Call: s.since(), Credits: 1 + s.random.Int64N(a.Quota/5)}
	// It is kept first: from here on it may be spent.
	a.granted(g)
	call, cancel := context.WithTimeout(s.group.asRoot(ctx), 2*time.Second)
	defer cancel()
	var from peer.Peer
	_, err := s.group.process(s.random.IntN(replicas)).keys.GrantKeyCredits(call, &pb.GrantKeyCreditsRequest{
		Id: a.key, Quota: quotaName, Credits: g.Credits, RequestId: fmt.Sprintf("grant-%d", s.requests.Add(1)),
	}, grpc.Peer(&from))
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	switch {
	case err == nil:
		s.book.grants++
	case unreached(err, &from):
		a.unsent(g)
	default:
		s.book.unclear++
	}
}

// unsent forgets a grant that has surely not been made.
func (a *Account) unsent(g Grant) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.grants {
		if a.grants[i] == g {
			a.grants = append(a.grants[:i], a.grants[i+1:]...)
			return
		}
	}
}
