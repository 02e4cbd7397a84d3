package storage

import (
	"context"
	"time"
)

// Store remembers tenants, users, roles, keys and the audit trail.
//
// Every method honours ctx's deadline, returns copies that the caller may keep,
// and gives times in UTC, cut to microseconds. A missing record is ErrNotFound.
// What one call has written, the next call on the same Store reads. A store out
// of reach is ErrUnavailable, and recovers by itself.
type Store interface {
	Directory
	Log
	Trail
	Usage
	Decisions
	Replicas
	RateStates
	QuotaLedger

	// Write runs change in one transaction and commits it together with the
	// audit events and the change-log row that the writes call for. When change
	// returns an error, nothing is written and that error is returned. change
	// may run more than once when the database asks for it, so it must have no
	// effect outside tx. The revision is that of the change-log row, 0 when
	// change wrote no record.
	//
	// Locks are taken in one order everywhere: records (tenant "system", other
	// tenants, user, role, plan, API, subscription, key), then the counters of quotas by
	// id, then the heads of the audit chains by tenant id, then the change log's counter.
	// What doesn't keep to it may be run again.
	Write(ctx context.Context, change func(tx Tx) error) (revision int64, err error)

	// Ping asks whether the store can be reached.
	Ping(ctx context.Context) error
	// Close gives everything back; calls made after it fail.
	Close() error
}

// Directory reads records outside a transaction.
type Directory interface {
	GetTenant(ctx context.Context, id string) (*Tenant, error)
	GetUser(ctx context.Context, ref UserRef) (*User, error)
	// GetRoles gives those of the named roles of a tenant that exist.
	GetRoles(ctx context.Context, tenantID string, ids []string) ([]*Role, error)
	// GetKey reads a key with its secrets, deleted ones too.
	GetKey(ctx context.Context, id string) (*Key, error)
	// ListKeys lists newest first: by CreateTime, then id, both falling.
	ListKeys(ctx context.Context, q KeyQuery) ([]*Key, error)
	GetRole(ctx context.Context, ref RoleRef) (*Role, error)
	GetAPI(ctx context.Context, ref APIRef) (*API, error)
	GetPlan(ctx context.Context, ref PlanRef) (*Plan, error)
	GetSubscription(ctx context.Context, id string) (*Subscription, error)
	// ListTenants, ListUsers, ListRoles, ListAPIs and ListPlans list by id, rising.
	// The last four list one tenant's.
	ListTenants(ctx context.Context, q PageQuery) ([]*Tenant, error)
	ListUsers(ctx context.Context, q PageQuery) ([]*User, error)
	ListRoles(ctx context.Context, q PageQuery) ([]*Role, error)
	ListAPIs(ctx context.Context, q PageQuery) ([]*API, error)
	ListPlans(ctx context.Context, q PageQuery) ([]*Plan, error)
	// ListSubscriptions lists newest first: by CreateTime, then id, both falling.
	ListSubscriptions(ctx context.Context, q SubscriptionQuery) ([]*Subscription, error)
	// CountPeppers counts the remembered secrets of undeleted keys by pepper id.
	CountPeppers(ctx context.Context) (map[string]int64, error)
}

// KeyQuery selects a page of a tenant's keys.
type KeyQuery struct {
	TenantID string
	// UserID, when given, selects that user's keys.
	UserID      string
	ShowDeleted bool
	// After, when its ID is given, is the last key of the page before.
	After KeyCursor
	// Limit is the most keys to return; it must be positive.
	Limit int
}

// KeyCursor is a place in a listing of keys.
type KeyCursor struct {
	CreateTime time.Time
	ID         string
}

// PageQuery selects a page of a listing by id.
type PageQuery struct {
	// TenantID is whose records; not for tenants themselves.
	TenantID    string
	ShowDeleted bool
	// After is the last id of the page before; empty is the beginning.
	After string
	// Limit is the most records to return; it must be positive.
	Limit int
}

// SubscriptionQuery selects a page of subscriptions. Empty fields do not narrow,
// but one of the two tenants must be given.
type SubscriptionQuery struct {
	// TenantID is the subscriber's tenant, UserID one of its users.
	TenantID string
	UserID   string
	// API is what is subscribed to: a whole tenant's APIs, or one.
	API   APIRef
	After KeyCursor
	Limit int
}

// Log is the change log that replicas follow.
type Log interface {
	// Snapshot gives take every record of one moment, in parts, each with that
	// moment's position, and then the position and the store's clock. A key comes with
	// all its secrets, and what a record refers to comes no later than the record.
	// Lists and maps may be shared among records. take is called by one goroutine at a
	// time, which need not be the caller's, and not after Snapshot has returned. An
	// error of take's ends it, and is returned.
	Snapshot(ctx context.Context, take func(at Position, part Records) error) (Position, time.Time, error)
	// ChangesSince gives what was written after since, as of one moment. With
	// nothing new it returns since itself and no records, and is cheap.
	ChangesSince(ctx context.Context, since Position) (Changes, error)
}

