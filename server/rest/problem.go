package rest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
)

// Problem is an error as HTTP clients see it: RFC 9457, with members of our
// own. The zero value is no valid answer: Status is required.
type Problem struct {
	// Type links to the reason's cause and cure. Empty is written as "about:blank".
	Type string `json:"type"`
	// Title is the status in words. Empty is filled in.
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail says in one line what happened.
	Detail string `json:"detail"`
	// Reason is a stable name to program against.
	Reason string `json:"reason"`
	// Remedy says in one line what to do about it.
	Remedy     string       `json:"remedy,omitempty"`
	RequestID  string       `json:"requestId,omitempty"`
	DecisionID string       `json:"decisionId,omitempty"`
	Errors     []FieldError `json:"errors,omitempty"`
	// RetryAfter, when positive, becomes the Retry-After header, in whole
	// seconds and at least one.
	RetryAfter time.Duration `json:"-"`
	// InvalidToken has the challenge of a 401 say that a credential came and is
	// not good.
	InvalidToken bool `json:"-"`
}

// FieldError is what is wrong with one field of a request. It never holds the
// value that the client sent.
type FieldError struct {
	// Field is the field's path in the client's own JSON, such as
	// "key.allowedCidrs[2]", a query parameter's or header's name, or "body".
	Field   string `json:"field"`
	Message string `json:"message"`
}

// statusClientClosedRequest is what the call of a client that went away is
// answered with. Nobody reads it but the logs.
const statusClientClosedRequest = 499

// Reasons of problems that arise before any RPC; all others come from the gRPC
// server or are the code's own name.
const (
	reasonInvalid          = "INVALID_ARGUMENT"
	reasonNotFound         = "NOT_FOUND"
	reasonMethodNotAllowed = "METHOD_NOT_ALLOWED"
	reasonBodyTooLarge     = "BODY_TOO_LARGE"
	reasonHeaderTooLarge   = "HEADER_TOO_LARGE"
	reasonUnsupportedMedia = "UNSUPPORTED_MEDIA_TYPE"
)

// WriteProblem answers a call that ended in err, which is an error from the
// gRPC server or any other. requestID may be empty.
func WriteProblem(w http.ResponseWriter, requestID string, err error) {
	p := ProblemOf(err)
	if p.RequestID == "" {
		p.RequestID = requestID
	}
	p.Write(w)
}

// Write sends the problem as the whole answer. Headers that w has already stay,
// except those that would misdescribe this body.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Etag", "Trailer", "Transfer-Encoding"} {
		h.Del(name)
	}
	text, status := p.Answer(h.Set)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	// An error here means that the client is gone: there is nobody to tell.
	_, _ = w.Write(text) //nolint:gosec // JSON, and declared as such
}

// Answer gives the body and the status of the problem's answer. Its headers, all
// but Content-Length, go to set, with names as net/http writes them.
func (p *Problem) Answer(set func(name, value string)) (body []byte, status int) {
	body, status = p.JSON()
	set("Content-Type", "application/problem+json")
	set("Cache-Control", "no-store")
	set("X-Content-Type-Options", "nosniff")
	if status == http.StatusUnauthorized {
		set("Www-Authenticate", p.Challenge())
	}
	if p.RetryAfter > 0 {
		seconds := max(1, int64((p.RetryAfter+time.Second-1)/time.Second))
		set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	return body, status
}

// JSON gives the body of the answer and its status.
func (p *Problem) JSON() (body []byte, status int) {
	full := *p
	if full.Type == "" {
		full.Type = "about:blank"
	}
	if full.Title == "" {
		full.Title = statusTitle(p.Status)
	}
	text, err := json.Marshal(full)
	if err != nil {
		// Strings and numbers always marshal; should that change, say less.
		return []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`), http.StatusInternalServerError
	}
	return text, full.Status
}

// Challenge is the value of WWW-Authenticate. It is bare where no credential
// came: RFC 6750 section 3.1 wants no error code there.
func (p *Problem) Challenge() string {
	if p.InvalidToken {
		return `Bearer realm="keystile", error="invalid_token"`
	}
	return `Bearer realm="keystile"`
}

func statusTitle(code int) string {
	if code == statusClientClosedRequest {
		return "Client Closed Request"
	}
	return http.StatusText(code)
}

// invalid is the problem of one field.
func invalid(field, message string) *Problem {
	return &Problem{
		Status: http.StatusBadRequest,
		Reason: reasonInvalid,
		Detail: "the request is invalid: see " + field,
		Errors: []FieldError{{Field: field, Message: message}},
	}
}

// notFound is the problem of a path that leads nowhere.
func notFound() *Problem {
	return &Problem{
		Status: http.StatusNotFound,
		Reason: reasonNotFound,
		Detail: "there is nothing at this path",
		Remedy: "See /openapi.json for the paths there are.",
	}
}

// codeName is a code as google.rpc.Code writes it.
func codeName(c codes.Code) string {
	names := [...]string{
		codes.OK:                 "OK",
		codes.Canceled:           "CANCELED",
		codes.Unknown:            "UNKNOWN",
		codes.InvalidArgument:    reasonInvalid,
		codes.DeadlineExceeded:   "DEADLINE_EXCEEDED",
		codes.NotFound:           reasonNotFound,
		codes.AlreadyExists:      "ALREADY_EXISTS",
		codes.PermissionDenied:   "PERMISSION_DENIED",
		codes.ResourceExhausted:  "RESOURCE_EXHAUSTED",
		codes.FailedPrecondition: "FAILED_PRECONDITION",
		codes.Aborted:            "ABORTED",
		codes.OutOfRange:         "OUT_OF_RANGE",
		codes.Unimplemented:      "UNIMPLEMENTED",
		codes.Internal:           "INTERNAL",
		codes.Unavailable:        "UNAVAILABLE",
		codes.DataLoss:           "DATA_LOSS",
		codes.Unauthenticated:    "UNAUTHENTICATED",
	}
	if int(c) < len(names) {
		return names[c]
	}
	return "UNKNOWN"
}
