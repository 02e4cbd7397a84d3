package access

import "github.com/keystile/keystile/storage"

// Names of the built-in roles, which no tenant can define anew.
const (
	RoleAdmin     = "admin"
	RoleDeveloper = "developer"
	RoleGuest     = "guest"
)

// Role is a role as the decision sees it. The zero Role holds nothing.
type Role struct {
	ID          string
	Permissions Permissions
}

// BuiltInRole gives a built-in role by name.
func BuiltInRole(id string) (Role, bool) {
	for _, r := range builtIn {
		if r.ID == id {
			return r, true
		}
	}
	return Role{}, false
}

var builtIn = [...]Role{
	{RoleAdmin, Permissions{"*", "keystile.*"}},
	{RoleDeveloper, Permissions{"*", PermKeysRead}},
	{RoleGuest, Permissions{publicSafe}},
}

// RoleOf turns a tenant's own role into one the decision can use. A record that
// bears a built-in name holds nothing: such names can't be redefined.
func RoleOf(r *storage.Role) Role {
	if _, builtIn := BuiltInRole(r.ID); builtIn {
		return Role{ID: r.ID}
	}
	return Role{ID: r.ID, Permissions: r.Permissions}
}

// RolePermissions gives all that the roles hold together.
func RolePermissions(roles []Role) Permissions {
	var out Permissions
	for i := range roles {
		for _, p := range roles[i].Permissions {
			out = out.add(p)
		}
	}
	return out
}
