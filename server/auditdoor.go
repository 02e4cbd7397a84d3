package server

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// verifyStretch is how many events one call of VerifyAuditChain recomputes.
const verifyStretch = 10_000

// AuditServer is the door of keystile.v1.AuditService.
type AuditServer struct {
	pb.UnimplementedAuditServiceServer
	service *Service
}

// NewAuditServer makes the door to service.
func NewAuditServer(service *Service) *AuditServer { return &AuditServer{service: service} }

// ListAuditEvents pages through a trail, newest first.
func (a *AuditServer) ListAuditEvents(ctx context.Context, req *pb.ListAuditEventsRequest) (*pb.ListAuditEventsResponse, error) {
	tenant, err := a.trail(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	s := a.service
	var v violations
	out := &pb.ListAuditEventsResponse{}
	out.AuditEvents, out.NextPageToken, err = list(ctx, s, &v, req, listing[storage.AuditEvent, *pb.AuditEvent]{
		query: []string{"audit", tenant},
		fetch: func(ctx context.Context, after cursor, limit int) ([]storage.AuditEvent, error) {
			return s.store.ListAuditEvents(ctx, tenant, after.Time, limit)
		},
		show:  each(func(e storage.AuditEvent) *pb.AuditEvent { return auditToProto(&e) }),
		place: func(e storage.AuditEvent) cursor { return cursor{Time: e.Sequence} },
	})
	return out, err
}

// GetAuditHead reads the newest link of a chain.
func (a *AuditServer) GetAuditHead(ctx context.Context, req *pb.GetAuditHeadRequest) (*pb.GetAuditHeadResponse, error) {
	tenant, err := a.trail(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	head, err := a.service.store.AuditHead(ctx, tenant)
	if err != nil {
		return nil, err //nolint:wrapcheck // the table of faults reads it
	}
	return &pb.GetAuditHeadResponse{Head: linkToProto(head)}, nil
}

// VerifyAuditChain recomputes a stretch of a chain.
func (a *AuditServer) VerifyAuditChain(ctx context.Context, req *pb.VerifyAuditChainRequest) (*pb.VerifyAuditChainResponse, error) {
	tenant, err := a.trail(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	var v violations
	from := readLink(&v, "from", req.GetFrom())
	kept := readLink(&v, "head", req.GetHead())
	if err := v.err(); err != nil {
		return nil, err
	}
	// The head is read first: the chain can only have grown since.
	head, err := a.service.store.AuditHead(ctx, tenant)
	if err != nil {
		return nil, err //nolint:wrapcheck // the table of faults reads it
	}
	events, err := a.service.store.ScanAuditEvents(ctx, tenant, from.Sequence, verifyStretch)
	if err != nil {
		return nil, err //nolint:wrapcheck // the table of faults reads it
	}
	at, broken := followChain(tenant, from, kept, events)
	out := &pb.VerifyAuditChainResponse{Verified: linkToProto(at)}
	if broken == nil && len(events) < verifyStretch {
		out.Complete = true
		broken = chainEnd(at, head, kept)
	}
	if broken != nil {
		out.Complete, out.BrokenSequence, out.Problem = false, broken.sequence, broken.problem
	}
	return out, nil
}

// brokenLink says where a chain does not hold.
type brokenLink struct {
	sequence int64
	problem  string
}

// followChain recomputes events that follow a link, and gives the last link
// that is whole and the first that is not. On the way it must come through the
// link that was kept elsewhere.
func followChain(tenant string, at, kept storage.AuditHead, events []storage.AuditEvent) (storage.AuditHead, *brokenLink) {
	for i := range events {
		e := &events[i]
		if e.Sequence != at.Sequence+1 {
			return at, &brokenLink{at.Sequence + 1, "the event is missing"}
		}
		next := storage.NextAuditHash(at.Hash, tenant, e.Sequence, e.Time, e.Payload)
		if next != e.Hash {
			return at, &brokenLink{e.Sequence, "the event, or a link before it, was changed"}
		}
		if e.Sequence == kept.Sequence && next != kept.Hash {
			return at, &brokenLink{e.Sequence, "the chain was rewritten: it does not lead to the head that was kept"}
		}
		at = storage.AuditHead{Sequence: e.Sequence, Hash: next}
	}
	return at, nil
}

// chainEnd judges where a chain ends: not before the head that the store notes,
// nor before the one that was kept elsewhere.
func chainEnd(at, head, kept storage.AuditHead) *brokenLink {
	switch {
	case at.Sequence < kept.Sequence:
		return &brokenLink{at.Sequence + 1, "the chain was cut off: it ends before the head that was kept"}
	case at.Sequence < head.Sequence:
		return &brokenLink{at.Sequence + 1, "the event is missing: the chain ends before its own head"}
	case at.Sequence == head.Sequence && at.Hash != head.Hash:
		return &brokenLink{at.Sequence, "the chain's own head was changed"}
	}
	return nil
}

// trail gives the tenant whose trail is asked for, when the caller may see it.
func (a *AuditServer) trail(ctx context.Context, tenantID string) (string, error) {
	c := callerFrom(ctx)
	if tenantID == "" {
		tenantID = c.tenant()
	}
	if err := a.service.reach(ctx, tenantID, "tenant"); err != nil {
		return "", err
	}
	if _, err := a.service.store.GetTenant(ctx, tenantID); err != nil {
		return "", tenantFault(err)
	}
	return tenantID, nil
}

func linkToProto(h storage.AuditHead) *pb.AuditLink {
	return &pb.AuditLink{Sequence: h.Sequence, Hash: hex.EncodeToString(h.Hash[:])}
}

// readLink reads "SEQUENCE:HASH"; empty is the beginning of the chain.
func readLink(v *violations, field, text string) storage.AuditHead {
	if text == "" {
		return storage.AuditHead{}
	}
	number, hash, _ := strings.Cut(text, ":")
	var out storage.AuditHead
	sequence, err := strconv.ParseInt(number, 10, 64)
	raw, hexErr := hex.DecodeString(hash)
	if err != nil || hexErr != nil || sequence < 0 || len(raw) != len(out.Hash) {
		v.add(field, "must be SEQUENCE:HASH, as 'keystile audit head' prints it")
		return storage.AuditHead{}
	}
	out.Sequence = sequence
	copy(out.Hash[:], raw)
	return out
}

func structOf(raw json.RawMessage) *structpb.Struct {
	if len(raw) == 0 {
		return nil
	}
	out := &structpb.Struct{}
	if err := out.UnmarshalJSON(raw); err != nil {
		return nil
	}
	return out
}

// tenantFault names the record that was looked for.
func tenantFault(err error) error {
	return namedNotFound(fmt.Errorf("reading the tenant: %w", err), "tenant")
}