// Whole takes a snapshot of a log in one piece.
func Whole(ctx context.Context, log Log) (all Records, position Position, now time.Time, err error) {
	position, now, err = log.Snapshot(ctx, func(_ Position, part Records) error {
		all.Tenants, all.Users, all.Roles = append(all.Tenants, part.Tenants...), append(all.Users, part.Users...), append(all.Roles, part.Roles...)
		all.Keys, all.APIs = append(all.Keys, part.Keys...), append(all.APIs, part.APIs...)
		all.Plans, all.Subscriptions = append(all.Plans, part.Plans...), append(all.Subscriptions, part.Subscriptions...)
		all.Unreadable += part.Unreadable
		return nil
	})
	if err != nil {
		return Records{}, Position{}, time.Time{}, err //nolint:wrapcheck // it is the log's own
	}
	return all, position, now, nil
}

// Trail reads the audit trail.
type Trail interface {
	// AuditHead gives the newest link of a tenant's chain; the zero head when
	// there is none.
	AuditHead(ctx context.Context, tenantID string) (AuditHead, error)
	// ListAuditEvents gives up to limit events of a tenant with a sequence
	// below before (0: from the newest), newest first.
	ListAuditEvents(ctx context.Context, tenantID string, before int64, limit int) ([]AuditEvent, error)
	// ScanAuditEvents gives up to limit events with a sequence above after,
	// oldest first.
	ScanAuditEvents(ctx context.Context, tenantID string, after int64, limit int) ([]AuditEvent, error)
}

// Tx is a transaction. Reads lock what they read against other writers until
// the transaction ends, on engines that allow several.
//
// Create and Update methods set Version, CreateTime and UpdateTime in the record
// given: Create to version 1, Update to the version after the stored one. Update
// wants the Version that was read, and is ErrConflict when the stored one differs.
type Tx interface {
	GetTenant(id string) (*Tenant, error)
	GetUser(ref UserRef) (*User, error)
	// GetRoles gives those of the named roles of a tenant that exist.
	GetRoles(tenantID string, ids []string) ([]*Role, error)
	GetKey(id string) (*Key, error)
	// FindKey reads the key that a digest belongs to.
	FindKey(digest Digest) (*Key, error)
	// ListTenantKeys gives every undeleted key of a tenant.
	ListTenantKeys(tenantID string) ([]*Key, error)
	ListTenantUsers(tenantID string) ([]*User, error)
	// ListTenantRoles, ListTenantAPIs and ListTenantPlans give every one of a tenant.
	ListTenantRoles(tenantID string) ([]*Role, error)
	ListTenantAPIs(tenantID string) ([]*API, error)
	ListTenantPlans(tenantID string) ([]*Plan, error)
	GetAPI(ref APIRef) (*API, error)
	GetPlan(ref PlanRef) (*Plan, error)
	// CountPlanned counts the approved and paused subscriptions that have a plan.
	// Asked with the plan read in this transaction, it holds until the end of it
	// among those who read the plan before they give it to a subscription.
	CountPlanned(ref PlanRef) (int64, error)
	GetSubscription(id string) (*Subscription, error)
	// FindSubscriptions gives, without any bound, the subscriptions that q
	// selects; its After and Limit are not looked at. Others that look for the
	// same subscriber's wait until this transaction ends, so that what is not
	// found may be created; without a subscriber that goes for the API's tenant.
	FindSubscriptions(q SubscriptionQuery) ([]*Subscription, error)
	// LockHosts gives the hosts of every tenant that is not purged, by tenant
	// id, and keeps every other LockHosts waiting until this transaction ends.
	// It locks the tenant "system" first, before any other record; without that
	// tenant it is ErrNotFound. ErrUnreadable when any tenant's can't be read.
	LockHosts() (map[string][]string, error)

	// CreateTenant adds a tenant; ErrExists when its id is taken.
	CreateTenant(t *Tenant) error
	// UpdateTenant writes every field of the tenant of that id.
	UpdateTenant(t *Tenant) error
	// CreateRole, CreateAPI, CreatePlan and CreateSubscription add; ErrExists when
	// the id is taken, ErrNotFound without the tenant, or the subscription's user or API.
	CreateRole(r *Role) error
	UpdateRole(r *Role) error
	DeleteRole(ref RoleRef) error
	CreateAPI(a *API) error
	UpdateAPI(a *API) error
	// DeleteAPI removes an API with every subscription to it, so that none comes
	// to stand for another API of that id.
	DeleteAPI(ref APIRef) error
	CreatePlan(p *Plan) error
	UpdatePlan(p *Plan) error
	// DeletePlan removes a plan, whoever has it.
	DeletePlan(ref PlanRef) error
	CreateSubscription(s *Subscription) error
	UpdateSubscription(s *Subscription) error
	DeleteSubscription(id string) error
	// CreateUser adds a user; ErrExists when taken, ErrNotFound without tenant.
	CreateUser(u *User) error
	// UpdateUser writes every field of the user of that ref.
	UpdateUser(u *User) error
	// CreateKey adds a key with its secrets; ErrExists when its id or one of
	// the digests is taken.
	CreateKey(k *Key) error
	// CreateKeys adds many keys with few statements. Of the keys whose digest or
	// id is taken, by the store or by a key before it, it gives the indexes, and
	// then adds nothing; err is nil then.
	CreateKeys(keys []*Key) (taken []int, err error)
	// Purge removes for good what was deleted before a time, with all that
	// belongs to it, and counts it: up to a few thousand records at a time.
	// Secrets of purged keys are forgotten; audit events stay. The tenant
	// "system" stays whatever its state is.
	Purge(before time.Time) (PurgeCount, error)
	// UpdateKey writes every field of the key of that id. Secrets that are no
	// longer among k.Secrets are forgotten, new ones are added.
	UpdateKey(k *Key) error

	// GrantCredits adds credits to a period of a quota, begins that period if it has to,
	// and tells how it stands then. The draw's Least, Want and Share are not looked at.
	// ErrInvalid when there are no credits, or too many; ErrConflict when the period is
	// not one that the store agrees to. A counter that it has locked keeps every replica
	// waiting that takes from it, so it comes after all records.
	GrantCredits(to QuotaDraw, credits int64) (QuotaDrawn, error)
	// ResetQuotas forgets what was taken of periods; of one that is no longer kept, or
	// not yet, nothing was. What replicas hold of them may then be spent as well. It too
	// comes after all records.
	ResetQuotas(resets []QuotaReset) error

	// Audit appends an event to its tenant's chain at commit. Time is cut to
	// microseconds. Events of one tenant keep the order of these calls.
	Audit(tenantID string, at time.Time, payload []byte)

	// GetReply gives what was remembered under a request id, or ErrNotFound.
	GetReply(id ReplyID) (Reply, error)
	// PutReply remembers an answer; ErrExists when there is one.
	PutReply(id ReplyID, r Reply) error
}

