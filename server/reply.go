package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// fingerprint tells one request from another.
func fingerprint(req proto.Message) (storage.Digest, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(req)
	if err != nil {
		return storage.Digest{}, fmt.Errorf("encoding the request: %w", err)
	}
	return sha256.Sum256(append([]byte(req.ProtoReflect().Descriptor().FullName()+"\x00"), raw...)), nil
}

// firstReply reads what was answered to a request id before; false when it is
// new. The same id on another request is a fault of the request.
func firstReply(tx storage.Tx, id storage.ReplyID, mark storage.Digest, field string, into proto.Message) (bool, error) {
	if id.RequestID == "" {
		return false, nil
	}
	reply, err := tx.GetReply(id)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the first reply: %w", err)
	}
	if reply.Fingerprint != mark {
		var v violations
		v.add(field, "was used for another request in the last 24 hours; choose a new one")
		return false, v.err()
	}
	if err := proto.Unmarshal(reply.Body, into); err != nil {
		return false, fmt.Errorf("decoding the first reply: %w", err)
	}
	return true, nil
}

// rememberReply keeps an answer, which must not hold a secret yet.
func rememberReply(tx storage.Tx, id storage.ReplyID, mark storage.Digest, now storage.Reply, out proto.Message) error {
	if id.RequestID == "" {
		return nil
	}
	body, err := proto.Marshal(out)
	if err != nil {
		return fmt.Errorf("encoding the reply: %w", err)
	}
	now.Fingerprint, now.Body = mark, body
	if err := tx.PutReply(id, now); err != nil {
		return fmt.Errorf("remembering the reply: %w", err)
	}
	return nil
}

// repeated answers a call that was made before.
func (m *managedWrite) repeated(tx storage.Tx, o callOptions) (bool, error) {
	out := &pb.ManageKeyResponse{}
	done, err := firstReply(tx, m.replyID(o), m.fingerprint, "requestId", out)
	if done {
		out.Note = noteRepeated
		m.out = out
	}
	return done, err
}

func (m *managedWrite) replyID(o callOptions) storage.ReplyID {
	return storage.ReplyID{Caller: m.caller.ref(), RequestID: o.requestID}
}

// finish makes the answer, and writes what goes with a change: the audit event
// and the remembered reply.
func (m *managedWrite) finish(ctx context.Context, tx storage.Tx, o callOptions, before *storage.Key, r result) error {
	m.out = &pb.ManageKeyResponse{Key: keyToProto(r.key, m.now), Note: r.note}
	if o.validateOnly {
		if before == nil {
			m.out.Key.Id, m.out.Key.CurrentSecret = "", nil
		}
		m.out.Note = noteValidated
		return errDryRun
	}
	m.secret = r.secret
	if r.changed {
		var was *pb.Key
		if before != nil {
			was = keyToProto(before, m.now)
		}
		target := auditTarget{Kind: "key", TenantID: r.key.TenantID, ID: r.key.ID}
		if err := m.service.audit(ctx, tx, &m.caller, m.now, m.action, target, was, m.out.GetKey()); err != nil {
			return err
		}
	}
	return rememberReply(tx, m.replyID(o), m.fingerprint, storage.Reply{Time: m.now}, m.out)
}

// notePast adds to the audit trail that a caller tried for more than it holds.
func (m *managedWrite) notePast(ctx context.Context, err error) error {
	if errors.Is(err, errOutranked) || errors.Is(err, errLoosened) {
		return m.service.refuse(ctx, m.caller, methodFrom(ctx), err)
	}
	return err
}
