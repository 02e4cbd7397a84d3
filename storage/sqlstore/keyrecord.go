package sqlstore

import (
	"database/sql"

	"github.com/keystile/keystile/storage"
)

const keyColumns = `id, tenant_id, user_id, display_name, scopes, allowed_cidrs, labels, state, start_time, expire_time,
	revoke_reason, revoke_note, revoke_time, version, create_time, update_time, delete_time,
	created_by_tenant_id, created_by_user_id, apis, secret_prefix, limits`

type keyRow struct {
	dated
	ID                string        `db:"id"`
	TenantID          string        `db:"tenant_id"`
	UserID            string        `db:"user_id"`
	DisplayName       string        `db:"display_name"`
	Scopes            string        `db:"scopes"`
	AllowedCIDRs      string        `db:"allowed_cidrs"`
	Labels            string        `db:"labels"`
	State             string        `db:"state"`
	StartTime         sql.NullInt64 `db:"start_time"`
	ExpireTime        sql.NullInt64 `db:"expire_time"`
	RevokeReason      string        `db:"revoke_reason"`
	RevokeNote        string        `db:"revoke_note"`
	RevokeTime        sql.NullInt64 `db:"revoke_time"`
	DeleteTime        sql.NullInt64 `db:"delete_time"`
	CreatedByTenantID string        `db:"created_by_tenant_id"`
	CreatedByUserID   string        `db:"created_by_user_id"`
	APIs              string        `db:"apis"`
	SecretPrefix      string        `db:"secret_prefix"`
	Limits            string        `db:"limits"`
}

// key gives the key without its secrets. A key that lost its scopes, its
// addresses, its APIs or its limits would be allowed more than before, so it has no state.
func (r *keyRow) key(known *remembered) (k *storage.Key, spoilt bool) {
	var f fields
	if known == nil {
		known = &remembered{}
	}
	k = &storage.Key{
		ID:           r.ID,
		TenantID:     r.TenantID,
		UserID:       r.UserID,
		DisplayName:  r.DisplayName,
		Scopes:       recall(&f, known.lists, r.Scopes, f.list),
		AllowedCIDRs: recall(&f, known.prefixes, r.AllowedCIDRs, f.prefixes),
		Labels:       recall(&f, known.labels, r.Labels, f.labels),
		State:        oneOf(&f, r.State, storage.KeyActive, storage.KeyDisabled, storage.KeyRevoked),
		StartTime:    maybeAt(r.StartTime),
		ExpireTime:   maybeAt(r.ExpireTime),
		RevokeReason: oneOf(&f, r.RevokeReason, storage.RevokeUnspecified, storage.RevokeKeyCompromise,
			storage.RevokeCessation, storage.RevokeSuperseded, storage.RevokePrivilegeWithdrawn),
		RevokeNote:   r.RevokeNote,
		RevokeTime:   maybeAt(r.RevokeTime),
		Version:      r.Version,
		CreateTime:   at(r.CreateTime),
		UpdateTime:   at(r.UpdateTime),
		DeleteTime:   maybeAt(r.DeleteTime),
		CreatedBy:    storage.UserRef{TenantID: r.CreatedByTenantID, ID: r.CreatedByUserID},
		APIs:         recall(&f, known.apis, r.APIs, f.apis),
		SecretPrefix: r.SecretPrefix,
		Limits:       recall(&f, known.limits, r.Limits, f.limits),
	}
	if f.spoilt {
		k.State = ""
	}
	return k, f.spoilt
}

const secretColumns = "key_id, digest, pepper_id, prefix, last_four, create_time, end_time"

type secretRow struct {
	KeyID      string        `db:"key_id"`
	Digest     []byte        `db:"digest"`
	PepperID   string        `db:"pepper_id"`
	Prefix     string        `db:"prefix"`
	LastFour   string        `db:"last_four"`
	CreateTime int64         `db:"create_time"`
	EndTime    sql.NullInt64 `db:"end_time"`
}

func (r *secretRow) secret() (s storage.Secret, spoilt bool) {
	var f fields
	s = storage.Secret{
		Digest:     f.digest(r.Digest),
		PepperID:   r.PepperID,
		Prefix:     r.Prefix,
		LastFour:   r.LastFour,
		CreateTime: at(r.CreateTime),
		EndTime:    maybeAt(r.EndTime),
	}
	return s, f.spoilt
}
