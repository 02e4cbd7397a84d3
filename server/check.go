package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/keystile/keystile/server/access"
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
	// MinRevision, when positive, is the least revision to decide at.
	MinRevision int64
}

// request gives the question as the decision takes it.
func (q *Question) request() access.Request {
	r := access.Request{
		Form:       q.Secret.Form(),
		Permission: q.Permission,
		ClientIP:   q.ClientIP,
		KeyTenant:  q.KeyTenant,
		Aim:        access.NewAim(q.Tenant, q.API, q.Call),
	}
	if r.Form != access.Missing {
		// Whoever presents a key is judged by it, by the method that is in use.
		r.Aim.Preflight = ""
	}
	return r
}

// Answer is the verdict with the evidence it rests on. The zero Answer denies.
type Answer struct {
	Verdict    access.Verdict
	Grant      access.Grant
	DecisionID string
	Freshness  mirror.Freshness
}

// identified tells whether the answer may say whose key it was, and there is one:
// a preflight is let through without.
func (a *Answer) identified() bool { return a.Verdict.Reason.Identified() && a.Grant.Key != nil }

// Check decides one call from memory, and notes it: an allowed one as a use of
// its key, a refusal so that it can be explained. A refusal is an Answer; an
// error means that nothing could be decided, and is never to be taken for either.
func (s *Service) Check(ctx context.Context, q Question) (Answer, error) {
	if err := s.await(ctx, q.MinRevision); err != nil {
		return Answer{}, err
	}
	now := s.now()
	a, err := s.decide(ctx, &q, now)
	if err != nil {
		return Answer{}, err
	}
	if a.Freshness.Stale {
		s.metrics.stale.Inc()
	}
	switch {
	case !a.identified():
	case a.Verdict.Allowed():
		s.usage.note(a.Grant.Key, &a.Grant.Key.Secrets[a.Grant.SecretIndex].Digest, now)
	default:
		s.decisions.note(newDecision(&a, &q, now))
	}
	return a, nil
}

// await waits, for no longer than a check may take, until the copy shows a revision.
// It comes before everything else: the clock, the lease and the records are looked at
// after it.
func (s *Service) await(ctx context.Context, revision int64) error {
	if revision <= 0 || s.keys.Freshness().Revision >= revision {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := s.keys.Await(ctx, revision); err != nil {
		return unavailable(errBehind)
	}
	return nil
}

// decide decides without noting anything.
func (s *Service) decide(ctx context.Context, q *Question, now time.Time) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("before deciding: %w", err)
	}
	fresh := s.keys.Freshness()
	if !fresh.Fresh {
		return Answer{}, unavailable(errStale)
	}
	if fresh.Revision < q.MinRevision {
		return Answer{}, unavailable(errBehind)
	}
	grant, verdict := s.judge(q, now)
	id, err := newID(&s.drawn, decisionIDPrefix)
	if err != nil {
		return Answer{}, err
	}
	// The lease was looked at after the question had come, and the copy after that:
	// if this process stood still since, the answer is late, but no later question
	// is answered by it. What may have ended is the caller's patience.
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("after deciding: %w", err)
	}
	return Answer{Verdict: verdict, Grant: grant, DecisionID: id, Freshness: fresh}, nil
}

func (s *Service) judge(q *Question, now time.Time) (access.Grant, access.Verdict) {
	req := q.request()
	var grant access.Grant
	switch {
	case req.Aim.Preflight != "":
		grant.Target = s.keys.LookupTarget(&req.Aim)
	case req.Form == access.WellFormed || req.Form == access.Mistyped:
		grant, _ = s.peppers.Find(q.Secret, func(d storage.Digest) (access.Grant, bool) { return s.keys.Lookup(d, &req.Aim) })
	}
	return grant, access.Decide(now, grant, req)
}

// anchor is the fragment that a heading of this text gets.
func anchor(name string) string { return strings.ToLower(name) }
