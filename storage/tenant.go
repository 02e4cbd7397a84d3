package storage

import "time"

// SystemTenant belongs to the operator: its admins administer every tenant.
const SystemTenant = "system"

// TenantState is what the operator has decided about a tenant. The zero value
// is no state at all, and what has it is refused.
type TenantState string

// The states of a tenant.
const (
	TenantActive    TenantState = "ACTIVE"
	TenantSuspended TenantState = "SUSPENDED"
	TenantDeleted   TenantState = "DELETED"
)

// Tenant is the unit of isolation. Times are UTC; a zero time is absent.
type Tenant struct {
	ID           string
	DisplayName  string
	State        TenantState
	SecretPrefix string
	// Hosts are the host names this tenant's APIs answer to, as server/access
	// writes host patterns: "api.acme.test", "*.acme.test", "*". No two tenants'
	// overlap, deleted ones included until they are purged.
	Hosts []string
	// KeyPolicy is what the tenant's keys must be like.
	KeyPolicy KeyPolicy
	// Limits bound the calls of all the tenant's keys together.
	Limits     Limits
	Version    int64
	CreateTime time.Time
	UpdateTime time.Time
	DeleteTime time.Time
}

// KeyPolicy bounds the keys of a tenant when they are created, changed and
// rotated. The zero value bounds nothing.
type KeyPolicy struct {
	// MaxLifetime is the longest time from now to a key's end; zero is no bound.
	// With it a key must have an end.
	MaxLifetime time.Duration
	// DefaultLifetime gives an end to a key that is created without one.
	DefaultLifetime time.Duration
	// ExpiryRequired refuses keys without an end.
	ExpiryRequired bool
	// AllowedPrefixes are what secrets may begin with. Empty allows every prefix.
	AllowedPrefixes []string
	// MaxKeysPerUser bounds a user's keys that are neither deleted, revoked nor
	// expired; zero is no bound.
	MaxKeysPerUser int
	// RequiredLabels are names of labels that each key must carry.
	RequiredLabels []string
}
