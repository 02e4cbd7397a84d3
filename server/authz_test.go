package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// walk is one call of the management interface, by each kind of caller.
type walk struct {
	method, path string
	body         any
	// want is the status for nobody, guest, developer, another tenant's admin,
	// the tenant's admin, and the operator's admin.
	want [6]int
}

func TestWhoMayCallWhat(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.tenant("beta")
	h.user("acme", "owner", "developer")
	callers := []string{
		"", h.member("acme", "guest", "guest"), h.member("acme", "dev", "developer"),
		h.member("beta", "admin", "admin"), h.member("acme", "admin", "admin"), h.root,
	}
	names := []string{"nobody", "guest", "developer", "other admin", "admin", "operator"}
	id, _ := h.key("acme", "owner", nil)
	key := func(tenant string) object {
		return object{"key": object{"tenantId": tenant, "userId": "owner"}, "validateOnly": true}
	}
	dry := object{"validateOnly": true}
	user := func(tenant string, n string) object {
		return object{"user": object{"id": n, "tenantId": tenant, "kind": "PERSON", "roles": []string{"developer"}}, "validateOnly": true}
	}
	walks := []walk{
		{"GET", "/v1/keys/" + id, nil, [6]int{401, 403, 200, 404, 200, 200}},
		{"GET", "/v1/keys?tenantId=acme", nil, [6]int{401, 403, 200, 404, 200, 200}},
		{"GET", "/v1/keys", nil, [6]int{401, 403, 200, 200, 200, 200}},
		{"GET", "/v1/keys?tenantId=acme&showDeleted=true", nil, [6]int{401, 403, 403, 404, 200, 200}},
		{"GET", "/v1/keys?tenantId=nosuch", nil, [6]int{401, 403, 404, 404, 404, 404}},
		{"GET", "/v1/keys/key_00000000000000000000000000", nil, [6]int{401, 403, 404, 404, 404, 404}},
		{"POST", "/v1/keys", key("acme"), [6]int{401, 403, 403, 404, 200, 200}},
		{"POST", "/v1/keys:manage", object{"create": key("acme")}, [6]int{401, 403, 403, 404, 200, 200}},
		{"PATCH", "/v1/keys/" + id, object{"key": object{"displayName": "x"}, "validateOnly": true}, [6]int{401, 403, 403, 404, 200, 200}},
		{"POST", "/v1/keys/" + id + ":rotate", dry, [6]int{401, 403, 403, 404, 200, 200}},
		{"POST", "/v1/keys/" + id + ":revoke", dry, [6]int{401, 403, 403, 404, 200, 200}},
		{"POST", "/v1/keys/" + id + ":disable", dry, [6]int{401, 403, 403, 404, 200, 200}},
		{"POST", "/v1/keys/" + id + ":enable", dry, [6]int{401, 403, 403, 404, 200, 200}},
		{"DELETE", "/v1/keys/" + id + "?validateOnly=true", nil, [6]int{401, 403, 403, 404, 200, 200}},
		{"POST", "/v1/tenants", object{"tenant": object{"id": "gamma"}, "validateOnly": true}, [6]int{401, 403, 403, 403, 403, 200}},
		{"GET", "/v1/tenants/acme", nil, [6]int{401, 403, 403, 404, 200, 200}},
		{"GET", "/v1/tenants/nosuch", nil, [6]int{401, 403, 403, 404, 404, 404}},
		{"POST", "/v1/users", user("acme", "new"), [6]int{401, 403, 403, 404, 200, 200}},
		{"GET", "/v1/users/owner?tenantId=acme", nil, [6]int{401, 403, 403, 404, 200, 200}},
		{"GET", "/v1/users/nosuch?tenantId=acme", nil, [6]int{401, 403, 403, 404, 404, 404}},
		{"GET", "/v1/auditEvents?tenantId=acme", nil, [6]int{401, 403, 403, 404, 200, 200}},
		{"GET", "/v1/auditEvents:verify?tenantId=acme", nil, [6]int{401, 403, 403, 404, 200, 200}},
		{"GET", "/v1/auditEvents:head?tenantId=acme", nil, [6]int{401, 403, 403, 404, 200, 200}},
	}
	for _, w := range walks {
		for i, secret := range callers {
			code, raw, header := h.send(w.method, w.path, secret, w.body)
			if code != w.want[i] {
				t.Errorf("%s %s by %s: %d, want %d: %s", w.method, w.path, names[i], code, w.want[i], raw)
			}
			if code >= 400 && !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
				t.Errorf("%s %s by %s: content type %q", w.method, w.path, names[i], header.Get("Content-Type"))
			}
			if code == 401 && header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s by %s: no challenge", w.method, w.path, names[i])
			}
		}
	}
	// What another tenant's admin is told of a key that exists, and of one that
	// does not, is the same.
	_, there, _ := h.send("GET", "/v1/keys/"+id, callers[3], nil)
	_, nowhere, _ := h.send("GET", "/v1/keys/key_00000000000000000000000000", callers[3], nil)
	if a, b := withoutID(there), withoutID(nowhere); a != b {
		t.Errorf("existence leaks:\n%s\n%s", a, b)
	}
}

