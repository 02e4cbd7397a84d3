package server

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/storage"
)

// maxCredits is the most that is granted at once.
const maxCredits = 1_000_000_000_000

// ResetKeyLimits makes a key's own limits whole again.
func (k *KeyServer) ResetKeyLimits(ctx context.Context, req *pb.ResetKeyLimitsRequest) (*pb.ResetKeyLimitsResponse, error) {
	var v violations
	v.id("id", req.GetId(), validKeyID, keyIDForm)
	v.requestID(req.GetRequestId())
	if err := v.err(); err != nil {
		return nil, err
	}
	own, repeated, err := k.changeLimits(ctx, access.PermLimitsReset, req, req.GetRequestId(), func(tx storage.Tx, key *storage.Key, now time.Time) error {
		var resets []storage.QuotaReset
		for i := range key.Limits.Quotas {
			draw, err := drawOn(key, &key.Limits.Quotas[i], now)
			if err != nil {
				return err
			}
			resets = append(resets, storage.QuotaReset{ID: draw.ID, Period: draw.Period})
		}
		if len(resets) == 0 {
			return nil
		}
		if err := tx.ResetQuotas(resets); err != nil {
			return fmt.Errorf("resetting the quotas: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	now := k.service.now()
	// A repeated call is in the audit trail once, and takes effect once.
	if !repeated {
		if err := k.service.limits.Reset(ctx, now, own); err != nil {
			fault := unavailable(err)
			fault.Message = "the quotas are reset, and the rate limits may not be: what replicas share is out of reach"
			fault.Remedy = "Reset the limits again, with another request id."
			return nil, fault
		}
	}
	out := &pb.ResetKeyLimitsResponse{}
	out.Limits, err = k.service.lookAt(ctx, own, now)
	return out, err
}

// GrantKeyCredits adds credits to one of a key's own quotas.
func (k *KeyServer) GrantKeyCredits(ctx context.Context, req *pb.GrantKeyCreditsRequest) (*pb.GrantKeyCreditsResponse, error) {
	var v violations
	v.id("id", req.GetId(), validKeyID, keyIDForm)
	v.requestID(req.GetRequestId())
	v.text("note", req.GetNote(), 1024)
	if n := req.GetCredits(); n < 1 || n > maxCredits {
		v.add("credits", "must be 1 to %d", int64(maxCredits))
	}
	if req.GetQuota() == "" {
		v.add("quota", "must name one of the key's own quotas")
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	own, _, err := k.changeLimits(ctx, access.PermCreditsGrant, req, req.GetRequestId(), func(tx storage.Tx, key *storage.Key, now time.Time) error {
		quota := quotaNamed(&key.Limits, req.GetQuota())
		if quota == nil {
			var v violations
			v.add("quota", "must name one of the key's own quotas")
			return v.err()
		}
		draw, err := drawOn(key, quota, now)
		if err != nil {
			return err
		}
		if _, err := tx.GrantCredits(draw, req.GetCredits()); err != nil {
			return fmt.Errorf("granting the credits: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	now := k.service.now()
	if err := k.service.limits.Forget(now, own); err != nil {
		return nil, unavailable(err)
	}
	states, err := k.service.lookAt(ctx, own, now)
	if err != nil {
		return nil, err
	}
	out := &pb.GrantKeyCreditsResponse{}
	for _, state := range states {
		if state.GetKind() == pb.LimitState_QUOTA && state.GetName() == req.GetQuota() {
			out.Limit = state
		}
	}
	return out, nil
}

// changeLimits changes what is counted of a key's own limits, in one audited
// transaction, and gives the limits; repeated is true when its request id was used
// before, and nothing was done.
func (k *KeyServer) changeLimits(ctx context.Context, permission string, req proto.Message, requestID string, change func(tx storage.Tx, key *storage.Key, now time.Time) error) (own []limits.Applied, repeated bool, err error) {
	s := k.service
	caller, err := s.confirmed(ctx, permission)
	if err != nil {
		return nil, false, err
	}
	id := req.ProtoReflect().Get(req.ProtoReflect().Descriptor().Fields().ByName("id")).String()
	about, err := existingSubject(ctx, s, id)
	if err != nil {
		return nil, false, err
	}
	if err := s.reach(withCaller(ctx, caller), about.user.TenantID, "key"); err != nil {
		return nil, false, err
	}
	w := &directoryWrite{
		service: s, caller: caller, requestID: requestID, request: req, reply: &pb.LimitState{},
		action: permission, target: auditTarget{Kind: "key", TenantID: about.user.TenantID, ID: id},
	}
	done, err := w.run(ctx, func(tx storage.Tx, now time.Time) (changed, error) {
		key, err := tx.GetKey(id)
		if err != nil {
			return changed{}, namedNotFound(fmt.Errorf("reading the key: %w", err), "key")
		}
		if !key.DeleteTime.IsZero() {
			return changed{}, notFound("key")
		}
		return changed{after: req}, change(tx, key, now)
	})
	if err != nil {
		return nil, false, err
	}
	// What is read is newer than what was changed, and is what checks go by.
	key, err := s.store.GetKey(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("reading the key: %w", err)
	}
	return appliedTo(s.now(), &access.Grant{Key: key}, nil), done.note == noteRepeated, nil
}

func quotaNamed(l *storage.Limits, name string) *storage.Quota {
	for i := range l.Quotas {
		if l.Quotas[i].Name == name {
			return &l.Quotas[i]
		}
	}
	return nil
}

// drawOn names the present period of one of a key's own quotas.
func drawOn(key *storage.Key, q *storage.Quota, now time.Time) (storage.QuotaDraw, error) {
	subject := limits.Subject{Kind: limits.KindKey, Tenant: key.TenantID, ID: key.ID}
	draw, ok := subject.Draw(q, now)
	if !ok {
		return storage.QuotaDraw{}, precondition("the quota %s has no period that is known; give it one", q.Name)
	}
	return storepool.QuotaDraw(&draw), nil
}
