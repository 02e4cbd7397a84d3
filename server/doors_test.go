package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/gateway"
	"github.com/keystile/keystile/storage"
)

// asking is what the matrix asks at every door.
type asking struct {
	secret     string
	permission string
	clientIP   string
	keyTenant  string
	// tenant, api and call are what is called; call is "METHOD HOST PATH".
	tenant, apiTenant, api string
	call                   string
	// apiHostTenant is whose host a gateway sends a call to when only an API is
	// named.
	apiHostTenant string
}

// http splits the call.
func (q *asking) http() *access.HTTPCall {
	if q.call == "" {
		return nil
	}
	parts := strings.SplitN(q.call, " ", 3)
	return &access.HTTPCall{Method: parts[0], Host: parts[1], Path: parts[2]}
}

// told is what a door answered, in words that all doors share.
type told struct {
	Allowed bool
	Reason  string
	// HTTPStatus and Code are what a gateway would be told: the door's own where
	// it answers in them, the table's for the reason where it answers verdicts.
	HTTPStatus int
	Code       string
	Message    string
	// Tenant, User and Key are the identity's ids.
	Tenant, User, Key string
	// API is the API that was found, as tenant/id, and Route its route.
	API, Route string
	// Rich is true when the identity tells more than ids.
	Rich bool
}

// door is one way in. A new door joins the matrix by implementing it, and by a
// line in doors.
type door interface {
	name() string
	// carries tells whether a question can be put at the door at all.
	carries(q asking) bool
	ask(t *testing.T, h *house, q asking) told
	// tells gives of an answer what the door tells of it.
	tells(want told) told
}

func doors() []door {
	return []door{
		serviceDoor{}, grpcDoor{}, restDoor{}, envoyDoor{},
		httpDoor{gateway.ForwardAuthPath}, httpDoor{gateway.AuthRequestPath}, httpDoor{gateway.ExtAuthzPath},
		keptDoor{httpDoor{gateway.ForwardAuthPath}}, keptDoor{httpDoor{gateway.AuthRequestPath}}, keptDoor{httpDoor{gateway.ExtAuthzPath}},
	}
}

// plainDoor carries every question, and tells everything.
type plainDoor struct{}

func (plainDoor) carries(asking) bool  { return true }
func (plainDoor) tells(want told) told { return want }

// byTable fills in what the table says of a reason.
func byTable(a told) told {
	for _, e := range access.Entries() {
		if e.Name == a.Reason {
			a.HTTPStatus, a.Code = e.HTTPStatus, e.Code
		}
	}
	return a
}

// check asks the Service itself.
func check(ctx context.Context, s *server.Service, q server.Question) (server.Answer, error) {
	var a server.Answer
	err := s.Check(ctx, &q, &a)
	return a, err
}

type serviceDoor struct{ plainDoor }

func (serviceDoor) name() string { return "service" }

func (serviceDoor) ask(t *testing.T, h *house, q asking) told {
	t.Helper()
	var ip netip.Addr
	if q.clientIP != "" {
		ip = netip.MustParseAddr(q.clientIP)
	}
	a, err := check(t.Context(), h.service, server.Question{
		Secret: access.ParseSecret(q.secret), Permission: q.permission, ClientIP: ip, KeyTenant: q.keyTenant,
		Tenant: q.tenant, API: storage.APIRef{TenantID: q.apiTenant, ID: q.api}, Call: q.http(),
	})
	if err != nil {
		var f *server.Fault
		if !asFault(err, &f) {
			t.Fatalf("the error is no fault: %v", err)
		}
		return told{Reason: f.Reason, HTTPStatus: http.StatusServiceUnavailable, Code: "UNAVAILABLE"}
	}
	out := told{Allowed: a.Verdict.Allowed(), Reason: a.Verdict.Reason.String(), Message: access.Message(a.Verdict, &a.Grant)}
	if a.Verdict.Reason.Identified() {
		out.Tenant, out.User, out.Key = a.Grant.Key.TenantID, a.Grant.Key.UserID, a.Grant.Key.ID
		out.Rich = out.Allowed
	}
	if t := a.Grant.Target; t.API != nil && a.Verdict.Reason.Identified() {
		out.API, out.Route = t.API.TenantID+"/"+t.API.ID, t.Pattern
	}
	return byTable(out)
}

type grpcDoor struct{ plainDoor }

func (grpcDoor) name() string { return "gRPC" }

