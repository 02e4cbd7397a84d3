package client_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// One row for each kind of error a server gives, over both doors.
func TestExitCodesOfServerErrors(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		for _, c := range []struct {
			code   codes.Code
			reason string
			exit   int
		}{
			{codes.InvalidArgument, "INVALID_ARGUMENT", 2},
			{codes.NotFound, "NOT_FOUND", 4},
			{codes.Unauthenticated, "KEY_EXPIRED", 5},
			{codes.PermissionDenied, "PERMISSION_DENIED", 5},
			{codes.PermissionDenied, "TENANT_SUSPENDED", 5},
			{codes.AlreadyExists, "ALREADY_EXISTS", 6},
			{codes.Aborted, "CONFLICT", 6},
			{codes.FailedPrecondition, "FAILED_PRECONDITION", 6},
			{codes.ResourceExhausted, "RATE_LIMITED", 7},
			{codes.Unavailable, "STORE_UNAVAILABLE", 7},
			{codes.DeadlineExceeded, "DEADLINE_EXCEEDED", 7},
			{codes.Canceled, "CANCELED", 7},
			{codes.Internal, "INTERNAL", 1},
		} {
			d.fake.err = ourError(c.code, c.reason)
			r := d.run(t, "key", "disable", keyID)
			if r.code != c.exit {
				t.Errorf("%s (%s): exit code %d, want %d: %s", c.code, c.reason, r.code, c.exit, r.err)
			}
			wantPart(t, "stderr", r.err, "("+c.reason+")")
			want(t, "stdout", r.out, "")
		}
	})
}

func invalid() error {
	return ourError(codes.InvalidArgument, "INVALID_ARGUMENT", &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "create.key.displayName", Description: "must have at most 256 bytes"},
		{Field: "create.key.scopes[0]", Description: "must be a permission"},
	}})
}

func TestAnErrorTellsEverything(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.err = invalid()
		r := d.run(t, "key", "create", "--user", "ada")
		r.wantCode(t, 2)
		want(t, "stderr", r.err, `keystile: it did not work (INVALID_ARGUMENT)
  field:    create.key.displayName must have at most 256 bytes
  field:    create.key.scopes[0] must be a permission
  remedy:   Do it otherwise.
  docs:     https://example.com/errors.md#reason
  request:  req-7
`)
		want(t, "stdout", r.out, "")
	})
}

func TestAnErrorInJSONIsAProblem(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.err = invalid()
		r := d.run(t, "key", "create", "--user", "ada", "-o", "json")
		r.wantCode(t, 2)
		want(t, "stderr", r.err, `{
  "type": "https://example.com/errors.md#reason",
  "title": "Bad Request",
  "status": 400,
  "detail": "it did not work",
  "reason": "INVALID_ARGUMENT",
  "remedy": "Do it otherwise.",
  "requestId": "req-7",
  "errors": [
    {
      "field": "create.key.displayName",
      "message": "must have at most 256 bytes"
    },
    {
      "field": "create.key.scopes[0]",
      "message": "must be a permission"
    }
  ]
}
`)
		r = d.run(t, "key", "create", "-o", "json")
		r.wantCode(t, 2)
		if !json.Valid([]byte(r.err)) {
			t.Errorf("a usage error is no JSON: %s", r.err)
		}
	})
}

func TestUsageErrors(t *testing.T) {
	d := overGRPC(t)
	for _, line := range []string{
		"", "key", "key nonsense", "key get", "key get a b", "key create", "key create --user ada --expires-in 1h --expire-time 2027-01-01T00:00:00Z",
		"key create --user ada --expires-in tomorrow", "key create --user ada --expires-in -1h", "key create --user ada --expire-time tomorrow", "key create --user ada --label x",
		"key update " + keyID, "key update " + keyID + " --scope a.b --clear-scopes", "key update " + keyID + " --label a=b --clear-labels",
		"key revoke " + keyID + " --reason boredom", "key rotate " + keyID + " --grace 1.5d", "key list -o yaml", "key list --timeout 0s",
		"tenant update acme", "tenant update acme --host a --clear-hosts", "tenant update acme --max-key-lifetime -1h", "tenant update acme --max-key-lifetime soon",
		"tenant purge --retention forever", "user update ada", "user update ada --kind robot", "user create ada --kind robot", "user update ada --role a --clear-roles", "role update billing", "plan update gold", "plan update gold --quota q=1/DAY --clear-quotas", "user create ada --rate-limit m=10",
		"subscription create", "subscription create --api /orders", "subscription approve", "subscription update S", "subscription approve S --expires-in -1h", "key revoke-self extra",
		"key update " + keyID + " --api a --clear-apis", "api deprecate orders --sunset soon",
	} {
		if r := d.run(t, strings.Fields(line)...); r.code != 2 {
			t.Errorf("%q: exit code %d, want 2: %s", line, r.code, r.err)
		}
	}
	if len(d.fake.asked) > 0 {
		t.Errorf("the server was asked %v", d.fake.asked)
	}
}

