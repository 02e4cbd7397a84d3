package storage

import "time"

// UserKind tells people from programs.
type UserKind string

// The kinds of user.
const (
	UserPerson         UserKind = "PERSON"
	UserServiceAccount UserKind = "SERVICE_ACCOUNT"
)

// UserState is what an administrator has decided about a user. The zero value
// is no state at all, and what has it is refused.
type UserState string

// The states of a user.
const (
	UserActive    UserState = "ACTIVE"
	UserSuspended UserState = "SUSPENDED"
	UserDeleted   UserState = "DELETED"
)

// UserRef names a user: ids are unique inside their tenant only.
type UserRef struct {
	TenantID string
	ID       string
}

// User is who a key belongs to. Times are UTC; a zero time is absent.
type User struct {
	TenantID    string
	ID          string
	DisplayName string
	Kind        UserKind
	State       UserState
	// Roles are role ids of the user's tenant, built-in ones included. Empty
	// holds no permission.
	Roles []string
	// Limits bound the calls of all the user's keys together.
	Limits     Limits
	Version    int64
	CreateTime time.Time
	UpdateTime time.Time
	DeleteTime time.Time
}

// Ref names the user.
func (u *User) Ref() UserRef { return UserRef{TenantID: u.TenantID, ID: u.ID} }
