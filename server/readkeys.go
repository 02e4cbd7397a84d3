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

// GetKey reads one key.
func (k *KeyServer) GetKey(ctx context.Context, req *pb.GetKeyRequest) (*pb.GetKeyResponse, error) {
	var v violations
	v.id("id", req.GetId(), validKeyID, keyIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	c := callerFrom(ctx)
	key, err := k.service.store.GetKey(ctx, req.GetId())
	if errors.Is(err, storage.ErrNotFound) || err == nil && !key.DeleteTime.IsZero() && !c.may(access.PermKeysDelete) {
		return nil, notFound("key")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	if err := k.service.reach(ctx, key.TenantID, "key"); err != nil {
		return nil, err
	}
	return &pb.GetKeyResponse{Key: shown(&c, key, k.service.now())}, nil
}

// ListKeys pages through a tenant's keys, newest first.
func (k *KeyServer) ListKeys(ctx context.Context, req *pb.ListKeysRequest) (*pb.ListKeysResponse, error) {
	c := callerFrom(ctx)
	tenant := req.GetTenantId()
	if tenant == "" {
		tenant = c.tenant()
	}
	var v violations
	v.id("tenantId", tenant, validTenantID, tenantIDForm)
	if req.GetUserId() != "" {
		v.id("userId", req.GetUserId(), validUserID, userIDForm)
	}
	query := queryPrint("keys", tenant, req.GetUserId(), fmt.Sprint(req.GetShowDeleted()))
	q := storage.KeyQuery{TenantID: tenant, UserID: req.GetUserId(), ShowDeleted: req.GetShowDeleted()}
	q.Limit = pageSize(&v, req.GetPageSize()) + 1
	var from keyCursor
	readPageToken(&v, req.GetPageToken(), query, &from)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := k.service.reach(ctx, tenant, "tenant"); err != nil {
		return nil, err
	}
	if req.GetShowDeleted() && !c.may(access.PermKeysDelete) {
		return nil, k.service.refuse(ctx, c, methodFrom(ctx), lacks(access.PermKeysDelete))
	}
	if from.ID != "" {
		q.After = storage.KeyCursor{CreateTime: time.UnixMicro(from.Created).UTC(), ID: from.ID}
	}
	if _, err := k.service.store.GetTenant(ctx, tenant); err != nil {
		return nil, tenantFault(err)
	}
	keys, err := k.service.store.ListKeys(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	out := &pb.ListKeysResponse{}
	if len(keys) == q.Limit {
		keys = keys[:q.Limit-1]
		last := keys[len(keys)-1]
		out.NextPageToken = pageToken(query, keyCursor{last.CreateTime.UnixMicro(), last.ID})
	}
	now := k.service.now()
	for _, key := range keys {
		out.Keys = append(out.Keys, shown(&c, key, now))
	}
	return out, nil
}

// keyCursor is where a page of keys ended.
type keyCursor struct {
	Created int64  `json:"t"`
	ID      string `json:"i"`
}

// shown gives a key as a caller may see it: the note on a revocation is for
// those who may revoke.
func shown(c *Caller, key *storage.Key, now time.Time) *pb.Key {
	out := keyToProto(key, now)
	if !c.may(access.PermKeysRevoke) {
		out.RevokeNote = ""
	}
	return out
}
