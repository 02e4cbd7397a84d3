package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
)

// errStale: the copy is not there yet, or has grown too old to answer from.
var errStale = errors.New("the in-memory copy is older than the staleness bound")

// Question is what a door asks about a presented credential.
type Question struct {
	Secret     access.Secret
	Permission string
	KeyTenant  string
	ClientIP   netip.Addr
}

// Answer is the verdict with the evidence it rests on. The zero Answer denies.
type Answer struct {
	Verdict    access.Verdict
	Grant      access.Grant
	DecisionID string
	Freshness  mirror.Freshness
}

// Check decides one call from memory. A refusal is an Answer; an error means
// that nothing could be decided, and is never to be taken for either.
func (s *Service) Check(ctx context.Context, q Question) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("before deciding: %w", err)
	}
	fresh := s.keys.Freshness()
	if !fresh.Fresh {
		return Answer{}, unavailable(errStale)
	}
	grant, verdict := s.judge(q)
	id, err := newID(s.random, decisionIDPrefix)
	if err != nil {
		return Answer{}, err
	}
	// The world may have moved while the decision was made, or this process
	// stood still: look again before answering.
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("after deciding: %w", err)
	}
	if !s.keys.Freshness().Fresh {
		return Answer{}, unavailable(errStale)
	}
	return Answer{Verdict: verdict, Grant: grant, DecisionID: id, Freshness: fresh}, nil
}

func (s *Service) judge(q Question) (access.Grant, access.Verdict) {
	var grant access.Grant
	if form := q.Secret.Form(); form == access.WellFormed || form == access.Mistyped {
		grant, _ = s.peppers.Find(q.Secret, s.keys.Lookup)
	}
	return grant, access.Decide(s.now(), grant, access.Request{
		Form:       q.Secret.Form(),
		Permission: q.Permission,
		ClientIP:   q.ClientIP,
		KeyTenant:  q.KeyTenant,
	})
}

// anchor is the fragment that a heading of this text gets.
func anchor(name string) string { return strings.ToLower(name) }
