package server

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

const (
	maxImport = 10_000
	// maxImportFaults is how many faults an answer names: the rest of a file that
	// is wrong throughout is wrong in the same way.
	maxImportFaults = 200
)

// ImportKeys takes over keys that were issued elsewhere: all of them or none.
func (k *KeyServer) ImportKeys(ctx context.Context, req *pb.ImportKeysRequest) (*pb.ImportKeysResponse, error) {
	s := k.service
	var v violations
	v.requestID(req.GetRequestId())
	if n := len(req.GetKeys()); n == 0 || n > maxImport {
		v.add("keys", "must hold 1 to %d keys", maxImport)
		return nil, v.err()
	}
	if req.GetTenantId() != "" {
		v.id("tenantId", req.GetTenantId(), validTenantID, tenantIDForm)
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	keys := s.readImported(&v, req.GetKeys(), now)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermKeysImport)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantOrOwn(ctx, &caller, req.GetTenantId(), "tenantId")
	if err != nil {
		return nil, err
	}
	out := &pb.ImportKeysResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermKeysImport, target: auditTarget{Kind: "import", TenantID: tenant, ID: fmt.Sprintf("%d keys", len(keys))},
	}
	r, err := w.run(ctx, func(tx storage.Tx, now time.Time) (changed, error) {
		return s.addImported(ctx, tx, &caller, tenant, keys, out, now)
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// readImported checks each key by itself and makes its record, all but what the
// store has to say.
func (s *Service) readImported(v *violations, in []*pb.ImportedKey, now time.Time) []*storage.Key {
	out := make([]*storage.Key, len(in))
	for i, from := range in {
		var own violations
		out[i] = s.readImportedKey(&own, from, now)
		for _, f := range own.found {
			if len(v.found) < maxImportFaults {
				v.add(fmt.Sprintf("keys[%d].%s", i, strings.TrimPrefix(f.Field, "key.")), "%s", f.Message)
			}
		}
	}
	return out
}

func (s *Service) readImportedKey(v *violations, in *pb.ImportedKey, now time.Time) *storage.Key {
	v.id("userId", in.GetUserId(), validUserID, userIDForm)
	key := &storage.Key{UserID: in.GetUserId(), State: storage.KeyActive}
	for _, set := range readKeyFields(v, &pb.Key{
		DisplayName: in.GetDisplayName(), Scopes: in.GetScopes(), AllowedCidrs: in.GetAllowedCidrs(),
		Labels: in.GetLabels(), ExpireTime: in.GetExpireTime(), Apis: in.GetApis(), RateLimits: in.GetRateLimits(), Quotas: in.GetQuotas(),
	}) {
		set(key)
	}
	wantFuture(v, "expireTime", in.GetExpireTime(), now)
	key.Secrets = []storage.Secret{s.readImportedSecret(v, in, now)}
	return key
}

// readImportedSecret takes a secret or its SHA-256. Either way only the digest
// goes on from here, under the pepper in use.
func (s *Service) readImportedSecret(v *violations, in *pb.ImportedKey, now time.Time) storage.Secret {
	if (in.GetDigest() == "") == (in.GetSecret() == "") {
		v.add("digest", "give exactly one of digest and secret")
		return storage.Secret{}
	}
	out := storage.Secret{CreateTime: now}
	if in.GetSecret() != "" {
		secret := access.ParseSecret(in.GetSecret())
		if f := secret.Form(); f != access.WellFormed && f != access.Mistyped {
			v.add("secret", "must have %d to %d printable ASCII characters, and no blanks", access.MinSecretLen, access.MaxSecretLen)
			return out
		}
		out.Digest, out.PepperID = s.peppers.Digest(secret)
		out.Prefix, out.LastFour = secret.Prefix(), secret.LastFour()
		return out
	}
	sum, ok := readDigest(in.GetDigest())
	if !ok {
		v.add("digest", "must be SHA-256 of the secret, in hex or base 64")
		return out
	}
	out.Digest, out.PepperID = s.peppers.DigestOf(sum)
	return out
}

func readDigest(text string) (storage.Digest, bool) {
	var out storage.Digest
	raw, err := hex.DecodeString(text)
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if err == nil && len(raw) == len(out) {
			break
		}
		raw, err = enc.DecodeString(text)
	}
	if err != nil || len(raw) != len(out) {
		return out, false
	}
	return storage.Digest(raw), true
}

// addImported checks what the store has to say of the keys, and adds them.
func (s *Service) addImported(ctx context.Context, tx storage.Tx, c *Caller, tenantID string, keys []*storage.Key, out *pb.ImportKeysResponse, now time.Time) (changed, error) {
	t, err := liveTenant(tx, tenantID, "")
	if err != nil {
		return changed{}, err
	}
	rows := make([]*storage.Key, len(keys))
	var v violations
	users := map[string]*importUser{}
	for i, k := range keys {
		row := *k
		row.TenantID, row.APIs = tenantID, inTenant(k.APIs, tenantID)
		row.Secrets, row.CreatedBy = slices.Clone(k.Secrets), c.ref()
		if row.ExpireTime.IsZero() && t.KeyPolicy.DefaultLifetime > 0 {
			row.ExpireTime = now.Add(t.KeyPolicy.DefaultLifetime)
		}
		if row.ID, err = newID(s.random, keyIDPrefix); err != nil {
			return changed{}, err
		}
		rows[i] = &row
		if err := s.judgeImported(tx, c, t, &row, users, &v, i, now); err != nil {
			return changed{}, err
		}
	}
	if err := v.err(); err != nil {
		return changed{}, err
	}
	for id, u := range users {
		if err := s.roomForKeys(ctx, &t.KeyPolicy, storage.UserRef{TenantID: tenantID, ID: id}, u.keys, now); err != nil {
			return changed{}, err
		}
	}
	taken, err := tx.CreateKeys(rows)
	if err != nil {
		return changed{}, fmt.Errorf("adding the keys: %w", err)
	}
	for _, i := range taken[:min(len(taken), maxImportFaults)] {
		v.add(fmt.Sprintf("keys[%d].digest", i), "this secret is known already, here or elsewhere in the import")
	}
	if err := v.err(); err != nil {
		return changed{}, err
	}
	for _, row := range rows {
		out.KeyIds = append(out.KeyIds, row.ID)
	}
	return changed{after: &pb.ImportKeysResponse{KeyIds: out.GetKeyIds()[:min(len(out.GetKeyIds()), 100)]}}, nil
}

// importUser is what is known of a user that keys are imported for.
type importUser struct {
	user  *storage.User
	roles []access.Role
	keys  int
}

// judgeImported holds a key to its user, to its tenant's policy, and to its
// importer's rights.
func (s *Service) judgeImported(tx storage.Tx, c *Caller, t *storage.Tenant, k *storage.Key, users map[string]*importUser, v *violations, i int, now time.Time) error {
	fault := func(field, message string) {
		if len(v.found) < maxImportFaults {
			v.add(fmt.Sprintf("keys[%d].%s", i, field), "%s", message)
		}
	}
	u := users[k.UserID]
	if u == nil {
		u = &importUser{}
		var err error
		switch u.user, err = tx.GetUser(k.User()); {
		case err != nil && faultOf(namedNotFound(err, "user")).Reason != reasonNotFound:
			return fmt.Errorf("reading a user: %w", err)
		case err == nil:
			own, err := tx.GetRoles(k.TenantID, u.user.Roles)
			if err != nil {
				return fmt.Errorf("reading roles: %w", err)
			}
			u.roles = rolesOf(u.user.Roles, own)
		default:
			u.user = nil
		}
		users[k.UserID] = u
	}
	u.keys++
	if u.user == nil || u.user.State != storage.UserActive {
		fault("userId", "is no active user of this tenant")
		return nil
	}
	for _, b := range judgeKey(&t.KeyPolicy, k, now) {
		fault(strings.TrimPrefix(b.field, "key."), b.message)
	}
	target := access.Grant{Key: k, User: u.user, Tenant: t, Roles: u.roles}
	if !c.Grant.Outranks(&target) {
		return errOutranked
	}
	return nil
}

// inTenant fills in the tenant of APIs that were named without one.
func inTenant(refs []storage.APIRef, tenant string) []storage.APIRef {
	out := slices.Clone(refs)
	for i := range out {
		if out[i].TenantID == "" {
			out[i].TenantID = tenant
		}
	}
	return out
}
