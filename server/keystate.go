package server

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// revokeKey ends a key for good.
type revokeKey struct{ req *pb.RevokeKey }

func (o revokeKey) call() callOptions {
	return callOptions{
		requestID: o.req.GetRequestId(), etag: o.req.GetEtag(), validateOnly: o.req.GetValidateOnly(),
	}
}

func (o revokeKey) yields() bool { return false }

func (o revokeKey) validate(v *violations, _ time.Time) {
	v.id("id", o.req.GetId(), validKeyID, keyIDForm)
	v.text("note", o.req.GetNote(), maxNote)
	if _, known := pb.Key_RevokeReason_name[int32(o.req.GetReason())]; !known {
		v.add("reason", "must be KEY_COMPROMISE, CESSATION_OF_OPERATION, SUPERSEDED or PRIVILEGE_WITHDRAWN")
	}
}

func (o revokeKey) subject(ctx context.Context, s *Service, _ *Caller) (subject, error) {
	return existingSubject(ctx, s, o.req.GetId())
}

func (o revokeKey) apply(w *keyWork, before *storage.Key) (result, error) {
	if before.State == storage.KeyRevoked {
		return result{key: before, note: "the key was revoked before; that revocation stands"}, nil
	}
	after := copyKey(before)
	after.State = storage.KeyRevoked
	after.RevokeTime = w.now
	after.RevokeNote = o.req.GetNote()
	if r := o.req.GetReason(); r != pb.Key_REVOKE_REASON_UNSPECIFIED {
		after.RevokeReason = storage.RevokeReason(r.String())
	}
	return result{key: after, changed: true}, nil
}

// disableKey switches a key off.
type disableKey struct{ req *pb.DisableKey }

func (o disableKey) call() callOptions {
	return callOptions{
		requestID: o.req.GetRequestId(), etag: o.req.GetEtag(), validateOnly: o.req.GetValidateOnly(),
	}
}

func (o disableKey) yields() bool { return false }

func (o disableKey) validate(v *violations, _ time.Time) {
	v.id("id", o.req.GetId(), validKeyID, keyIDForm)
}

func (o disableKey) subject(ctx context.Context, s *Service, _ *Caller) (subject, error) {
	return existingSubject(ctx, s, o.req.GetId())
}

func (o disableKey) apply(_ *keyWork, before *storage.Key) (result, error) {
	return switchState(before, storage.KeyDisabled, "disabled")
}

// enableKey switches a key on.
type enableKey struct{ req *pb.EnableKey }

func (o enableKey) call() callOptions {
	return callOptions{
		requestID: o.req.GetRequestId(), etag: o.req.GetEtag(), validateOnly: o.req.GetValidateOnly(),
	}
}

func (o enableKey) yields() bool { return true }

func (o enableKey) validate(v *violations, _ time.Time) {
	v.id("id", o.req.GetId(), validKeyID, keyIDForm)
}

func (o enableKey) subject(ctx context.Context, s *Service, _ *Caller) (subject, error) {
	return existingSubject(ctx, s, o.req.GetId())
}

func (o enableKey) apply(_ *keyWork, before *storage.Key) (result, error) {
	return switchState(before, storage.KeyActive, "enabled")
}

// switchState moves a key between active and disabled.
func switchState(before *storage.Key, to storage.KeyState, what string) (result, error) {
	if err := notRevoked(before, what); err != nil {
		return result{}, err
	}
	if before.State == to {
		return result{key: before, note: "the key was " + what + " already"}, nil
	}
	after := copyKey(before)
	after.State = to
	return result{key: after, changed: true}, nil
}

// deleteKey takes a key out of use; its record stays.
type deleteKey struct{ req *pb.DeleteKey }

func (o deleteKey) call() callOptions {
	return callOptions{
		requestID: o.req.GetRequestId(), etag: o.req.GetEtag(), validateOnly: o.req.GetValidateOnly(),
	}
}

func (o deleteKey) yields() bool { return false }

func (o deleteKey) validate(v *violations, _ time.Time) {
	v.id("id", o.req.GetId(), validKeyID, keyIDForm)
}

func (o deleteKey) subject(ctx context.Context, s *Service, _ *Caller) (subject, error) {
	return existingSubject(ctx, s, o.req.GetId())
}

func (o deleteKey) apply(w *keyWork, before *storage.Key) (result, error) {
	after := copyKey(before)
	after.DeleteTime = w.now
	return result{key: after, changed: true}, nil
}
