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
	Version      int64
	CreateTime   time.Time
	UpdateTime   time.Time
	DeleteTime   time.Time
}
