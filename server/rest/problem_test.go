package rest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/keystile/keystile/server/rest"
)

func detailed(t *testing.T, code codes.Code, text string, details ...protoadapt.MessageV1) error {
	t.Helper()
	s, err := status.New(code, text).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestErrorsOfTheServer(t *testing.T) {
	w := newWorld(t)
	ours := func(reason string) *errdetails.ErrorInfo {
		return &errdetails.ErrorInfo{Reason: reason, Domain: "keystile"}
	}
	const text = "the words for the client"
	for _, c := range []struct {
		err    error
		status int
		reason string
		detail string
	}{
		{detailed(t, codes.Unauthenticated, text, ours("KEY_EXPIRED")), 401, "KEY_EXPIRED", text},
		{detailed(t, codes.PermissionDenied, text, ours("PERMISSION_DENIED")), 403, "PERMISSION_DENIED", text},
		{detailed(t, codes.NotFound, text, ours("NOT_FOUND")), 404, "NOT_FOUND", text},
		{detailed(t, codes.Aborted, text, ours("CONFLICT")), 409, "CONFLICT", text},
		{detailed(t, codes.AlreadyExists, text, ours("ALREADY_EXISTS")), 409, "ALREADY_EXISTS", text},
		{detailed(t, codes.FailedPrecondition, text, ours("FAILED_PRECONDITION")), 400, "FAILED_PRECONDITION", text},
		{detailed(t, codes.ResourceExhausted, text, ours("RATE_LIMITED")), 429, "RATE_LIMITED", text},
		{detailed(t, codes.Unavailable, text, ours("STORE_UNAVAILABLE")), 503, "STORE_UNAVAILABLE", text},
		{detailed(t, codes.DeadlineExceeded, text, ours("DEADLINE_EXCEEDED")), 504, "DEADLINE_EXCEEDED", text},
		{detailed(t, codes.Internal, "secret text", ours("SECRET_REASON")), 500, "INTERNAL", "internal error"},
		{detailed(t, codes.InvalidArgument, text, &errdetails.ErrorInfo{Reason: "FOREIGN", Domain: "elsewhere"}), 400, "INVALID_ARGUMENT", text},
		{status.Error(codes.NotFound, text), 404, "NOT_FOUND", text},
		{status.Error(codes.Unknown, "secret text"), 500, "INTERNAL", "internal error"},
		{status.Error(codes.Code(77), "secret text"), 500, "INTERNAL", "internal error"},
		{errors.New("secret text"), 500, "INTERNAL", "internal error"},
		{status.Error(codes.Unavailable, "secret text"), 503, "UNAVAILABLE", "the service is not available at the moment"},
		{status.Error(codes.Unimplemented, "secret text"), 501, "UNIMPLEMENTED", "this call is not served here"},
		{status.Error(codes.ResourceExhausted, "secret text"), 413, "BODY_TOO_LARGE", "the request is too large"},
	} {
		w.answers(nil, c.err)
		got := w.do("POST", "/v1/keys:check", "{}")
		p := w.problem(got, c.status)
		if p.Reason != c.reason || p.Detail != c.detail || p.Type != "about:blank" || len(p.Errors) != 0 {
			t.Errorf("%v: got %s", c.err, got.body)
		}
		if strings.Contains(got.body, "ecret") || strings.Contains(got.body, `"errors"`) || strings.Contains(got.body, `"remedy"`) {
			t.Errorf("%v: %s holds what it must not", c.err, got.body)
		}
		if challenge := got.header.Get("WWW-Authenticate"); (challenge == `Bearer realm="keystile"`) != (c.status == 401) {
			t.Errorf("%v: WWW-Authenticate %q", c.err, challenge)
		}
		if retry := got.header.Get("Retry-After"); (retry == "1") != (c.status == 503) {
			t.Errorf("%v: Retry-After %q", c.err, retry)
		}
	}
}

func TestProblemHasAllDetails(t *testing.T) {
	w := newWorld(t)
	w.answers(nil, detailed(t, codes.InvalidArgument, "see key.displayName and 1 more",
		&errdetails.ErrorInfo{Reason: "INVALID_ARGUMENT", Domain: "keystile", Metadata: map[string]string{"remedy": "Fix it.", "decision_id": "d-1"}},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "key.displayName", Description: "is required"}, {Field: "key.scopes[1]", Description: "must be <short> & plain"},
		}},
		&errdetails.Help{Links: []*errdetails.Help_Link{{Url: "https://docs.example/errors.md#x"}}},
		&errdetails.RequestInfo{RequestId: "r-1"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
	))
	got := w.do("POST", "/v1/keys", "{}", "X-Request-Id: r-1")
	p := w.problem(got, 400)
	if p.Type != "https://docs.example/errors.md#x" || p.Title != "Bad Request" || p.Remedy != "Fix it." || p.DecisionID != "d-1" || p.RequestID != "r-1" ||
		len(p.Errors) != 2 || p.Errors[1].Field != "key.scopes[1]" || got.header.Get("Retry-After") != "2" {
		t.Errorf("got %s, Retry-After %s", got.body, got.header.Get("Retry-After"))
	}
}

func TestWriteProblemForOtherDoors(t *testing.T) {
	for err, want := range map[error]int{
		context.DeadlineExceeded:                      504,
		context.Canceled:                              499,
		fmt.Errorf("reading: %w", context.Canceled):   499,
		status.Error(codes.Unauthenticated, "no key"): 401,
		errors.New("secret text"):                     500,
	} {
		w := httptest.NewRecorder()
		rest.WriteProblem(w, "r-1", err)
		if w.Code != want || !strings.Contains(w.Body.String(), `"requestId":"r-1"`) || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), `"title":""`) {
			t.Errorf("%v: got %d %s", err, w.Code, w.Body)
		}
	}
}

func TestPanicsAreAnsweredAndLogged(t *testing.T) {
	var logs strings.Builder
	handler := panicking(t, &logs)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/keys", nil))
	if w.Code != 500 || strings.Contains(w.Body.String(), "SECRET") || strings.Contains(w.Body.String(), "goroutine") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if !strings.Contains(logs.String(), "panic in a REST call") || !strings.Contains(logs.String(), "request_id=made") || strings.Contains(logs.String(), "SECRET") {
		t.Errorf("logged %s", logs.String())
	}
}
