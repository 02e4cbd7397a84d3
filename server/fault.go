package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// errorDomain is ErrorInfo.domain of every error.
const errorDomain = "keystile"

// Reasons of errors that are no verdicts.
const (
	reasonInvalid      = "INVALID_ARGUMENT"
	reasonNotFound     = "NOT_FOUND"
	reasonExists       = "ALREADY_EXISTS"
	reasonConflict     = "CONFLICT"
	reasonPrecondition = "FAILED_PRECONDITION"
	reasonDenied       = "PERMISSION_DENIED"
	reasonInternal     = "INTERNAL"
	reasonTimeout      = "DEADLINE_EXCEEDED"
	reasonCanceled     = "CANCELED"
)

// Fault is an error whose text the caller may see.
type Fault struct {
	Code    codes.Code
	Reason  string
	Message string
	// Remedy, DecisionID and DocumentationURL may be empty.
	Remedy           string
	DecisionID       string
	DocumentationURL string
	Violations       []Violation
	// RetryAfter, when positive, says when trying again makes sense.
	RetryAfter time.Duration
	cause      error
}

// Violation is what is wrong with one field of a request. It never holds the
// field's value.
type Violation struct {
	// Field is the path in the JSON form, such as "key.displayName".
	Field   string
	Message string
}

// Error gives the fault's message.
func (f *Fault) Error() string { return f.Message }

// Unwrap gives what lies behind the fault, for logs only.
func (f *Fault) Unwrap() error { return f.cause }

func notFound(what string) error {
	return &Fault{Code: codes.NotFound, Reason: reasonNotFound, Message: what + " not found"}
}

func precondition(format string, args ...any) error {
	return &Fault{Code: codes.FailedPrecondition, Reason: reasonPrecondition, Message: fmt.Sprintf(format, args...)}
}

func forbidden(message, remedy string) *Fault {
	return &Fault{Code: codes.PermissionDenied, Reason: reasonDenied, Message: message, Remedy: remedy}
}

func staleEtag() error {
	return &Fault{
		Code: codes.Aborted, Reason: reasonConflict,
		Message: "the etag is not the current one: the record has changed since it was read",
		Remedy:  "Read the record again, and repeat the change with its new etag.",
	}
}

// unavailable is the fault of a store out of reach, or of data grown too old.
func unavailable(cause error) *Fault {
	e := access.StoreUnavailable.Entry()
	return &Fault{
		Code: codes.Unavailable, Reason: e.Name, Message: "the store is out of reach; nothing was decided", Remedy: e.Remedy,
		RetryAfter: time.Second, cause: cause,
	}
}

// faults is the one table from the errors of the inside to what callers see.
// What stands nowhere in it is an internal error, and its text stays inside.
var faults = []struct {
	is   error
	code codes.Code
	// reason and message are what the caller is told.
	reason, message string
}{
	{storage.ErrNotFound, codes.NotFound, reasonNotFound, "not found"},
	{storage.ErrExists, codes.AlreadyExists, reasonExists, "a record with this id exists already"},
	{storage.ErrConflict, codes.Aborted, reasonConflict, "the record was changed by another call at the same time; try again"},
	{storage.ErrInvalid, codes.InvalidArgument, reasonInvalid, "a value can't be stored"},
	{storage.ErrUnreadable, codes.FailedPrecondition, reasonPrecondition, "the record has a field that can't be read; it may only be revoked or deleted"},
	{context.Canceled, codes.Canceled, reasonCanceled, "the call was cancelled"},
	{context.DeadlineExceeded, codes.DeadlineExceeded, reasonTimeout, "the call's time was up; whether it took effect is open"},
}

// faultOf turns any error into a fault.
func faultOf(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	if errors.Is(err, storage.ErrUnavailable) {
		f := unavailable(err)
		if errors.Is(err, storage.ErrOutcomeOpen) {
			f.Message = "the store went out of reach while the change was committed: whether it took effect is open"
			f.Remedy = "Repeat the call with the same requestId, or read the record: what has taken effect is not done twice."
		}
		return f
	}
	for _, row := range faults {
		if errors.Is(err, row.is) {
			return &Fault{Code: row.code, Reason: row.reason, Message: row.message, cause: err}
		}
	}
	if s, ok := status.FromError(err); ok && s.Code() != codes.Unknown && s.Code() != codes.Internal {
		return &Fault{Code: s.Code(), Reason: reasonInvalid, Message: s.Message(), cause: err}
	}
	return &Fault{Code: codes.Internal, Reason: reasonInternal, Message: "internal error", cause: err}
}

// status gives the fault in the form that goes over the wire.
func (f *Fault) status(requestID string) error {
	info := &errdetails.ErrorInfo{Reason: f.Reason, Domain: errorDomain, Metadata: map[string]string{}}
	if f.Remedy != "" {
		info.Metadata["remedy"] = f.Remedy
	}
	if f.DecisionID != "" {
		info.Metadata["decision_id"] = f.DecisionID
	}
	details := []protoadapt.MessageV1{info}
	if requestID != "" {
		details = append(details, &errdetails.RequestInfo{RequestId: requestID})
	}
	if len(f.Violations) > 0 {
		bad := &errdetails.BadRequest{}
		for _, v := range f.Violations {
			bad.FieldViolations = append(bad.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: v.Field, Description: v.Message})
		}
		details = append(details, bad)
	}
	if f.DocumentationURL != "" {
		details = append(details, &errdetails.Help{Links: []*errdetails.Help_Link{{Description: "cause and cure", Url: f.DocumentationURL}}})
	}
	if f.RetryAfter > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(f.RetryAfter)})
	}
	s, err := status.New(f.Code, f.Message).WithDetails(details...)
	if err != nil {
		return status.Error(f.Code, f.Message) //nolint:wrapcheck // this is the wire form
	}
	return s.Err()
}