// Whether a write took effect is open when its answer was lost: the person
// learns how to give it again. A repeat must be the very same request.
func TestALostAnswerNamesTheRequestID(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.err = ourError(codes.Unavailable, "STORE_UNAVAILABLE")
		r := d.run(t, "key", "create", "--user", "ada", "--expires-in", "1h")
		r.wantCode(t, 7)
		wantPart(t, "stderr", r.err, "--request-id "+zeroID+" and --expire-time 2026-11-24T13:00:00Z in place of --expires-in")
		if n := len(d.fake.asked); n != 1 {
			t.Errorf("asked %d times: a write is never repeated unasked", n)
		}
		wantWithout(t, "stderr of a dry run", d.run(t, "key", "create", "--user", "ada", "--validate-only").err, "--request-id")
		d.fake.err = ourError(codes.NotFound, "NOT_FOUND")
		wantWithout(t, "stderr of a certain failure", d.run(t, "key", "create", "--user", "ada").err, "--request-id")
	})
}

func TestAReadIsTriedAgainForAWhile(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.err, d.fake.fails = ourError(codes.Unavailable, "STORE_UNAVAILABLE"), 2
		d.run(t, "key", "get", keyID).wantCode(t, 0)
		if n := len(d.fake.asked); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
		d.fake.fails = -1
		d.run(t, "key", "get", keyID).wantCode(t, 7)
		if n := len(d.fake.asked); n != 7 {
			t.Errorf("asked %d times, want 3 + 4", n)
		}
	})
}

func TestACallEndsInTime(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.fake.delay = 400 * time.Millisecond
		r := d.run(t, "key", "get", keyID, "--timeout", "50ms")
		r.wantCode(t, 7)
		wantPart(t, "stderr", r.err, "DEADLINE_EXCEEDED")
	})
}

func TestNobodyThere(t *testing.T) {
	d := &door{}
	for _, server := range []string{"127.0.0.1:1", "http://127.0.0.1:1"} {
		d.server = server
		r := d.run(t, "tenant", "create", "acme")
		r.wantCode(t, 7)
		wantPart(t, "stderr", r.err, "Is a server running at "+server+"?")
	}
}

func TestACallWithoutAKeyIsToldWhereToPutIt(t *testing.T) {
	eachDoor(t, func(t *testing.T, d *door) {
		d.env = nil
		d.fake.err = ourError(codes.Unauthenticated, "KEY_MISSING")
		r := d.run(t, "key", "get", keyID)
		r.wantCode(t, 5)
		wantPart(t, "stderr", r.err, "--key-file")
		want(t, "authorization", d.fake.who[0], "")
	})
}

// What a server says must not steer the terminal.
func TestControlCharactersAreTakenOut(t *testing.T) {
	d := overGRPC(t)
	d.fake.err = status.Error(codes.NotFound, "no\x1b[2J\nsuch thing")
	r := d.run(t, "key", "get", keyID)
	r.wantCode(t, 4)
	want(t, "stderr", r.err, "keystile: no\ufffd[2J\ufffdsuch thing (NOT_FOUND)\n")
}

// Answers that are not Keystile's say nothing about a record, and a redirect is
// not followed with the key in hand.
func TestStrangersOnTheWay(t *testing.T) {
	for _, c := range []struct {
		status, exit int
		kind, body   string
	}{
		{404, 1, "text/html", "<p>not here"},
		{404, 1, "application/json", "{}"},
		{401, 5, "text/plain", "no"},
		{502, 7, "text/html", "bad gateway"},
		{503, 7, "text/html", "busy"},
		{302, 1, "text/html", ""},
		{200, 1, "text/html", "<p>welcome"},
		{200, 1, "application/json", `{"key": {"id": 1}}`},
		{404, 4, "application/problem+json", `{"status":404,"detail":"gone","reason":"NOT_FOUND"}`},
		{409, 6, "application/problem+json", `{"status":409,"detail":"changed","reason":"CONFLICT"}`},
		{413, 2, "application/problem+json; charset=utf-8", `{"status":413,"detail":"large","reason":"BODY_TOO_LARGE"}`},
	} {
		seen := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			seen++
			w.Header().Set("Content-Type", c.kind)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		d := &door{server: server.URL, env: map[string]string{"KEYSTILE_KEY": adminKey}}
		r := d.run(t, "key", "disable", keyID)
		if r.code != c.exit || seen != 1 {
			t.Errorf("HTTP %d %s: exit code %d after %d calls, want %d after 1: %s", c.status, c.kind, r.code, seen, c.exit, r.err)
		}
		server.Close()
	}
}

// An id that a URL would read as something else never gets that far.
func TestAnIDStaysAnID(t *testing.T) {
	d := overREST(t)
	for _, id := range []string{"..", ".", "../auditEvents:head", "x:revoke", `a\b`, "%2e"} {
		d.run(t, "key", "get", id).wantCode(t, 2)
	}
	if len(d.fake.asked) > 0 {
		t.Errorf("the server was asked %v", d.fake.asked)
	}
}
