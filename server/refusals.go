package server

import (
	"context"
	"sync"
	"time"

	"github.com/keystile/keystile/storage"
)

// The bounds of what waits to be written about refused calls, and how often it
// is written.
const (
	maxRefusals    = 4096
	refusalsFlush  = time.Second
	refusalsWindow = time.Minute
)

// refusal is one kind of refused call. Calls of one kind inside a minute are
// one audit event with a count.
type refusal struct {
	actor  storage.UserRef
	keyID  string
	method string
	reason string
	minute time.Time
}

// refused is what is known of a kind of refused calls beyond its name.
type refused struct {
	count     int64
	first     time.Time
	source    string
	requestID string
	// told is true once the first of the kind has been written, so that the
	// trail shows a refusal soon and the rest at the minute's end.
	told bool
}

// refusals holds what waits to be written, bounded: a flood costs memory and
// store no more than a trickle.
type refusals struct {
	mu      sync.Mutex
	waiting map[refusal]*refused
}

func newRefusals() *refusals {
	return &refusals{waiting: make(map[refusal]*refused)}
}

// note counts a refused call; false when there was no room for another kind.
func (r *refusals) note(now time.Time, c Caller, method, reason, requestID string) bool {
	kind := refusal{actor: c.ref(), method: method, reason: reason, minute: now.UTC().Truncate(refusalsWindow)}
	if c.Grant.Key != nil {
		kind.keyID = c.Grant.Key.ID
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	have := r.waiting[kind]
	if have == nil {
		if len(r.waiting) >= maxRefusals {
			return false
		}
		have = &refused{first: now, requestID: requestID}
		if c.Source.IsValid() {
			have.source = c.Source.String()
		}
		r.waiting[kind] = have
	}
	have.count++
	return true
}

// due takes out what is to be written now: the first of each kind at once, the
// rest when their minute is over, everything when all is asked for.
func (r *refusals) due(now time.Time, all bool) map[refusal]refused {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[refusal]refused)
	for kind, have := range r.waiting {
		over := all || now.Sub(kind.minute) >= refusalsWindow
		if have.count > 0 && (over || !have.told) {
			out[kind] = *have
			have.count, have.told = 0, true
		}
		if over {
			delete(r.waiting, kind)
		}
	}
	return out
}

// restore puts back what could not be written.
func (r *refusals) restore(lost map[refusal]refused) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for kind, was := range lost {
		have := r.waiting[kind]
		if have == nil {
			if len(r.waiting) >= maxRefusals {
				continue
			}
			r.waiting[kind] = &was
			continue
		}
		have.count += was.count
		have.told = was.told
	}
}

func (s *Service) flushRefusals(ctx context.Context, all bool) {
	due := s.refusals.due(s.now(), all)
	if len(due) == 0 {
		return
	}
	_, err := s.store.Write(ctx, func(tx storage.Tx) error {
		for kind, what := range due {
			event, err := refusalEvent(kind, what)
			if err != nil {
				return err
			}
			tx.Audit(kind.actor.TenantID, what.first, event)
		}
		return nil
	})
	if err != nil {
		s.refusals.restore(due)
		s.log.WarnContext(ctx, "refused calls wait to be written to the audit trail", "kinds", len(due), "error", err)
	}
}
