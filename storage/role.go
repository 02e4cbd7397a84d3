package storage

import "time"

// RoleRef names a role of a tenant.
type RoleRef struct {
	TenantID string
	ID       string
}

// Role is a tenant's own named set of permissions. The built-in roles (admin,
// developer, guest) are no records: server/access knows them.
type Role struct {
	TenantID    string
	ID          string
	DisplayName string
	// Permissions are patterns such as "orders.read", "orders.*", "*".
	Permissions []string
	Version     int64
	CreateTime  time.Time
	UpdateTime  time.Time
}

// Ref names the role.
func (r *Role) Ref() RoleRef { return RoleRef{TenantID: r.TenantID, ID: r.ID} }
