package server

import (
	"context"
	"errors"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/storage"
)

// directoryWrite is a call that changes the directory on its way through the
// store: repeatable by request id, audited, and in force when it returns.
type directoryWrite struct {
	service   *Service
	caller    Caller
	requestID string
	dryRun    bool
	request   proto.Message
	// reply is filled by the work, or with the first answer to the request id.
	reply  proto.Message
	action string
	target auditTarget
	// alsoTrail is a second tenant whose trail is to hold the event.
	alsoTrail string
}

// changed is what a work did: the public forms before and after. Both nil mean
// that nothing had to be changed.
type changed struct {
	before, after proto.Message
	note          string
}

// receipt is what a reply says of its write.
type receipt struct {
	note     string
	revision string
}

// run does work in one transaction, once or more.
func (w *directoryWrite) run(ctx context.Context, work func(tx storage.Tx, now time.Time) (changed, error)) (receipt, error) {
	s := w.service
	ctx = withCaller(ctx, w.caller)
	mark, err := fingerprint(w.request)
	if err != nil {
		return receipt{}, err
	}
	var out receipt
	now := s.now().UTC().Truncate(time.Microsecond)
	id := storage.ReplyID{Caller: w.caller.ref(), RequestID: w.requestID}
	revision, err := s.store.Write(ctx, func(tx storage.Tx) error {
		out = receipt{}
		proto.Reset(w.reply)
		done, err := firstReply(tx, id, mark, "requestId", w.reply)
		if done {
			out.note = noteRepeated
		}
		if done || err != nil {
			return err
		}
		did, err := work(tx, now)
		if err != nil {
			return err
		}
		out.note = did.note
		if w.dryRun {
			out.note = noteValidated
			return errDryRun
		}
		if did.before == nil && did.after == nil {
			return nil
		}
		if err := w.record(ctx, tx, now, did); err != nil {
			return err
		}
		return rememberReply(tx, id, mark, storage.Reply{Time: now}, w.reply)
	})
	switch {
	case errors.Is(err, errDryRun):
		return out, nil
	case errors.Is(err, errOutranked), errors.Is(err, errLoosened):
		return receipt{}, s.refuse(ctx, w.caller, methodFrom(ctx), err)
	case err != nil:
		return receipt{}, err //nolint:wrapcheck // the table of faults reads it
	}
	if revision > 0 {
		out.revision = strconv.FormatInt(revision, 10)
		if err := s.settle(ctx, revision); err != nil {
			return out, err
		}
	}
	notePropagation(w.reply, s.propagate(ctx, revision, w.request))
	return out, nil
}

// record writes the audit event, into a second trail too where two tenants are
// concerned.
func (w *directoryWrite) record(ctx context.Context, tx storage.Tx, now time.Time, did changed) error {
	s := w.service
	if err := s.audit(ctx, tx, &w.caller, now, w.action, w.target, did.before, did.after); err != nil {
		return err
	}
	if w.alsoTrail == "" || w.alsoTrail == w.target.TenantID {
		return nil
	}
	other := w.target
	other.TenantID = w.alsoTrail
	return s.audit(ctx, tx, &w.caller, now, w.action, other, did.before, did.after)
}

// confirmed gives the caller as the store knows it now, when it still holds a
// permission.
func (s *Service) confirmed(ctx context.Context, permission string) (Caller, error) {
	caller, err := s.confirm(ctx, callerFrom(ctx))
	if err != nil {
		return Caller{}, err
	}
	if !caller.may(permission) {
		return Caller{}, s.refuse(ctx, caller, methodFrom(ctx), lacks(permission))
	}
	return caller, nil
}

// operator gives the caller when it administers everything.
func (s *Service) operator(ctx context.Context, permission, what string) (Caller, error) {
	caller, err := s.confirmed(ctx, permission)
	if err != nil {
		return Caller{}, err
	}
	if !caller.everywhere() {
		return Caller{}, s.refuse(ctx, caller, methodFrom(ctx), forbidden(
			what+" by the operator alone", "Use the key of an admin of the tenant \"system\"."))
	}
	return caller, nil
}

// tenantOrOwn gives the tenant that a new record is for. Whoever may act
// everywhere must say where.
func (s *Service) tenantOrOwn(ctx context.Context, c *Caller, tenantID, field string) (string, error) {
	if tenantID == "" {
		if c.tenant() == storage.SystemTenant {
			var v violations
			v.add(field, "is required: a caller of the tenant \"system\" must say for which tenant")
			return "", v.err()
		}
		return c.tenant(), nil
	}
	if err := s.reach(withCaller(ctx, *c), tenantID, "tenant"); err != nil {
		return "", err
	}
	t, err := s.store.GetTenant(ctx, tenantID)
	if err != nil {
		return "", namedNotFound(err, "tenant")
	}
	if t.State == storage.TenantDeleted {
		return "", notFound("tenant")
	}
	return tenantID, nil
}

// ownOr gives the tenant that is named, or the caller's own.
func (c *Caller) ownOr(tenantID string) string {
	if tenantID == "" {
		return c.tenant()
	}
	return tenantID
}

// namedNotFound says what was not found, when that is what err says.
func namedNotFound(err error, what string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return notFound(what)
	}
	return err
}

// wantEtag refuses a change to a record that is not the one its caller read.
func wantEtag(given string, version int64) error {
	if given != "" && given != etag(version) {
		return staleEtag()
	}
	return nil
}

// readMask gives the fields to change: those that a mask names, each of which
// must be one of allowed, or without a mask those that are given.
func readMask(v *violations, paths []string, given map[string]bool, form string) map[string]bool {
	out := map[string]bool{}
	for _, p := range paths {
		if _, ok := given[p]; !ok {
			v.add("updateMask", "may only name %s", form)
			return out
		}
		out[p] = true
	}
	if len(paths) == 0 {
		for p, isGiven := range given {
			if isGiven {
				out[p] = true
			}
		}
	}
	if len(out) == 0 {
		v.add("updateMask", "must name what to change: %s", form)
	}
	return out
}

// message is any message of the contract.
type message = proto.Message
