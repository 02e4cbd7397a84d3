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
	out, err := k.service.showKeys(&c)(ctx, []*storage.Key{key})
	if err != nil {
		return nil, err
	}
	return &pb.GetKeyResponse{Key: out[0]}, nil
}

// ListKeys pages through a tenant's keys, newest first.
func (k *KeyServer) ListKeys(ctx context.Context, req *pb.ListKeysRequest) (*pb.ListKeysResponse, error) {
	s, c := k.service, callerFrom(ctx)
	var v violations
	if req.GetUserId() != "" {
		v.id("userId", req.GetUserId(), validUserID, userIDForm)
	}
	tenant, err := s.listedTenant(ctx, &v, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	if req.GetShowDeleted() && !c.may(access.PermKeysDelete) {
		return nil, s.refuse(ctx, c, methodFrom(ctx), lacks(access.PermKeysDelete))
	}
	out := &pb.ListKeysResponse{}
	out.Keys, out.NextPageToken, err = list(ctx, s, &v, req, listing[*storage.Key, *pb.Key]{
		query: []string{"keys", tenant, req.GetUserId(), fmt.Sprint(req.GetShowDeleted())},
		fetch: s.fetchKeys(storage.KeyQuery{TenantID: tenant, UserID: req.GetUserId(), ShowDeleted: req.GetShowDeleted()}),
		show:  s.showKeys(&c),
		place: placeOfKey,
	})
	return out, err
}

// fetchKeys gives the fetch of a listing of keys.
func (s *Service) fetchKeys(q storage.KeyQuery) func(context.Context, cursor, int) ([]*storage.Key, error) {
	return func(ctx context.Context, after cursor, limit int) ([]*storage.Key, error) {
		q := q
		q.Limit = limit
		if after.ID != "" {
			q.After = storage.KeyCursor{CreateTime: time.UnixMicro(after.Time).UTC(), ID: after.ID}
		}
		return s.store.ListKeys(ctx, q)
	}
}

func placeOfKey(k *storage.Key) cursor { return cursor{Time: k.CreateTime.UnixMicro(), ID: k.ID} }

// showKeys gives keys as a caller may see them, with the times of their last use.
func (s *Service) showKeys(c *Caller) func(context.Context, []*storage.Key) ([]*pb.Key, error) {
	return func(ctx context.Context, keys []*storage.Key) ([]*pb.Key, error) {
		ids := make([]string, len(keys))
		for i, k := range keys {
			ids[i] = k.ID
		}
		used, err := s.store.LastUsed(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("reading times of use: %w", err)
		}
		now := s.now()
		out := make([]*pb.Key, len(keys))
		for i, k := range keys {
			out[i] = shown(c, k, now)
			out[i].LastUsedTime = timeToProto(used[k.ID])
		}
		return out, nil
	}
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
