package sqlstore

import (
	"database/sql"
	"database/sql/driver"
	"errors"

	"github.com/lib/pq"

	"github.com/keystile/keystile/storage"
)

// errBadConn is what lib/pq makes of a connection that broke or was ended.
var errBadConn = driver.ErrBadConn

// connectError marks an error of making a connection: whatever it is in
// detail, the store can't be reached.
type connectError struct{ err error }

func (e *connectError) Error() string { return "connecting: " + e.err.Error() }
func (e *connectError) Unwrap() error { return e.err }

// postgresMeanings maps SQLSTATE codes. A class stands for what has no line of
// its own.
func postgresMeanings(code string) error {
	switch code {
	case "23505": // unique_violation
		return storage.ErrExists
	case "23503": // foreign_key_violation: what the record refers to is not there
		return storage.ErrNotFound
	case "23502", "23514": // not_null_violation, check_violation
		return storage.ErrInvalid
	case "40001", "40P01", "55P03", "55006": // serialization_failure, deadlock_detected, lock_not_available, object_in_use
		return storage.ErrConflict
	case "42P01", "42703", "3F000": // undefined_table, undefined_column, invalid_schema_name
		return storage.ErrSchema
	case "25006", // read_only_sql_transaction: a standby, after a failover
		"25P03", // idle_in_transaction_session_timeout
		"3D000": // invalid_catalog_name
		return storage.ErrUnavailable
	}
	switch class := code[:min(2, len(code))]; class {
	case "08", "28", "53", "57", "58": // connection, authorization, resources, operator intervention and cancelled, system
		return storage.ErrUnavailable
	case "22": // data exception
		return storage.ErrInvalid
	}
	return nil
}

func postgresMeaning(err error) error {
	if fault, ok := errors.AsType[*pq.Error](err); ok {
		return postgresMeanings(string(fault.Code))
	}
	return nil
}

func postgresLost(err error) bool {
	fault, ok := errors.AsType[*pq.Error](err)
	return ok && (fault.Code == "40001" || fault.Code == "40P01")
}

// postgresUndone knows the commits that certainly did not happen. Everything
// else, a lost connection above all, leaves it open.
func postgresUndone(err error) bool {
	if errors.Is(err, sql.ErrTxDone) || errors.Is(err, pq.ErrInFailedTransaction) {
		return true
	}
	fault, ok := errors.AsType[*pq.Error](err)
	if !ok {
		return false
	}
	class := string(fault.Code[:min(2, len(fault.Code))])
	// 40003 is statement_completion_unknown.
	return class == "40" && fault.Code != "40003" || class == "23" || class == "25"
}
