package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// Keys is what the Service needs of the in-memory copy.
type Keys interface {
	// Lookup gives the evidence about the key that a digest belongs to,
	// and about what an aim leads to, as of one moment.
	// The records lie in room; when there is no such key, g is zero.
	Lookup(digest *storage.Digest, aim *access.Aim, room *mirror.Room, g *access.Grant) bool
	// LookupID does so for a key by its id.
	LookupID(keyID string, aim *access.Aim) (access.Grant, bool)
	// LookupTarget gives what an aim leads to, for a call without a key.
	LookupTarget(aim *access.Aim) access.Target
	// FreshnessAt tells how old the copy is at a moment, since which the question is
	// there that is answered from it.
	FreshnessAt(now time.Time) mirror.Freshness
	// CatchUp waits until the copy shows a revision, or ctx ends.
	CatchUp(ctx context.Context, revision int64) error
	// Await does so without asking the store for it.
	Await(ctx context.Context, revision int64) error
	// Refresh brings the copy up to the store's present, and gives its revision.
	Refresh(ctx context.Context) (revision int64, err error)
	// Confirm waits until every other replica has applied a revision that this
	// one has, but no longer than wait, and gives those that have not.
	Confirm(ctx context.Context, revision int64, wait time.Duration) ([]mirror.Straggler, error)
}

// CheckAuth says who may ask the check doors.
type CheckAuth string

// Who may ask. The zero value is CheckAuthKey.
const (
	// CheckAuthNone lets everybody ask: who asks about a secret holds it.
	CheckAuthNone CheckAuth = "none"
	// CheckAuthKey wants a caller's key that holds keystile.keys.check.
	CheckAuthKey CheckAuth = "key"
	// CheckAuthMTLS wants a verified client certificate.
	CheckAuthMTLS CheckAuth = "mtls"
)

// Options are what a Service is made of. Store, Keys, Random, Now and Logger
// are required.
type Options struct {
	Store     storage.Store
	Keys      Keys
	Peppers   access.Peppers
	CheckAuth CheckAuth
	// Random is a cryptographic source, safe for concurrent use.
	Random io.Reader
	// Now is the clock, with a monotonic reading.
	Now    func() time.Time
	Logger *slog.Logger
	// DocumentationURL is what links to reasons begin with; empty is the page
	// in the project's repository.
	DocumentationURL string
	// PurgeRetention is the least time for which deleted records are kept; zero
	// is 30 days.
	PurgeRetention time.Duration
	// DecisionRetention is for how long refusals are kept in the store; zero is 24
	// hours.
	DecisionRetention time.Duration
	// PropagationTimeout is how long a write waits until all replicas decide by it;
	// zero is 2 s.
	PropagationTimeout time.Duration
	// Limits decide about rate limits and quotas; nil is by this process alone, where
	// no quota can be decided.
	Limits Limits
	// Gateway says how the questions of gateways are read and answered.
	Gateway gateway.Options
	// Metrics counts; nil counts nowhere.
	Metrics *Metrics
}

// defaultDocumentationURL is where the reasons are explained.
const defaultDocumentationURL = "https://github.com/keystile/keystile/blob/main/docs/errors.md"

// Service is what all doors lead to. It has no state of its own beside the
// refusals that wait to be written to the audit trail.
type Service struct {
	store     storage.Store
	keys      Keys
	peppers   access.Peppers
	checkAuth CheckAuth
	random    io.Reader
	now       func() time.Time
	log       *slog.Logger
	docs      string
	links     [256]string
	// allowedHead is what every answer that allows begins with.
	allowedHead []byte
	gateway     gateway.Options
	metrics     *Metrics
	refusals    *refusals
	decisions   *decisions
	usage       *usage
	limits      Limits

	decisionIDs, requestIDs ids
	// answers and batches are rooms for the next checks.
	answers, batches sync.Pool
	rooms            rooms

	purgeRetention, decisionRetention, propagationTimeout time.Duration
}

// NewService makes a Service; call Run for its background work.
func NewService(o Options) (*Service, error) {
	if o.Store == nil || o.Keys == nil || o.Random == nil || o.Now == nil || o.Logger == nil {
		return nil, errors.New("server: a required option is missing")
	}
	if o.DocumentationURL == "" {
		o.DocumentationURL = defaultDocumentationURL
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.PurgeRetention <= 0 {
		o.PurgeRetention = 30 * 24 * time.Hour
	}
	if o.DecisionRetention <= 0 {
		o.DecisionRetention = 24 * time.Hour
	}
	if o.Limits == nil {
		o.Limits = limits.New(limits.Options{Now: o.Now})
	}
	if o.PropagationTimeout <= 0 {
		o.PropagationTimeout = defaultPropagationTimeout
	}
	s := &Service{
		store:     o.Store,
		keys:      o.Keys,
		peppers:   o.Peppers,
		checkAuth: o.CheckAuth,
		random:    o.Random,
		now:       o.Now,
		log:       o.Logger,
		docs:      o.DocumentationURL,
		links:     linksTo(o.DocumentationURL),
		gateway:   o.Gateway,
		metrics:   o.Metrics,
		refusals:  newRefusals(),
		decisions: newDecisions(),
		usage:     newUsage(),
		limits:    o.Limits,

		decisionIDs: ids{random: o.Random, prefix: decisionIDPrefix},
		requestIDs:  ids{random: o.Random, prefix: requestIDPrefix},

		purgeRetention: o.PurgeRetention, decisionRetention: o.DecisionRetention,
		propagationTimeout: o.PropagationTimeout,
	}
	var err error
	s.allowedHead, err = s.encodeAllowedHead()
	return s, err
}

// documentation links to a reason's section.
func (s *Service) documentation(r access.Reason) string {
	if link := s.links[r]; link != "" {
		return link
	}
	return s.docs + "#" + anchor(r.String())
}

// linksTo makes the links to all reasons' sections.
func linksTo(docs string) (links [256]string) {
	for _, e := range access.Entries() {
		links[e.Reason] = docs + "#" + anchor(e.Name)
	}
	return links
}
