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

	// Write runs change in one transaction and commits it together with the
	// audit events and the change-log row that the writes call for. When change
	// returns an error, nothing is written and that error is returned. change
	// may run more than once when the database asks for it, so it must have no
	// effect outside tx. The revision is that of the change-log row, 0 when
	// change wrote no record.
	//
	// Locks are taken in one order everywhere: records, then the heads of the
	// audit chains by tenant id, then the change log's counter.
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

// Log is the change log that replicas follow.
type Log interface {
	// Snapshot gives every record, and the position, of one moment.
	Snapshot(ctx context.Context) (Records, Position, time.Time, error)
	// ChangesSince gives what was written after since, as of one moment. With
	// nothing new it returns since itself and no records, and is cheap.
	ChangesSince(ctx context.Context, since Position) (Changes, error)
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

	// CreateTenant adds a tenant; ErrExists when its id is taken.
	CreateTenant(t *Tenant) error
	// CreateUser adds a user; ErrExists when taken, ErrNotFound without tenant.
	CreateUser(u *User) error
	// UpdateUser writes every field of the user of that ref.
	UpdateUser(u *User) error
	// CreateKey adds a key with its secrets; ErrExists when its id or one of
	// the digests is taken.
	CreateKey(k *Key) error
	// UpdateKey writes every field of the key of that id. Secrets that are no
	// longer among k.Secrets are forgotten, new ones are added.
	UpdateKey(k *Key) error

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
