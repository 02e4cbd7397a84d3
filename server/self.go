package server

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// permRevokeSelf names in the audit trail what a holder does to its own key. No
// role holds it, and none needs to: the secret is the right.
const permRevokeSelf = "keystile.keys.revokeSelf"

// WhoAmI tells the holder of a key what it is, may do, and how long.
func (k *KeyServer) WhoAmI(ctx context.Context, _ *pb.WhoAmIRequest) (*pb.WhoAmIResponse, error) {
	s, c := k.service, callerFrom(ctx)
	verdict := access.Decide(s.now(), &c.Grant, &access.Request{Form: access.WellFormed, ClientIP: c.Source})
	answer := Answer{Verdict: verdict, Grant: c.Grant}
	if !verdict.Allowed() {
		return nil, s.unauthenticated(&answer)
	}
	out := &pb.WhoAmIResponse{Identity: identityToProto(&answer), ExpireTime: timeToProto(c.Grant.Key.ExpireTime)}
	for _, w := range verdict.Warnings {
		out.Warnings = append(out.Warnings, warningToProto(w))
	}
	for _, api := range c.Grant.Key.APIs {
		out.Apis = append(out.Apis, apiName(api, c.Grant.Key.TenantID))
	}
	return out, nil
}

// RevokeSelf revokes the key that was presented: the one who has found a leaked
// secret can end it without finding an administrator first.
func (k *KeyServer) RevokeSelf(ctx context.Context, req *pb.RevokeSelfRequest) (*pb.RevokeSelfResponse, error) {
	s := k.service
	op := revokeKey{&pb.RevokeKey{Id: callerFrom(ctx).Grant.Key.ID, Reason: req.GetReason(), Note: req.GetNote()}}
	now := s.now().UTC().Truncate(time.Microsecond)
	var v violations
	op.validate(&v, now)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirm(ctx, callerFrom(ctx))
	if err != nil {
		return nil, err
	}
	mark, err := fingerprint(req)
	if err != nil {
		return nil, err
	}
	work := &managedWrite{service: s, caller: caller, op: op, now: now, fingerprint: mark, action: permRevokeSelf, request: req}
	done, err := work.run(ctx)
	if err != nil {
		return nil, err
	}
	return &pb.RevokeSelfResponse{Key: done.GetKey(), Note: done.GetNote(), Revision: done.GetRevision(), Propagation: done.GetPropagation()}, nil
}
