package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// errStale: the copy is not there yet, or has grown too old to answer from.
var errStale = errors.New("the in-memory copy is older than the staleness bound")

// errBehind: the copy did not reach the revision that was asked for.
var errBehind = errors.New("the in-memory copy has not reached the revision that the check asks for")

// Question is what a door asks about a presented credential.
type Question struct {
	Secret     access.Secret
	Permission string
	KeyTenant  string
	ClientIP   netip.Addr
	// Tenant says whose APIs are matched, API which one is called, and Call is
	// the call itself; any of them may be left out.
	Tenant string
	API    storage.APIRef
	Call   *access.HTTPCall
	// Cost is what the call takes from limits: 0 is 1, as for most calls, and OnlyLook
	// nothing.
	Cost int64
	// MinRevision, when positive, is the least revision to decide at.
	MinRevision int64
}

// request gives the question as the decision takes it.
func (q *Question) request(r *access.Request) {
	r.Aim = access.NewAim(q.Tenant, q.API, q.Call)
	q.about(r)
}

// about says of whom it is asked, beside the aim.
func (q *Question) about(r *access.Request) {
	r.Form, r.Permission, r.ClientIP, r.KeyTenant = q.Secret.Form(), q.Permission, q.ClientIP, q.KeyTenant
	if r.Form != access.Missing {
		// Whoever presents a key is judged by it, by the method that is in use.
		r.Aim.Preflight = ""
	}
}

// sameAim tells whether two questions are about the same, whoever asks. Preflights
// are no such questions: what they are about goes by who asks.
func (q *Question) sameAim(other *Question) bool {
	return q.Call != nil && other.Call != nil && *q.Call == *other.Call && q.Call.Preflight == "" &&
		q.Tenant == other.Tenant && q.API == other.API
}

// Answer is the verdict with the evidence it rests on. The zero Answer denies.
type Answer struct {
	Verdict    access.Verdict
	Grant      access.Grant
	DecisionID string
	Freshness  mirror.Freshness
	// Limit is the limit that refused, or else the tightest of those that apply; its
	// Subject is zero when none does.
	Limit limits.State

	// What was decided about, and where the Grant's records lie, have their place
	// here, so that a check takes no memory of its own.
	asked    asked
	request  access.Request
	digester access.Digester
	room     mirror.Room
	rights   []string
	applied  [limits.MaxApplied]limits.Applied
	// again is true when the question's aim is that of the question before, which was
	// answered in this room.
	again bool
}

// newAnswer gives room for an answer. Who has done with it, and with the records
// that it leads to, releases it.
func (s *Service) newAnswer() *Answer {
	if a, ok := s.answers.Get().(*Answer); ok {
		return a
	}
	return &Answer{}
}

// release gives an answer's room to the next check. What it said is gone.
func (s *Service) release(a *Answer) {
	a.Verdict, a.Grant, a.again = access.Verdict{}, access.Grant{}, false
	a.asked.Secret = access.Secret{}
	a.room.Ask(false)
	s.answers.Put(a)
}

// identified tells whether the answer may say whose key it was, and there is one:
// a preflight is let through without.
func (a *Answer) identified() bool { return a.Verdict.Reason.Identified() && a.Grant.Key != nil }

// Check decides one call from memory, and notes it: an allowed one as a use of
// its key, a refusal so that it can be explained. A refusal is an answer; an
// error means that nothing could be decided, and is never to be taken for either:
// a says nothing then.
func (s *Service) Check(ctx context.Context, q *Question, a *Answer) error {
	if err := s.await(ctx, q.MinRevision); err != nil {
		return err
	}
	now := s.now()
	fresh, err := s.freshEnough(ctx, now, q.MinRevision)
	if err != nil {
		return err
	}
	return s.checkAt(ctx, q, now, fresh, a)
}

// checkAt does so at a moment since the question came, when the copy was fresh.
func (s *Service) checkAt(ctx context.Context, q *Question, now time.Time, fresh mirror.Freshness, a *Answer) error {
	if err := s.decide(ctx, q, now, fresh, a); err != nil {
		return err
	}
	if err := s.takeLimits(ctx, q, now, a); err != nil {
		return err
	}
	if a.Freshness.Stale {
		s.metrics.stale.Inc()
	}
	switch {
	case !a.identified():
	case a.Verdict.Allowed():
		s.usage.note(&a.Grant.Key.Secrets[a.Grant.SecretIndex].Digest, now)
	default:
		s.decisions.note(newDecision(a, q, now))
	}
	return nil
}

// await waits, for no longer than a check may take, until the copy shows a revision.
// It comes before everything else: the clock, the lease and the records are looked at
// after it.
func (s *Service) await(ctx context.Context, revision int64) error {
	if revision <= 0 || s.keys.FreshnessAt(s.now()).Revision >= revision {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := s.keys.Await(ctx, revision); err != nil {
		return unavailable(errBehind)
	}
	return nil
}

// freshEnough looks at the lease: whether the copy may be answered from at a moment,
// and shows a revision.
func (s *Service) freshEnough(ctx context.Context, now time.Time, revision int64) (mirror.Freshness, error) {
	if err := ctx.Err(); err != nil {
		return mirror.Freshness{}, fmt.Errorf("before deciding: %w", err)
	}
	fresh := s.keys.FreshnessAt(now)
	if !fresh.Fresh {
		return mirror.Freshness{}, unavailable(errStale)
	}
	if fresh.Revision < revision {
		return mirror.Freshness{}, unavailable(errBehind)
	}
	return fresh, nil
}

// decide decides without noting anything.
func (s *Service) decide(ctx context.Context, q *Question, now time.Time, fresh mirror.Freshness, a *Answer) error {
	a.Verdict, a.Grant, a.Freshness = access.Verdict{}, access.Grant{}, fresh
	id, err := s.decisionIDs.next()
	if err != nil {
		return err
	}
	a.DecisionID = id
	verdict := s.judge(q, now, a)
	// The lease was looked at as of a moment after the question had come, and the copy
	// after that: if this process stood still since, the answer is late, but no later
	// question is answered by it. What may have ended is the caller's patience.
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("after deciding: %w", err)
	}
	a.Verdict = verdict
	return nil
}

func (s *Service) judge(q *Question, now time.Time, a *Answer) access.Verdict {
	req := &a.request
	if a.again {
		q.about(req)
	} else {
		q.request(req)
	}
	a.room.Ask(a.again)
	switch {
	case req.Aim.Preflight != "":
		a.Grant.Target = s.keys.LookupTarget(&req.Aim)
	case req.Form == access.WellFormed || req.Form == access.Mistyped:
		s.find(&a.digester, q.Secret, &req.Aim, &a.room, &a.Grant)
	}
	return access.Decide(now, &a.Grant, req)
}

// find looks up whose secret it is, and what an aim leads to.
func (s *Service) find(d *access.Digester, secret access.Secret, aim *access.Aim, room *mirror.Room, g *access.Grant) {
	s.peppers.Find(d, secret, g, func(d *storage.Digest) bool { return s.keys.Lookup(d, aim, room, g) })
}

// anchor is the fragment that a heading of this text gets.
func anchor(name string) string { return strings.ToLower(name) }
