package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/keystile/keystile/storage"
)

// meanings are all that an error may be to a caller.
var meanings = []error{ //nolint:gochecknoglobals // a constant, but for its type
	storage.ErrNotFound, storage.ErrExists, storage.ErrConflict, storage.ErrUnavailable,
	storage.ErrInvalid, storage.ErrUnreadable, storage.ErrSchema, context.Canceled,
}

func TestPostgresErrorsHaveOneMeaning(t *testing.T) {
	d := postgresDialect(&PostgresConfig{}, Options{})
	other := errors.New("other")
	code := func(code string) error { return fmt.Errorf("wrapped: %w", &pq.Error{Code: pqerror.Code(code)}) }
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"unique_violation", code("23505"), storage.ErrExists},
		{"foreign_key_violation", code("23503"), storage.ErrNotFound},
		{"check_violation", code("23514"), storage.ErrInvalid},
		{"string_data_right_truncation", code("22001"), storage.ErrInvalid},
		{"untranslatable_character", code("22P05"), storage.ErrInvalid},
		{"serialization_failure", code("40001"), storage.ErrConflict},
		{"deadlock_detected", code("40P01"), storage.ErrConflict},
		{"lock_not_available", code("55P03"), storage.ErrConflict},
		{"undefined_table", code("42P01"), storage.ErrSchema},
		{"undefined_column", code("42703"), storage.ErrSchema},
		{"admin_shutdown", code("57P01"), storage.ErrUnavailable},
		{"crash_shutdown", code("57P02"), storage.ErrUnavailable},
		{"cannot_connect_now", code("57P03"), storage.ErrUnavailable},
		{"query_canceled, by the statement's limit", code("57014"), storage.ErrUnavailable},
		{"too_many_connections", code("53300"), storage.ErrUnavailable},
		{"disk_full", code("53100"), storage.ErrUnavailable},
		{"connection_failure", code("08006"), storage.ErrUnavailable},
		{"protocol_violation, from a pooler", code("08P01"), storage.ErrUnavailable},
		{"invalid_password", code("28P01"), storage.ErrUnavailable},
		{"read_only_sql_transaction, on a standby", code("25006"), storage.ErrUnavailable},
		{"idle_in_transaction_session_timeout", code("25P03"), storage.ErrUnavailable},
		{"a broken connection", driver.ErrBadConn, storage.ErrUnavailable},
		{"a closed connection", sql.ErrConnDone, storage.ErrUnavailable},
		{"an end in the middle", io.ErrUnexpectedEOF, storage.ErrUnavailable},
		{"a network error", &net.OpError{Op: "read", Err: errors.New("reset")}, storage.ErrUnavailable},
		{"any error of connecting", &connectError{errors.New("certificate")}, storage.ErrUnavailable},
		{"no rows", sql.ErrNoRows, storage.ErrNotFound},
		{"syntax_error", code("42601"), nil},
		{"a code of one letter", code("4"), nil},
		{"anything else", other, nil},
	} {
		got := d.classify(t.Context(), c.err)
		if !errors.Is(got, c.err) {
			t.Errorf("%s: the driver's error is lost: %v", c.what, got)
		}
		for _, meaning := range meanings {
			if is := errors.Is(got, meaning); is != errors.Is(c.want, meaning) {
				t.Errorf("%s: %v is %q: %v", c.what, got, meaning, is)
			}
		}
	}
}

func TestEndedContextsExplainErrors(t *testing.T) {
	d := sqliteDialect()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	if err := d.classify(cancelled, driver.ErrBadConn); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("cancelled: got %v", err)
	}
	if err := d.classify(late, driver.ErrBadConn); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("late: got %v", err)
	}
	// What was found before the context ended stays true.
	if err := d.classify(cancelled, storage.ErrExists); !errors.Is(err, storage.ErrExists) || errors.Is(err, context.Canceled) {
		t.Errorf("known: got %v", err)
	}
}

func TestCommitsThatAreCertainlyUndone(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{&pq.Error{Code: "40001"}, true},
		{&pq.Error{Code: "23503"}, true},
		{pq.ErrInFailedTransaction, true},
		{sql.ErrTxDone, true},
		{&pq.Error{Code: "40003"}, false},
		{&pq.Error{Code: "57P01"}, false},
		{&pq.Error{Code: "57014"}, false},
		{driver.ErrBadConn, false},
		{io.EOF, false},
		{&net.OpError{Op: "read", Err: errors.New("reset")}, false},
	} {
		if got := postgresUndone(c.err); got != c.want {
			t.Errorf("%v: got %v, want %v", c.err, got, c.want)
		}
	}
}
