package server

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// The outcomes an audit event records, as keystile.v1.AuditEvent names them.
const (
	outcomeDone    = "DONE"
	outcomeRefused = "REFUSED"
)

// auditRecord is the payload of an audit event. Its JSON is what the chain
// hashes, so its names must not change.
type auditRecord struct {
	Actor         auditActor      `json:"actor"`
	Action        string          `json:"action"`
	Target        auditTarget     `json:"target"`
	Outcome       string          `json:"outcome"`
	Reason        string          `json:"reason,omitempty"`
	Count         int64           `json:"count"`
	SourceAddress string          `json:"sourceAddress,omitempty"`
	RequestID     string          `json:"requestId,omitempty"`
	Before        json.RawMessage `json:"before,omitempty"`
	After         json.RawMessage `json:"after,omitempty"`
}

type auditActor struct {
	TenantID string `json:"tenantId"`
	UserID   string `json:"userId"`
	KeyID    string `json:"keyId,omitempty"`
}

type auditTarget struct {
	Kind     string `json:"kind"`
	TenantID string `json:"tenantId,omitempty"`
	ID       string `json:"id"`
}

// encode gives the payload's bytes.
func (r *auditRecord) encode() ([]byte, error) {
	out, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding an audit event: %w", err)
	}
	return out, nil
}

// image gives a record's public form for an event; nothing for no record. The
// public forms hold no secret and no digest.
func image(m proto.Message) (json.RawMessage, error) {
	if m == nil || !m.ProtoReflect().IsValid() {
		return nil, nil
	}
	out, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding an audit event: %w", err)
	}
	return out, nil
}

func refusalEvent(kind refusal, what refused) ([]byte, error) {
	r := auditRecord{
		Actor:         auditActor{kind.actor.TenantID, kind.actor.ID, kind.keyID},
		Action:        kind.method,
		Target:        auditTarget{Kind: "method", ID: kind.method},
		Outcome:       outcomeRefused,
		Reason:        kind.reason,
		Count:         what.count,
		SourceAddress: what.source,
		RequestID:     what.requestID,
	}
	return r.encode()
}

// auditToProto reads an event back. A payload that can't be read still shows
// its place in the chain.
func auditToProto(e *storage.AuditEvent) *pb.AuditEvent {
	out := &pb.AuditEvent{
		TenantId: e.TenantID, Sequence: e.Sequence, Time: timeToProto(e.Time),
		Hash: fmt.Sprintf("%x", e.Hash),
	}
	var r auditRecord
	if err := json.Unmarshal(e.Payload, &r); err != nil {
		out.Reason = "UNREADABLE"
		return out
	}
	out.Actor = &pb.AuditActor{TenantId: r.Actor.TenantID, UserId: r.Actor.UserID, KeyId: r.Actor.KeyID}
	out.Action = r.Action
	out.Target = &pb.AuditTarget{Kind: r.Target.Kind, TenantId: r.Target.TenantID, Id: r.Target.ID}
	out.Outcome = pb.AuditEvent_Outcome(pb.AuditEvent_Outcome_value[r.Outcome])
	out.Reason, out.Count = r.Reason, r.Count
	out.SourceAddress, out.RequestId = r.SourceAddress, r.RequestID
	out.Before, out.After = structOf(r.Before), structOf(r.After)
	return out
}

// PepperEvent tells that the owner of the database put a pepper on so many
// digests. It belongs into the trail of the operator's tenant.
func PepperEvent(pepperID string, secrets int64) []byte {
	r := auditRecord{
		Actor:   auditActor{TenantID: storage.SystemTenant, UserID: "database-owner"},
		Action:  "keystile.peppers.apply",
		Target:  auditTarget{Kind: "pepper", ID: pepperID},
		Outcome: outcomeDone,
		Count:   secrets,
	}
	out, err := r.encode()
	if err != nil {
		// Text and numbers always encode; the event must not be lost over it.
		return []byte("{}")
	}
	return out
}
