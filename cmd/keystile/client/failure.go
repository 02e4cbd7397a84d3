package client

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// failure is an error in the form in which it is reported.
type failure struct {
	exit int
	// code is OK for errors that did not come from a server.
	code    codes.Code
	reason  string
	message string
	// The rest may be empty.
	remedy     string
	docs       string
	requestID  string
	decisionID string
	violations []violation
	// repeat says how a write whose outcome is open can be given again.
	repeat string
	// json says that the command was asked to write for programs.
	json bool
	// quiet: the result that was printed says it already.
	quiet bool
	cause error
}

type violation struct{ field, message string }

// Error gives the failure's message.
func (f *failure) Error() string { return f.message }

// Unwrap gives what lies behind the failure.
func (f *failure) Unwrap() error { return f.cause }

// advice is what to do about the failure, in one line.
func (f *failure) advice() string {
	return strings.TrimSpace(f.remedy + " " + f.repeat)
}

// usagef is the failure of a command that can't be understood. The arguments
// must not hold a secret.
func usagef(format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{exit: exitUsage, message: err.Error(), cause: errors.Unwrap(err)}
}

// unexpectedf is a failure that no argument could have avoided.
func unexpectedf(format string, args ...any) *failure {
	err := fmt.Errorf(format, args...)
	return &failure{exit: exitUnexpected, message: err.Error(), cause: errors.Unwrap(err)}
}

// answered is the failure of a command whose printed result is the bad news.
func answered(exit int, reason, message string) *failure {
	return &failure{exit: exit, reason: reason, message: message, quiet: true}
}

// failureOf gives any error the form in which it is reported.
func failureOf(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	s, ok := status.FromError(err)
	if !ok || s.Code() == codes.OK {
		return &failure{exit: ExitCode(err), message: err.Error(), cause: err}
	}
	f = &failure{exit: exitOf(s.Code()), code: s.Code(), reason: codeName(s.Code()), message: s.Message(), cause: err}
	for _, detail := range s.Details() {
		f.add(detail)
	}
	return f
}

// open tells whether a write that failed so may have taken effect all the same.
func (f *failure) open() bool {
	switch f.code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Unknown, codes.Internal:
		return true
	}
	return false
}

func (f *failure) add(detail any) {
	switch d := detail.(type) {
	case *errdetails.ErrorInfo:
		f.reason = d.GetReason()
		f.remedy = d.GetMetadata()["remedy"]
		f.decisionID = d.GetMetadata()["decision_id"]
	case *errdetails.RequestInfo:
		f.requestID = d.GetRequestId()
	case *errdetails.BadRequest:
		for _, v := range d.GetFieldViolations() {
			f.violations = append(f.violations, violation{v.GetField(), v.GetDescription()})
		}
	case *errdetails.Help:
		if links := d.GetLinks(); len(links) > 0 {
			f.docs = links[0].GetUrl()
		}
	}
}

// ownError tells whether an error came from Keystile itself, rather than from
// gRPC's library or something on the way.
func ownError(s *status.Status) bool {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == errorDomain {
			return true
		}
	}
	return false
}

// errorDomain is ErrorInfo.domain of every error that Keystile makes.
const errorDomain = "keystile"
