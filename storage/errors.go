package storage

import "errors"

// The errors a Store returns, wrapped in context; match them with errors.Is.
var (
	// ErrNotFound: no such record.
	ErrNotFound = errors.New("not found")
	// ErrExists: a record of that id is there already.
	ErrExists = errors.New("already exists")
	// ErrConflict: the record has changed since it was read, or a transaction
	// lost against another; trying again from the start may succeed.
	ErrConflict = errors.New("changed in the meantime")
	// ErrUnavailable: the store can't be reached, or not in time. Nothing is
	// known of what was asked, and whether a commit took effect is open.
	ErrUnavailable = errors.New("store unavailable")
	// ErrOutcomeOpen: the store went out of reach during a commit, which may have
	// taken effect. It comes with ErrUnavailable.
	ErrOutcomeOpen = errors.New("whether the commit took effect is open")
	// ErrInvalid: a value that no store keeps, such as text with a NUL byte or
	// over 1 MiB, or a record without its state. Nothing was written.
	ErrInvalid = errors.New("value can't be stored")
	// ErrUnreadable: the record has a field that can't be read. It may only be
	// revoked or deleted: any other write would drop what the field held.
	ErrUnreadable = errors.New("record has an unreadable field")
	// ErrSchema: the database holds a schema this release does not know.
	ErrSchema = errors.New("unknown schema")
)
