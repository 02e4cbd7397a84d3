package storage

import "time"

// APIRef names an API: ids are unique inside their tenant only.
type APIRef struct {
	TenantID string
	ID       string
}

// Visibility says who may call an API without belonging to its tenant.
type Visibility string

// The visibilities. The zero value is none at all, and is taken for private.
const (
	VisibilityPublic  Visibility = "PUBLIC"
	VisibilityPrivate Visibility = "PRIVATE"
)

// APIState is where an API is in its life. The zero value is no state at all,
// and calls to it are refused.
type APIState string

// The states of an API.
const (
	APIPublished  APIState = "PUBLISHED"
	APIDeprecated APIState = "DEPRECATED"
	APIRetired    APIState = "RETIRED"
)

// API is something protected.
type API struct {
	TenantID    string
	ID          string
	DisplayName string
	Visibility  Visibility
	State       APIState
	// DeprecateTime is when a deprecated API was deprecated, SunsetTime when it
	// stops to answer. Zero is absent.
	DeprecateTime time.Time
	SunsetTime    time.Time
	// SubscriptionRequired wants a subscription even inside the same tenant.
	SubscriptionRequired bool
	// AllowPreflight lets CORS preflights through, which carry no key.
	AllowPreflight bool
	Routes         []Route
	// Limits bound all calls to the API together, whoever calls.
	Limits     Limits
	Version    int64
	CreateTime time.Time
	UpdateTime time.Time
}

// Ref names the API.
func (a *API) Ref() APIRef { return APIRef{TenantID: a.TenantID, ID: a.ID} }

// Route maps requests to a permission.
type Route struct {
	// Hosts are host patterns: a name, "*.suffix", or "*" for every host that
	// leads to the tenant.
	Hosts []string `json:"hosts"`
	// Methods are HTTP methods, or "*".
	Methods []string `json:"methods"`
	// Path is a pattern: literal segments, {name}, a trailing /**.
	Path string `json:"path"`
	// Permission is what a call takes; empty is the API's own by method.
	Permission string `json:"permission,omitempty"`
	// Limits bound all calls to the route together, whoever calls.
	Limits Limits `json:"limits,omitzero"`
}
