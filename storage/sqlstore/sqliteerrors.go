package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/keystile/keystile/storage"
)

// sqliteMeanings maps SQLite's extended result codes, and by its low byte what
// has no line of its own.
func sqliteMeanings(code int) error {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return storage.ErrExists
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return storage.ErrNotFound
	case sqlite3.SQLITE_CONSTRAINT_CHECK, sqlite3.SQLITE_CONSTRAINT_NOTNULL, sqlite3.SQLITE_CONSTRAINT_DATATYPE:
		return storage.ErrInvalid
	}
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return storage.ErrConflict
	case sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return storage.ErrInvalid
	case sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_NOMEM,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS:
		return storage.ErrUnavailable
	}
	return nil
}

func sqliteMeaning(err error) error {
	if fault, ok := errors.AsType[*sqlite.Error](err); ok {
		return sqliteMeanings(fault.Code())
	}
	return nil
}

func sqliteLost(err error) bool {
	fault, ok := errors.AsType[*sqlite.Error](err)
	return ok && fault.Code()&0xff == sqlite3.SQLITE_BUSY
}

// sqliteUndone: the driver rolls back before it reports that a commit had to
// wait for too long. After an I/O error, what reached the disk is open.
func sqliteUndone(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	fault, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	low := fault.Code() & 0xff
	return low == sqlite3.SQLITE_BUSY || low == sqlite3.SQLITE_CONSTRAINT
}
