package rest

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
)

// answer is a ResponseWriter that knows whether the answer has begun, and
// answers HEAD without a body.
type answer struct {
	http.ResponseWriter
	head  bool
	begun bool
}

// WriteHeader begins the answer.
func (a *answer) WriteHeader(code int) {
	a.begun = true
	a.ResponseWriter.WriteHeader(code)
}

// Write sends a part of the body.
func (a *answer) Write(data []byte) (int, error) {
	a.begun = true
	if a.head {
		return len(data), nil
	}
	return a.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController find the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// recovered turns a panic into an answer. Deferred; found is recover's result.
func recovered(found any, a *answer, requestID string, log *slog.Logger) {
	if found == nil {
		return
	}
	if found == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is thrown
		panic(found)
	}
	// A value that was thrown may hold anything, a secret too; only the
	// runtime's own errors are known to hold none.
	what := fmt.Sprintf("%T", found)
	if err, ok := found.(runtime.Error); ok {
		what = err.Error()
	}
	log.Error("panic in a REST call", "request_id", requestID, "panic", what, "stack", string(debug.Stack()))
	if a.begun {
		// Half an answer must not look like a whole one.
		panic(http.ErrAbortHandler)
	}
	p := Problem{Status: http.StatusInternalServerError, Reason: "INTERNAL", Detail: "internal error", RequestID: requestID}
	p.Write(a)
}