func (grpcDoor) ask(t *testing.T, h *house, q asking) told {
	t.Helper()
	resp, err := pb.NewKeyServiceClient(h.conn).CheckKey(t.Context(), &pb.CheckKeyRequest{
		Key: q.secret, Permission: q.permission, ClientIp: q.clientIP, KeyTenant: q.keyTenant,
		Tenant: q.tenant, ApiId: q.api, ApiTenantId: q.apiTenant, Request: callToProto(q.http()),
	})
	if err != nil {
		s := status.Convert(err)
		if s.Code() != codes.Unavailable {
			t.Fatalf("unexpected error: %v", err)
		}
		return told{Reason: errorReason(s), HTTPStatus: http.StatusServiceUnavailable, Code: "UNAVAILABLE"}
	}
	return fromProto(resp)
}

func callToProto(c *access.HTTPCall) *pb.HTTPRequest {
	if c == nil {
		return nil
	}
	return &pb.HTTPRequest{Method: c.Method, Host: c.Host, Path: c.Path}
}

// apiName joins the two parts of an API's name, if there are any.
func apiName(tenant, id string) string { return strings.Trim(tenant+"/"+id, "/") }

func fromProto(resp *pb.CheckKeyResponse) told {
	id := resp.GetIdentity()
	return byTable(told{
		API: apiName(resp.GetApiTenantId(), resp.GetApiId()), Route: resp.GetRoutePath(),
		Allowed: resp.GetAllowed(), Reason: resp.GetReason().String(), Message: resp.GetMessage(),
		Tenant: id.GetTenantId(), User: id.GetUserId(), Key: id.GetKeyId(),
		Rich: len(id.GetRoles()) > 0 || len(id.GetPermissions()) > 0 || id.GetDisplayName() != "" || len(id.GetLabels()) > 0,
	})
}

type restDoor struct{ plainDoor }

func (restDoor) name() string { return "REST" }

func (restDoor) ask(t *testing.T, h *house, q asking) told {
	t.Helper()
	body := map[string]any{"key": q.secret, "permission": q.permission, "clientIp": q.clientIP, "keyTenant": q.keyTenant, "tenant": q.tenant, "apiId": q.api, "apiTenantId": q.apiTenant}
	if c := q.http(); c != nil {
		body["request"] = map[string]any{"method": c.Method, "host": c.Host, "path": c.Path}
	}
	code, raw := h.post("/v1/keys:check", "", body)
	if code == http.StatusServiceUnavailable {
		var problem struct{ Reason string }
		if err := json.Unmarshal(raw, &problem); err != nil {
			t.Fatal(err)
		}
		return told{Reason: problem.Reason, HTTPStatus: code, Code: "UNAVAILABLE"}
	}
	if code != http.StatusOK {
		t.Fatalf("status %d: %s", code, raw)
	}
	var answer struct {
		Allowed *bool

		APIID, APITenantID, RoutePath string

		Reason   string
		Message  string
		Identity *struct {
			TenantID, UserID, KeyID, DisplayName string
			Roles, Permissions                   []string
			Labels                               map[string]string
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	if answer.Allowed == nil {
		t.Fatalf(`"allowed" is not written: %s`, raw)
	}
	out := told{
		Allowed: *answer.Allowed, Reason: answer.Reason, Message: answer.Message,
		API: apiName(answer.APITenantID, answer.APIID), Route: answer.RoutePath,
	}
	if id := answer.Identity; id != nil {
		out.Tenant, out.User, out.Key = id.TenantID, id.UserID, id.KeyID
		out.Rich = len(id.Roles) > 0 || len(id.Permissions) > 0 || id.DisplayName != "" || len(id.Labels) > 0
	}
	return byTable(out)
}

// errorReason reads ErrorInfo of a gRPC error.
func errorReason(s *status.Status) string {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// send makes one REST call; body may be nil, text, or what becomes JSON.
func (h *house) send(method, path, secret string, body any) (int, []byte, http.Header) {
	h.t.Helper()
	var reader io.Reader = http.NoBody
	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewReader([]byte(b))
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.web.URL+path, reader)
	if err != nil {
		h.t.Fatal(err)
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, raw, resp.Header
}

func (h *house) post(path, secret string, body any) (int, []byte) {
	h.t.Helper()
	code, raw, _ := h.send(http.MethodPost, path, secret, body)
	return code, raw
}

func question(secret string) server.Question {
	return server.Question{Secret: access.ParseSecret(secret)}
}