// withoutID cuts the request id out of a problem.
func withoutID(raw []byte) string {
	text := string(raw)
	if i := strings.Index(text, server.RequestIDPrefixForTest); i >= 0 {
		return text[:i] + text[i+30:]
	}
	return text
}

func TestEscalation(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	admin := h.member("acme", "admin", "admin")
	h.user("acme", "dev", "developer")
	strongID, _ := h.key("acme", "admin", nil)
	devID, _ := h.key("acme", "dev", object{"scopes": []string{"orders.read"}})
	_, narrow := h.key("acme", "admin", object{"scopes": []string{"keystile.keys.*", "keystile.users.*", "orders.*"}})

	denied := func(what, secret, method, path string, body any) {
		t.Helper()
		code, raw, _ := h.send(method, path, secret, body)
		if code != 403 {
			t.Errorf("%s: status %d: %s", what, code, raw)
		}
	}
	denied("scoped admin makes an unscoped key of an admin", narrow, "POST", "/v1/keys", object{"key": object{"userId": "admin"}})
	denied("scoped admin makes an unscoped key of a developer", narrow, "POST", "/v1/keys", object{"key": object{"userId": "dev"}})
	denied("scoped admin rotates a stronger key", narrow, "POST", "/v1/keys/"+strongID+":rotate", nil)
	denied("scoped admin enables a stronger key", admin0(h, strongID, narrow), "POST", "/v1/keys/"+strongID+":enable", nil)
	denied("scoped admin takes a key's scopes away", narrow, "PATCH", "/v1/keys/"+devID, object{"key": object{}, "updateMask": "scopes"})
	denied("scoped admin widens a key", narrow, "PATCH", "/v1/keys/"+devID, object{"key": object{"scopes": []string{"*"}}})
	denied("scoped admin makes an admin", narrow, "POST", "/v1/users", object{"user": object{"id": "x", "kind": "PERSON", "roles": []string{"admin"}}})
	denied("scoped admin makes a developer", narrow, "POST", "/v1/users", object{"user": object{"id": "x", "kind": "PERSON", "roles": []string{"developer"}}})
	denied("scope * does not manage", second(h.key("acme", "admin", object{"scopes": []string{"*"}})), "POST", "/v1/keys", object{"key": object{"userId": "dev"}})
	h.call(200, "POST", "/v1/keys", narrow, object{"key": object{"userId": "dev", "scopes": []string{"orders.read"}}})
	h.call(200, "POST", "/v1/keys/"+devID+":rotate", narrow, nil)
	// A key may always be taken out of use: that yields nothing.
	h.call(200, "POST", "/v1/keys/"+strongID+":revoke", narrow, nil)
	// An admin of a tenant holds no reach, even though keystile.* names it.
	if code, raw, _ := h.send("POST", "/v1/keys", admin, object{"key": object{"tenantId": "system", "userId": "admin"}}); code != 404 {
		t.Errorf("an admin makes a key of the operator: %d %s", code, raw)
	}
}

func admin0(h *house, id, secret string) string {
	h.t.Helper()
	h.call(200, "POST", "/v1/keys/"+id+":disable", h.root, nil)
	return secret
}

func second(_, secret string) string { return secret }