// ReplyID names a remembered answer: request ids are unique to their user.
type ReplyID struct {
	Caller    UserRef
	RequestID string
}

// Reply is the answer to a call that carried a request id.
type Reply struct {
	// Fingerprint is a digest of the request, to tell a repetition from another
	// use of the same id.
	Fingerprint Digest
	// Body is the answer without its secret.
	Body []byte
	Time time.Time
}

// PurgeCount says how many records of each kind were removed for good.
type PurgeCount struct {
	Tenants, Users, Keys int64
	// More says that there is more to remove than one transaction should: call
	// again in another. What belongs to a record goes before it, so that the
	// counts may all be zero.
	More bool
}

// Usage remembers, coarsely, when keys and users were last used. It is no part
// of their records: it has no version, no audit event and no change-log row.
type Usage interface {
	// MarkUsed notes times of use; a time before the noted one changes nothing,
	// and a key that does not exist is passed over. When it fails, some may have
	// been noted.
	MarkUsed(ctx context.Context, used []Used) error
	// LastUsed gives the time of the last use of each key; a key that was never
	// used is not in the map.
	LastUsed(ctx context.Context, keyIDs []string) (map[string]time.Time, error)
	// UsersLastUsed does so for users of a tenant.
	UsersLastUsed(ctx context.Context, tenantID string, userIDs []string) (map[string]time.Time, error)
}

// Used is a use of a key.
type Used struct {
	KeyID string
	User  UserRef
	Time  time.Time
}

// Decisions keeps refusals for a while, so that a decision id leads to its cause
// from any replica.
type Decisions interface {
	// PutDecisions keeps decisions; one that is kept already is passed over. When
	// it fails, some may have been kept.
	PutDecisions(ctx context.Context, decisions []Decision) error
	// GetDecision gives a decision that is still kept.
	GetDecision(ctx context.Context, id string) (Decision, error)
	// ForgetDecisions removes those made before a time.
	ForgetDecisions(ctx context.Context, before time.Time) error
}

// Decision is a refusal as it is kept.
type Decision struct {
	ID string
	// TenantID is the key's tenant, APITenantID that of the API that was asked
	// for, if any.
	TenantID    string
	APITenantID string
	Time        time.Time
	// Payload is JSON that server writes and reads.
	Payload []byte
}
