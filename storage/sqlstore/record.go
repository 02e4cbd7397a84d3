package sqlstore

import (
	"database/sql"

	"github.com/keystile/keystile/storage"
)

// dated are the columns that every record has.
type dated struct {
	Version    int64 `db:"version"`
	CreateTime int64 `db:"create_time"`
	UpdateTime int64 `db:"update_time"`
}

const tenantColumns = "id, display_name, state, secret_prefix, hosts, key_policy, limits, version, create_time, update_time, delete_time"

type tenantRow struct {
	dated
	ID           string        `db:"id"`
	DisplayName  string        `db:"display_name"`
	State        string        `db:"state"`
	SecretPrefix string        `db:"secret_prefix"`
	Hosts        string        `db:"hosts"`
	KeyPolicy    string        `db:"key_policy"`
	Limits       string        `db:"limits"`
	DeleteTime   sql.NullInt64 `db:"delete_time"`
}

func (r *tenantRow) tenant() (t *storage.Tenant, spoilt bool) {
	var f fields
	t = &storage.Tenant{
		ID:           r.ID,
		DisplayName:  r.DisplayName,
		State:        oneOf(&f, r.State, storage.TenantActive, storage.TenantSuspended, storage.TenantDeleted),
		SecretPrefix: r.SecretPrefix,
		Hosts:        f.list(r.Hosts),
		KeyPolicy:    f.policy(r.KeyPolicy),
		Limits:       f.limits(r.Limits),
		Version:      r.Version,
		CreateTime:   at(r.CreateTime),
		UpdateTime:   at(r.UpdateTime),
		DeleteTime:   maybeAt(r.DeleteTime),
	}
	if f.spoilt {
		t.State = ""
	}
	return t, f.spoilt
}

const userColumns = "tenant_id, id, display_name, kind, state, roles, limits, version, create_time, update_time, delete_time"

type userRow struct {
	dated
	TenantID    string        `db:"tenant_id"`
	ID          string        `db:"id"`
	DisplayName string        `db:"display_name"`
	Kind        string        `db:"kind"`
	State       string        `db:"state"`
	Roles       string        `db:"roles"`
	Limits      string        `db:"limits"`
	DeleteTime  sql.NullInt64 `db:"delete_time"`
}

func (r *userRow) user() (u *storage.User, spoilt bool) {
	var f fields
	u = &storage.User{
		TenantID:    r.TenantID,
		ID:          r.ID,
		DisplayName: r.DisplayName,
		Kind:        oneOf(&f, r.Kind, storage.UserPerson, storage.UserServiceAccount),
		State:       oneOf(&f, r.State, storage.UserActive, storage.UserSuspended, storage.UserDeleted),
		Roles:       f.list(r.Roles),
		Limits:      f.limits(r.Limits),
		Version:     r.Version,
		CreateTime:  at(r.CreateTime),
		UpdateTime:  at(r.UpdateTime),
		DeleteTime:  maybeAt(r.DeleteTime),
	}
	if f.spoilt {
		u.State = ""
	}
	return u, f.spoilt
}

const roleColumns = "tenant_id, id, display_name, permissions, version, create_time, update_time"

type roleRow struct {
	dated
	TenantID    string `db:"tenant_id"`
	ID          string `db:"id"`
	DisplayName string `db:"display_name"`
	Permissions string `db:"permissions"`
}

// role gives a spoilt role without permissions: it grants nothing.
func (r *roleRow) role() (role *storage.Role, spoilt bool) {
	var f fields
	role = &storage.Role{
		TenantID:    r.TenantID,
		ID:          r.ID,
		DisplayName: r.DisplayName,
		Permissions: f.list(r.Permissions),
		Version:     r.Version,
		CreateTime:  at(r.CreateTime),
		UpdateTime:  at(r.UpdateTime),
	}
	return role, f.spoilt
}
