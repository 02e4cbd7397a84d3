package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

const (
	subscriptionIDPrefix = "sub_"
	subscriptionIDForm   = "a subscription's id, such as sub_0123456789abcdefghjkmnpqrs"
)

func validSubscriptionID(id string) bool { return validGenerated(id, subscriptionIDPrefix) }

// GetSubscription reads one subscription: for either side's administrators, and
// for the user that has it.
func (d *DirectoryServer) GetSubscription(ctx context.Context, req *pb.GetSubscriptionRequest) (*pb.GetSubscriptionResponse, error) {
	sub, err := d.reachSubscription(ctx, req.GetId(), access.PermSubscriptionsRead)
	if err != nil {
		return nil, err
	}
	return &pb.GetSubscriptionResponse{Subscription: subscriptionToProto(sub)}, nil
}

// reachSubscription reads a subscription that the caller may see: as an
// administrator of the subscriber's or of the API's tenant, or as the user
// itself.
func (d *DirectoryServer) reachSubscription(ctx context.Context, id, permission string) (*storage.Subscription, error) {
	s, c := d.service, callerFrom(ctx)
	var v violations
	v.id("id", id, validSubscriptionID, subscriptionIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	sub, err := s.store.GetSubscription(ctx, id)
	if errors.Is(err, storage.ErrNotFound) && !c.may(permission) {
		// Who may not see subscriptions is not told either that there is none.
		return nil, s.refuse(ctx, c, methodFrom(ctx), lacks(permission))
	}
	if err != nil {
		return nil, namedNotFound(fmt.Errorf("reading the subscription: %w", err), "subscription")
	}
	own := sub.UserID != "" && storage.UserRef{TenantID: sub.TenantID, ID: sub.UserID} == c.ref()
	if own && c.selfService(permission) {
		return sub, nil
	}
	if !c.may(permission) {
		return nil, s.refuse(ctx, c, methodFrom(ctx), lacks(permission))
	}
	if !c.Grant.Reaches(sub.TenantID) && !c.Grant.Reaches(sub.API.TenantID) {
		return nil, s.refuse(ctx, c, methodFrom(ctx), notFound("subscription"))
	}
	return sub, nil
}

// selfService tells whether a key may do for its own user what otherwise takes a
// permission: a key with scopes only when they name it, one that is restricted
// to APIs never.
func (c *Caller) selfService(permission string) bool {
	k := c.Grant.Key
	return k != nil && len(k.APIs) == 0 && (len(k.Scopes) == 0 || access.Permissions(k.Scopes).Cover(permission))
}

// ListSubscriptions pages through subscriptions of a subscriber's tenant or to
// a tenant's APIs, newest first.
func (d *DirectoryServer) ListSubscriptions(ctx context.Context, req *pb.ListSubscriptionsRequest) (*pb.ListSubscriptionsResponse, error) {
	s, c := d.service, callerFrom(ctx)
	var v violations
	q := storage.SubscriptionQuery{
		TenantID: req.GetTenantId(), UserID: req.GetUserId(), API: storage.APIRef{TenantID: req.GetApiTenantId(), ID: req.GetApiId()},
	}
	if q.TenantID == "" && q.API.TenantID == "" {
		q.TenantID = c.tenant()
	}
	for field, tenant := range map[string]string{"tenantId": q.TenantID, "apiTenantId": q.API.TenantID} {
		if tenant != "" {
			v.id(field, tenant, validTenantID, tenantIDForm)
		}
	}
	if q.UserID != "" {
		v.id("userId", q.UserID, validUserID, userIDForm)
	}
	if q.API.ID != "" {
		v.id("apiId", q.API.ID, access.ValidAPIID, apiIDForm)
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	if !c.Grant.Reaches(q.TenantID) && !c.Grant.Reaches(q.API.TenantID) {
		return nil, s.refuse(ctx, c, methodFrom(ctx), notFound("tenant"))
	}
	out := &pb.ListSubscriptionsResponse{}
	var err error
	out.Subscriptions, out.NextPageToken, err = list(ctx, s, &v, req, listing[*storage.Subscription, *pb.Subscription]{
		query: []string{"subscriptions", q.TenantID, q.UserID, q.API.TenantID, q.API.ID},
		fetch: func(ctx context.Context, after cursor, limit int) ([]*storage.Subscription, error) {
			q := q
			q.Limit = limit
			if after.ID != "" {
				q.After = storage.KeyCursor{CreateTime: time.UnixMicro(after.Time).UTC(), ID: after.ID}
			}
			return s.store.ListSubscriptions(ctx, q)
		},
		show:  each(subscriptionToProto),
		place: func(sub *storage.Subscription) cursor { return cursor{Time: sub.CreateTime.UnixMicro(), ID: sub.ID} },
	})
	return out, err
}

// CreateSubscription asks for the right to call an API: for the caller's own
// user without any permission, for others as their administrator.
func (d *DirectoryServer) CreateSubscription(ctx context.Context, req *pb.CreateSubscriptionRequest) (*pb.CreateSubscriptionResponse, error) {
	s, in := d.service, req.GetSubscription()
	if err := validateSubscription(req); err != nil {
		return nil, err
	}
	caller, err := s.confirm(ctx, callerFrom(ctx))
	if err != nil {
		return nil, err
	}
	sub := &storage.Subscription{
		UserID: in.GetUserId(), API: storage.APIRef{TenantID: in.GetApiTenantId(), ID: in.GetApiId()},
		State: storage.SubscriptionPending, Note: in.GetNote(),
	}
	own := in.GetUserId() != "" && storage.UserRef{TenantID: caller.ownOr(in.GetTenantId()), ID: in.GetUserId()} == caller.ref()
	if !caller.may(access.PermSubscriptionsCreate) && (!own || !caller.selfService(access.PermSubscriptionsCreate)) {
		return nil, s.refuse(ctx, caller, methodFrom(ctx), lacks(access.PermSubscriptionsCreate))
	}
	if sub.TenantID, err = s.tenantOrOwn(ctx, &caller, in.GetTenantId(), "subscription.tenantId"); err != nil {
		return nil, err
	}
	if sub.API.TenantID == "" {
		sub.API.TenantID = sub.TenantID
	}
	if sub.ID, err = newID(s.random, subscriptionIDPrefix); err != nil {
		return nil, err
	}
	out := &pb.CreateSubscriptionResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermSubscriptionsCreate, target: subscriptionTarget(sub.TenantID, sub.ID), alsoTrail: sub.API.TenantID,
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row := *sub
		if err := mayBeAsked(tx, &row); err != nil {
			return changed{}, err
		}
		if err := tx.CreateSubscription(&row); err != nil {
			return changed{}, fmt.Errorf("creating the subscription: %w", err)
		}
		out.Subscription = subscriptionToProto(&row)
		return changed{after: out.GetSubscription()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

func validateSubscription(req *pb.CreateSubscriptionRequest) error {
	in := req.GetSubscription()
	var v violations
	v.requestID(req.GetRequestId())
	for field, tenant := range map[string]string{"subscription.tenantId": in.GetTenantId(), "subscription.apiTenantId": in.GetApiTenantId()} {
		if tenant != "" {
			v.id(field, tenant, validTenantID, tenantIDForm)
		}
	}
	if in.GetUserId() != "" {
		v.id("subscription.userId", in.GetUserId(), validUserID, userIDForm)
	}
	v.id("subscription.apiId", in.GetApiId(), access.ValidAPIID, apiIDForm)
	v.text("subscription.note", in.GetNote(), maxNote)
	if in.GetId() != "" || in.GetState() != pb.Subscription_STATE_UNSPECIFIED || in.GetReason() != "" || in.GetPlan() != "" ||
		in.GetExpireTime() != nil || in.GetEtag() != "" || in.GetCreateTime() != nil || in.GetUpdateTime() != nil {
		v.add("subscription", "holds a field that is set later: id, state, plan, reason, expireTime, etag, createTime, updateTime")
	}
	return v.err()
}

// mayBeAsked wants the user and the API to exist, and no other subscription of
// the same to be open.
func mayBeAsked(tx storage.Tx, sub *storage.Subscription) error {
	if _, err := liveTenant(tx, sub.TenantID, ""); err != nil {
		return err
	}
	if sub.UserID != "" {
		u, err := tx.GetUser(storage.UserRef{TenantID: sub.TenantID, ID: sub.UserID})
		if err != nil {
			return missingUser(err)
		}
		if u.State == storage.UserDeleted {
			return notFound("user")
		}
	}
	api, err := tx.GetAPI(sub.API)
	if err != nil {
		return namedNotFound(fmt.Errorf("reading the API: %w", err), "api")
	}
	if api.State == storage.APIRetired {
		return precondition("the API is RETIRED; nobody can subscribe to it any more")
	}
	open, err := tx.FindSubscriptions(storage.SubscriptionQuery{TenantID: sub.TenantID, UserID: sub.UserID, API: sub.API})
	if err != nil {
		return fmt.Errorf("reading subscriptions: %w", err)
	}
	for _, other := range open {
		if other.UserID == sub.UserID && other.State != storage.SubscriptionRejected {
			return precondition("there is a subscription for the same already, %s, which is %s", other.ID, other.State)
		}
	}
	return nil
}

func subscriptionTarget(tenant, id string) auditTarget {
	return auditTarget{Kind: "subscription", TenantID: tenant, ID: id}
}

func subscriptionToProto(s *storage.Subscription) *pb.Subscription {
	return &pb.Subscription{
		Id: s.ID, TenantId: s.TenantID, UserId: s.UserID, ApiId: s.API.ID, ApiTenantId: s.API.TenantID,
		State: pb.Subscription_State(pb.Subscription_State_value[string(s.State)]), Note: s.Note, Plan: s.Plan, Reason: s.Reason,
		ExpireTime: timeToProto(s.ExpireTime), Etag: etag(s.Version),
		CreateTime: timeToProto(s.CreateTime), UpdateTime: timeToProto(s.UpdateTime),
	}
}
