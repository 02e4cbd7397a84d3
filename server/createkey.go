package server

import (
	"context"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// createKey issues a key and its first secret.
type createKey struct{ req *pb.CreateKey }

func (o createKey) call() callOptions {
	return callOptions{requestID: o.req.GetRequestId(), validateOnly: o.req.GetValidateOnly()}
}

func (o createKey) yields() bool { return true }

func (o createKey) validate(v *violations, now time.Time) {
	key := o.req.GetKey()
	if key == nil {
		v.add("key", "is required")
		return
	}
	if key.GetTenantId() != "" {
		v.id("key.tenantId", key.GetTenantId(), validTenantID, tenantIDForm)
	}
	v.id("key.userId", key.GetUserId(), validUserID, userIDForm)
	outputOnly(v, key)
	if p := key.GetSecretPrefix(); p != "" && !access.ValidPrefix(p) {
		v.add("key.secretPrefix", prefixForm)
	}
	readKeyFields(v, key)
	wantFuture(v, "key.expireTime", key.GetExpireTime(), now)
	wantOrder(v, "key.expireTime", timeFromProto(key.GetStartTime()), timeFromProto(key.GetExpireTime()))
}

func (o createKey) subject(ctx context.Context, s *Service, c *Caller) (subject, error) {
	tenant, err := s.tenantOrOwn(ctx, c, o.req.GetKey().GetTenantId(), "key.tenantId")
	if err != nil {
		return subject{}, err
	}
	return subject{user: storage.UserRef{TenantID: tenant, ID: o.req.GetKey().GetUserId()}}, nil
}

func (o createKey) apply(w *keyWork, _ *storage.Key) (result, error) {
	if w.user.State != storage.UserActive {
		return result{}, precondition("the user is %s; a key for it would be refused", w.user.State)
	}
	if w.tenant.State != storage.TenantActive {
		return result{}, precondition("the tenant is %s; a key of it would be refused", w.tenant.State)
	}
	key := &storage.Key{TenantID: w.user.TenantID, UserID: w.user.ID, State: storage.KeyActive, CreatedBy: w.caller.ref()}
	var v violations
	fields := readKeyFields(&v, o.req.GetKey())
	if err := v.err(); err != nil {
		return result{}, err
	}
	for _, set := range fields {
		set(key)
	}
	var err error
	if key.ID, err = newID(w.service.random, keyIDPrefix); err != nil {
		return result{}, err
	}
	key.SecretPrefix = o.req.GetKey().GetSecretPrefix()
	if key.ExpireTime.IsZero() && w.tenant.KeyPolicy.DefaultLifetime > 0 {
		key.ExpireTime = w.now.Add(w.tenant.KeyPolicy.DefaultLifetime)
	}
	secret, record, err := w.service.newSecret(prefixOf(w.tenant, key), w.now)
	if err != nil {
		return result{}, err
	}
	key.Secrets = []storage.Secret{record}
	if err := enforcePolicy(&w.tenant.KeyPolicy, key, w.now); err != nil {
		return result{}, err
	}
	if err := w.service.roomForKeys(w.ctx, &w.tenant.KeyPolicy, key.User(), 1, w.now); err != nil {
		return result{}, err
	}
	return result{key: key, secret: secret, changed: true}, nil
}

// prefixOf is what a key's secrets begin with: its own prefix, its tenant's, or
// everybody's.
func prefixOf(t *storage.Tenant, k *storage.Key) string {
	switch {
	case k.SecretPrefix != "":
		return k.SecretPrefix
	case t.SecretPrefix != "":
		return t.SecretPrefix
	}
	return access.DefaultPrefix
}

// newSecret draws a secret with a prefix, and makes its record.
func (s *Service) newSecret(prefix string, now time.Time) (access.Secret, storage.Secret, error) {
	secret, err := access.NewSecret(s.random, prefix)
	if err != nil {
		return access.Secret{}, storage.Secret{}, err //nolint:wrapcheck // it says what failed
	}
	digest, pepper := s.peppers.Digest(secret)
	return secret, storage.Secret{
		Digest: digest, PepperID: pepper, Prefix: secret.Prefix(), LastFour: secret.LastFour(), CreateTime: now,
	}, nil
}
