package sqlstore

import (
	"database/sql"

	"github.com/keystile/keystile/storage"
)

const apiColumns = `tenant_id, id, display_name, visibility, state, deprecate_time, sunset_time, subscription_required,
	allow_preflight, routes, limits, version, create_time, update_time`

type apiRow struct {
	dated
	TenantID             string        `db:"tenant_id"`
	ID                   string        `db:"id"`
	DisplayName          string        `db:"display_name"`
	Visibility           string        `db:"visibility"`
	State                string        `db:"state"`
	DeprecateTime        sql.NullInt64 `db:"deprecate_time"`
	SunsetTime           sql.NullInt64 `db:"sunset_time"`
	SubscriptionRequired int64         `db:"subscription_required"`
	AllowPreflight       int64         `db:"allow_preflight"`
	Routes               string        `db:"routes"`
	Limits               string        `db:"limits"`
}

// api gives a spoilt API without a state. Requests that its lost routes stood
// for might otherwise find a route that asks for less.
func (r *apiRow) api() (a *storage.API, spoilt bool) {
	var f fields
	a = &storage.API{
		TenantID:             r.TenantID,
		ID:                   r.ID,
		DisplayName:          r.DisplayName,
		Visibility:           oneOf(&f, r.Visibility, storage.VisibilityPublic, storage.VisibilityPrivate),
		State:                oneOf(&f, r.State, storage.APIPublished, storage.APIDeprecated, storage.APIRetired),
		DeprecateTime:        maybeAt(r.DeprecateTime),
		SunsetTime:           maybeAt(r.SunsetTime),
		SubscriptionRequired: r.SubscriptionRequired != 0,
		AllowPreflight:       r.AllowPreflight == 1,
		Routes:               f.routes(r.Routes),
		Limits:               f.limits(r.Limits),
		Version:              r.Version,
		CreateTime:           at(r.CreateTime),
		UpdateTime:           at(r.UpdateTime),
	}
	if f.spoilt {
		a.State = ""
	}
	return a, f.spoilt
}
