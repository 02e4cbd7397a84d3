package storage

import "time"

// ChangeKind says what kind of record a change is about.
type ChangeKind string

// The kinds of record that checks read.
const (
	ChangeTenant ChangeKind = "tenant"
	ChangeUser   ChangeKind = "user"
	ChangeRole   ChangeKind = "role"
	ChangeKey    ChangeKind = "key"
	ChangeAPI    ChangeKind = "api"
	// ChangeSubscription is about a subscription.
	ChangeSubscription ChangeKind = "subscription"
	// ChangePlan is about a plan.
	ChangePlan ChangeKind = "plan"
)

// ChangeRef names a record that a transaction wrote. TenantID is empty for
// keys and subscriptions, whose ids are globally unique, and for tenants.
type ChangeRef struct {
	Kind     ChangeKind `json:"kind"`
	TenantID string     `json:"tenantId,omitempty"`
	ID       string     `json:"id"`
}

// Position is a place in a store's change log. A store that was replaced or
// went back has another StoreID, or a smaller Revision than was seen before;
// whoever notices takes a new snapshot.
type Position struct {
	// StoreID is generated when the schema is created.
	StoreID string
	// Revision is the number of the last change, 0 before the first.
	Revision int64
	// Mark is drawn for each change, so that a store which lost its tail and went
	// on from there is told apart from the one it was. It is empty before the
	// first change, and for changes of releases that drew none; an empty one is not
	// compared.
	Mark string
}

// Records is a set of records as one moment of the store shows them.
type Records struct {
	Tenants []*Tenant
	Users   []*User
	Roles   []*Role
	// Keys include deleted and revoked ones.
	Keys          []*Key
	APIs          []*API
	Plans         []*Plan
	Subscriptions []*Subscription
	// Unreadable counts records with a field that could not be read. Such a
	// record is still here when its id could be read, with the zero State, so
	// that it is refused and not merely unknown.
	Unreadable int
}

// Changes is what happened in the change log after a position.
type Changes struct {
	// Now is the position these changes lead to.
	Now Position
	// Reset is true when the log does not reach back to the position asked
	// from, or the store is another or went back: take a snapshot.
	Reset bool
	// Rewound is true when that is because the store is another or went back: what
	// was read from it before is not to be answered from.
	Rewound bool
	// Records are the records written since, each as it is at Now.
	Records Records
	// Gone are records that were written since and exist no longer.
	Gone []ChangeRef
	// StoreTime is the store's clock when this was read.
	StoreTime time.Time
}