// No create yields more than its writer holds, whatever scopes both have.
func TestCreatedKeysNeverExceedTheirWriter(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "admin", "admin")
	scopes := []string{"*", "orders.*", "orders.read", "keystile.*", "keystile.keys.*", "keystile.keys.create", "keystile.audit.read"}
	asked := []string{"orders.read", "orders.write", "billing.read", access.PermKeysCreate, access.PermAuditRead, access.PermKeysRead}
	rapid.Check(t, func(rt *rapid.T) {
		own := append([]string{access.PermKeysCreate}, rapid.SliceOfN(rapid.SampledFrom(scopes), 0, 3).Draw(rt, "writer's scopes")...)
		wanted := rapid.SliceOfN(rapid.SampledFrom(scopes), 0, 3).Draw(rt, "wanted scopes")
		_, writer := h.key("acme", "admin", object{"scopes": own})
		code, raw := h.post("/v1/keys", writer, object{"key": object{"userId": "admin", "scopes": wanted}})
		if code == 403 {
			return
		}
		made := decode(h, raw).text("secret")
		for _, p := range asked {
			question := func(secret string) any {
				return h.call(200, "POST", "/v1/keys:check", "", object{"key": secret, "permission": p}).at("allowed")
			}
			if question(made) == true && question(writer) != true {
				rt.Fatalf("%v made a key of %v that holds %s", own, wanted, p)
			}
		}
	})
}

func TestLastAdminStays(t *testing.T) {
	h := newHouse(t, houseOptions{})
	list := h.call(200, "GET", "/v1/keys?tenantId=system", h.root, nil)
	id := object(list.at("keys").([]any)[0].(map[string]any)).text("id")
	refused := func(method, path string, body any) {
		t.Helper()
		out := h.call(400, method, path, h.root, body)
		if out.text("reason") != "FAILED_PRECONDITION" {
			t.Errorf("%s %s: %v", method, path, out)
		}
	}
	refused("POST", "/v1/keys/"+id+":revoke", nil)
	refused("POST", "/v1/keys/"+id+":disable", nil)
	refused("DELETE", "/v1/keys/"+id, nil)
	refused("PATCH", "/v1/keys/"+id, object{"key": object{"expireTime": "2099-01-01T00:00:00Z"}})
	refused("PATCH", "/v1/keys/"+id, object{"key": object{"scopes": []string{"keystile.*"}}})
	refused("PATCH", "/v1/keys/"+id, object{"key": object{"allowedCidrs": []string{"192.0.2.0/24"}}})
	h.call(200, "PATCH", "/v1/keys/"+id, h.root, object{"key": object{"displayName": "still here"}})
	_, other := h.key("system", "admin", nil)
	h.call(200, "POST", "/v1/keys/"+id+":revoke", other, nil)
	h.call(401, "GET", "/v1/keys/"+id, h.root, nil)
}

