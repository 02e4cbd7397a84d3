package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The exit codes. They are part of the contract with scripts.
const (
	exitOK          = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitRefused     = 3
	exitNotFound    = 4
	exitDenied      = 5
	exitConflict    = 6
	exitUnavailable = 7
	exitBroken      = 8
)

// exits is the one table of exit codes: what each means, and which gRPC codes
// lead to it. A code that stands in no row is an unexpected failure.
var exits = []struct {
	code    int
	meaning string
	rpc     []codes.Code
}{
	{exitOK, "done; a checked key is allowed", []codes.Code{codes.OK}},
	{exitUnexpected, "unexpected failure", nil},
	{exitUsage, "wrong usage, or an invalid argument", []codes.Code{codes.InvalidArgument, codes.OutOfRange}},
	{exitRefused, "a checked key is refused", nil},
	{exitNotFound, "not found", []codes.Code{codes.NotFound}},
	{exitDenied, "not authenticated, or not permitted", []codes.Code{codes.Unauthenticated, codes.PermissionDenied}},
	{exitConflict, "conflict: a stale etag, an id that exists, a state that forbids it, a secret withheld", []codes.Code{codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition}},
	{exitUnavailable, "unavailable: nothing could be decided, or whether it took effect is open", []codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled}},
	{exitBroken, "the audit chain is broken", nil},
}

// ExitCode is what a process ends with after err. Nil is 0, and an error of
// unknown kind is 1.
func ExitCode(err error) int {
	var f *failure
	var usage *kong.ParseError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
		return f.exit
	case errors.As(err, &usage):
		return exitUsage
	}
	if s, ok := status.FromError(err); ok {
		return exitOf(s.Code())
	}
	return exitUnexpected
}

func exitOf(code codes.Code) int {
	for _, row := range exits {
		for _, c := range row.rpc {
			if c == code {
				return row.code
			}
		}
	}
	return exitUnexpected
}

// ExitCodesHelp is the table of exit codes as help texts show it.
func ExitCodesHelp() string {
	var b strings.Builder
	b.WriteString("Exit codes:\n")
	for _, row := range exits {
		fmt.Fprintf(&b, "\n    %d  %s", row.code, row.meaning)
	}
	return b.String()
}
