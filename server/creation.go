package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/keystile/keystile/storage"
)

// creation is a call that adds a record of the directory on its way through
// the store: repeatable by request id, audited, and in force when it returns.
type creation struct {
	service   *Service
	caller    Caller
	requestID string
	dryRun    bool
	request   proto.Message
	// reply is filled by the work, or with the first answer to the request id.
	reply  proto.Message
	action string
	target auditTarget
}

// run does work in one transaction; work gives the new record's public form.
// What it returns is the note to put into the reply.
func (c *creation) run(ctx context.Context, work func(tx storage.Tx, now time.Time) (proto.Message, error)) (string, error) {
	s := c.service
	mark, err := fingerprint(c.request)
	if err != nil {
		return "", err
	}
	note := ""
	now := s.now().UTC().Truncate(time.Microsecond)
	id := storage.ReplyID{Caller: c.caller.ref(), RequestID: c.requestID}
	revision, err := s.store.Write(ctx, func(tx storage.Tx) error {
		note = ""
		proto.Reset(c.reply)
		done, err := firstReply(tx, id, mark, "requestId", c.reply)
		if done {
			note = noteRepeated
		}
		if done || err != nil {
			return err
		}
		after, err := work(tx, now)
		if err != nil {
			return err
		}
		if c.dryRun {
			note = noteValidated
			return errDryRun
		}
		if err := s.audit(ctx, tx, &c.caller, now, c.action, c.target, nil, after); err != nil {
			return err
		}
		return rememberReply(tx, id, mark, storage.Reply{Time: now}, c.reply)
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return "", err //nolint:wrapcheck // the table of faults reads it
	}
	if revision > 0 {
		return note, s.settle(ctx, revision)
	}
	return note, nil
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
	if _, err := s.store.GetTenant(ctx, tenantID); err != nil {
		return "", namedNotFound(err, "tenant")
	}
	return tenantID, nil
}

// namedNotFound says what was not found, when that is what err says.
func namedNotFound(err error, what string) error {
	if errors.Is(err, storage.ErrNotFound) {
		return notFound(what)
	}
	return err
}