func TestCredentials(t *testing.T) {
	h := newHouse(t, houseOptions{})
	keys := pb.NewKeyServiceClient(h.conn)
	list := func(pairs ...string) codes.Code {
		ctx := metadata.AppendToOutgoingContext(t.Context(), pairs...)
		_, err := keys.ListKeys(ctx, &pb.ListKeysRequest{})
		return status.Code(err)
	}
	bearer := "Bearer " + h.root
	for name, c := range map[string]struct {
		pairs []string
		want  codes.Code
	}{
		"none":                        {nil, codes.Unauthenticated},
		"bearer":                      {[]string{"authorization", bearer}, codes.OK},
		"scheme in any case":          {[]string{"authorization", "bEaReR " + h.root}, codes.OK},
		"x-api-key":                   {[]string{"x-api-key", h.root}, codes.OK},
		"the same twice":              {[]string{"authorization", bearer, "x-api-key", h.root}, codes.OK},
		"two different":               {[]string{"authorization", bearer, "x-api-key", "another-0123456789"}, codes.Unauthenticated},
		"two different, other order":  {[]string{"x-api-key", "another-0123456789", "authorization", bearer}, codes.Unauthenticated},
		"two authorizations":          {[]string{"authorization", "Bearer another-0123456789", "authorization", bearer}, codes.Unauthenticated},
		"empty beside a good one":     {[]string{"authorization", bearer, "x-api-key", ""}, codes.Unauthenticated},
		"basic":                       {[]string{"authorization", "Basic " + h.root}, codes.Unauthenticated},
		"without scheme":              {[]string{"authorization", h.root}, codes.Unauthenticated},
		"secret in another case":      {[]string{"authorization", "Bearer " + strings.ToUpper(h.root)}, codes.Unauthenticated},
		"the source can't be claimed": {[]string{"authorization", bearer, "x-keystile-source", "203.0.113.1"}, codes.OK},
	} {
		if got := list(c.pairs...); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if strings.Contains(h.log.String(), "203.0.113.1") {
		t.Error("a client's claim of its address was believed")
	}
}

func TestManagementKeyIsBoundToItsNetworks(t *testing.T) {
	h := newHouse(t, houseOptions{})
	_, away := h.key("system", "admin", object{"allowedCidrs": []string{"203.0.113.0/24"}})
	_, here := h.key("system", "admin", object{"allowedCidrs": []string{"127.0.0.0/8"}})
	if out := h.call(403, "GET", "/v1/keys", away, nil); out.text("reason") != "CLIENT_IP_DENIED" {
		t.Errorf("got %v", out)
	}
	h.call(200, "GET", "/v1/keys", here, nil)
	// Neither a forwarded address nor metadata smuggled through REST helps.
	req, _ := http.NewRequestWithContext(t.Context(), "GET", h.web.URL+"/v1/keys", nil)
	req.Header.Set("Authorization", "Bearer "+away)
	for _, name := range []string{"X-Forwarded-For", "X-Keystile-Source", "Grpc-Metadata-X-Keystile-Source"} {
		req.Header.Set(name, "203.0.113.1")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("a claimed address was believed: %d", resp.StatusCode)
	}
}

func TestCheckAuthKey(t *testing.T) {
	h := newHouse(t, houseOptions{checkAuth: server.CheckAuthKey})
	h.tenant("acme")
	h.tenant("beta")
	h.user("acme", "ada", "developer")
	h.user("beta", "bo", "developer")
	h.user("acme", "admin", "admin")
	_, ada := h.key("acme", "ada", nil)
	_, bo := h.key("beta", "bo", nil)
	_, gate := h.key("acme", "admin", object{"scopes": []string{access.PermKeysCheck}})
	ask := func(want int, caller, secret, tenant string) object {
		t.Helper()
		return h.call(want, "POST", "/v1/keys:check", caller, object{"key": secret, "keyTenant": tenant})
	}
	ask(401, "", ada, "")
	ask(403, ada, ada, "")
	if got := ask(200, gate, ada, "").text("reason"); got != "ALLOWED" {
		t.Errorf("own tenant's key: %s", got)
	}
	if got := ask(200, gate, bo, "").text("reason"); got != "KEY_NOT_FOUND" {
		t.Errorf("another tenant's key: %s", got)
	}
	ask(404, gate, bo, "beta")
	if got := ask(200, h.root, bo, "").text("reason"); got != "ALLOWED" {
		t.Errorf("the operator asks: %s", got)
	}
	if code, _ := h.post("/v1/keys:batchCheck", "", object{"checks": []object{{"key": ada}}}); code != 401 {
		t.Errorf("batch by nobody: %d", code)
	}
}

// The copy in memory may lag behind a revocation made elsewhere: a call that
// writes is judged by the store.
func TestRevokedCallerCantWriteThroughALaggingReplica(t *testing.T) {
	h := newHouse(t, houseOptions{})
	h.tenant("acme")
	h.user("acme", "admin", "admin")
	id, secret := h.key("acme", "admin", nil)
	lagging := newHouse(t, houseOptions{store: frozen{h.store}, unsynced: true})
	if err := lagging.mirror.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.call(200, "POST", "/v1/keys/"+id+":revoke", h.root, nil)
	out := lagging.call(401, "POST", "/v1/users", secret, object{"user": object{"id": "x", "kind": "PERSON"}})
	if out.text("reason") != "KEY_REVOKED" {
		t.Errorf("got %v", out)
	}
	out = lagging.call(401, "POST", "/v1/keys", secret, object{"key": object{"userId": "admin"}})
	if out.text("reason") != "KEY_REVOKED" {
		t.Errorf("got %v", out)
	}
}

// frozen shows a change log in which nothing happens.
type frozen struct{ storage.Store }

func (f frozen) ChangesSince(_ context.Context, since storage.Position) (storage.Changes, error) {
	return storage.Changes{Now: since}, nil
}

func TestUnknownMethodStopsTheStart(t *testing.T) {
	g := grpc.NewServer()
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "keystile.v1.Backdoor", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Open"}},
	}, struct{}{})
	if err := server.EveryMethodHasPolicyForTest(g); err == nil || !strings.Contains(err.Error(), "Backdoor") {
		t.Errorf("got %v", err)
	}
}

func TestPanicIsNoAnswer(t *testing.T) {
	h := newHouse(t, houseOptions{store: panicking{sqliteStore(t)}})
	out := h.call(500, "GET", "/v1/keys/key_00000000000000000000000000", h.root, nil)
	if out.text("detail") != "internal error" || out.text("requestId") == "" {
		t.Errorf("got %v", out)
	}
	if !strings.Contains(h.log.String(), `"msg":"panic"`) {
		t.Error("the panic is not in the log")
	}
}

type panicking struct{ storage.Store }

func (panicking) GetKey(context.Context, string) (*storage.Key, error) { panic("boom") }
