package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// arrives wants a call to reach its RPC as the message.
func (w *world) arrives(want proto.Message, method, target, body string) {
	w.t.Helper()
	w.ok(method, target, body)
	if got := w.one(); !proto.Equal(got.request, want) {
		w.t.Errorf("%s %s %s: got %v, want %v", method, target, body, got.request, want)
	}
}

// The path says which record is meant; a body may repeat it and not differ.
func TestUpdatesAreNamedByThePath(t *testing.T) {
	w := newWorld(t)
	mask := &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}
	w.arrives(&keystilev1.UpdateUserRequest{User: &keystilev1.User{Id: "ada", TenantId: "acme", DisplayName: "A"}, UpdateMask: mask, Etag: "e"},
		"PATCH", "/v1/users/ada", `{"user":{"tenantId":"acme","displayName":"A"},"updateMask":"displayName","etag":"e"}`)
	for target, c := range map[string]struct {
		field string
		want  proto.Message
	}{
		"/v1/tenants/x1":       {"tenant", &keystilev1.UpdateTenantRequest{Tenant: &keystilev1.Tenant{Id: "x1"}, UpdateMask: mask}},
		"/v1/users/x1":         {"user", &keystilev1.UpdateUserRequest{User: &keystilev1.User{Id: "x1"}, UpdateMask: mask}},
		"/v1/roles/x1":         {"role", &keystilev1.UpdateRoleRequest{Role: &keystilev1.Role{Id: "x1"}, UpdateMask: mask}},
		"/v1/apis/x1":          {"api", &keystilev1.UpdateApiRequest{Api: &keystilev1.Api{Id: "x1"}, UpdateMask: mask}},
		"/v1/subscriptions/x1": {"subscription", &keystilev1.UpdateSubscriptionRequest{Subscription: &keystilev1.Subscription{Id: "x1"}, UpdateMask: mask}},
	} {
		for _, inside := range []string{``, `"` + c.field + `":{},`, `"` + c.field + `":null,`, `"` + c.field + `":{"id":""},`, `"` + c.field + `":{"id":"x1"},`} {
			w.arrives(c.want, "PATCH", target, `{`+inside+`"updateMask":"displayName"}`)
		}
		for _, other := range []string{"x2", "X1", "x1 ", " "} {
			p := w.refused(400, c.field+".id", "PATCH", target, `{"`+c.field+`":{"id":"`+other+`"},"updateMask":"displayName"}`)
			if !strings.Contains(p.Errors[0].Message, "path") {
				t.Errorf("%s: got %q", target, p.Errors[0].Message)
			}
		}
		w.refused(400, "body", "PATCH", target, "")
		w.refused(400, "etag", "PATCH", target+"?etag=x", "{}")
		w.refused(400, c.field+".id", "PATCH", target+"?"+c.field+".id=x2", "{}")
	}
}

func TestVerbsAreNamedByThePath(t *testing.T) {
	w := newWorld(t)
	for target, want := range map[string]proto.Message{
		"/v1/tenants/x1:suspend":       &keystilev1.SuspendTenantRequest{Id: "x1"},
		"/v1/tenants/x1:activate":      &keystilev1.ActivateTenantRequest{Id: "x1"},
		"/v1/users/x1:suspend":         &keystilev1.SuspendUserRequest{Id: "x1"},
		"/v1/users/x1:activate":        &keystilev1.ActivateUserRequest{Id: "x1"},
		"/v1/apis/x1:deprecate":        &keystilev1.DeprecateApiRequest{Id: "x1"},
		"/v1/apis/x1:retire":           &keystilev1.RetireApiRequest{Id: "x1"},
		"/v1/subscriptions/x1:approve": &keystilev1.ApproveSubscriptionRequest{Id: "x1"},
		"/v1/subscriptions/x1:reject":  &keystilev1.RejectSubscriptionRequest{Id: "x1"},
		"/v1/subscriptions/x1:pause":   &keystilev1.PauseSubscriptionRequest{Id: "x1"},
		"/v1/subscriptions/x1:resume":  &keystilev1.ResumeSubscriptionRequest{Id: "x1"},
	} {
		for _, body := range []string{``, `{}`, `{"id":""}`, `{"id":"x1"}`} {
			w.arrives(want, "POST", target, body)
		}
		w.refused(400, "id", "POST", target, `{"id":"x2"}`)
		w.refused(400, "tenantId", "POST", target+"?tenantId=acme", "")
		w.refused(404, "", "GET", target, "")
	}
	w.arrives(&keystilev1.PurgeDeletedRequest{}, "POST", "/v1/tenants:purge", "")
	w.arrives(&keystilev1.PurgeDeletedRequest{Retention: durationpb.New(time.Hour)}, "POST", "/v1/tenants:purge", `{"retention":"3600s"}`)
	w.arrives(&keystilev1.RevokeSelfRequest{}, "POST", "/v1/keys:revokeSelf", "")
	w.arrives(&keystilev1.RevokeSelfRequest{Reason: keystilev1.Key_KEY_COMPROMISE}, "POST", "/v1/keys:revokeSelf", `{"reason":"KEY_COMPROMISE"}`)
	w.refused(404, "", "POST", "/v1/tenants/x1:purge", "")
	w.refused(404, "", "POST", "/v1/subscriptions/x1:suspend", "")
	w.refused(404, "", "POST", "/v1/subscriptions/a:b:approve", "")
}

func TestDirectoryBodies(t *testing.T) {
	w := newWorld(t)
	w.arrives(&keystilev1.CreateApiRequest{Api: &keystilev1.Api{
		Id: "orders", TenantId: "acme", Visibility: keystilev1.Api_PRIVATE, SubscriptionRequired: true,
		Routes: []*keystilev1.Route{{Hosts: []string{"api.acme.test"}, Methods: []string{"GET"}, Path: "/orders/{id}", Permission: "orders.read"}},
	}}, "POST", "/v1/apis", `{"api":{"id":"orders","tenantId":"acme","visibility":"PRIVATE","subscriptionRequired":true,`+
		`"routes":[{"hosts":["api.acme.test"],"methods":["GET"],"path":"/orders/{id}","permission":"orders.read"}]}}`)
	w.arrives(&keystilev1.CheckKeyRequest{Key: "k", Request: &keystilev1.HTTPRequest{Method: "GET", Host: "h", Path: "/a?b=%2F", ClientIp: "203.0.113.7"}},
		"POST", "/v1/keys:check", `{"key":"k","request":{"method":"GET","host":"h","path":"/a?b=%2F","clientIp":"203.0.113.7"}}`)
	w.arrives(&keystilev1.ApproveSubscriptionRequest{Id: "sub_1", Plan: new("gold"), ExpireTime: timestamppb.New(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))},
		"POST", "/v1/subscriptions/sub_1:approve", `{"plan":"gold","expireTime":"2030-01-01T00:00:00Z"}`)
	w.arrives(&keystilev1.ExplainRequest{KeyId: "key_1", Check: &keystilev1.CheckKeyRequest{Permission: "orders.read"}},
		"POST", "/v1/keys:explain", `{"keyId":"key_1","check":{"permission":"orders.read"}}`)
	w.arrives(&keystilev1.UpdateTenantRequest{
		Tenant:     &keystilev1.Tenant{Id: "acme", KeyPolicy: &keystilev1.KeyPolicy{MaxLifetime: durationpb.New(time.Hour), MaxKeysPerUser: 5}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"key_policy.max_lifetime", "key_policy.max_keys_per_user"}},
	}, "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":{"maxLifetime":"3600s","maxKeysPerUser":5}},"updateMask":"keyPolicy.maxLifetime,keyPolicy.maxKeysPerUser"}`)
}

func TestDirectoryQueries(t *testing.T) {
	w := newWorld(t)
	w.arrives(&keystilev1.WhoAmIRequest{}, "GET", "/v1/whoami", "")
	w.arrives(&keystilev1.DeleteUserRequest{Id: "ada", TenantId: "acme", Cascade: true, ValidateOnly: true, Etag: "e"},
		"DELETE", "/v1/users/ada?tenantId=acme&cascade=true&validateOnly=true&etag=e", "")
	w.arrives(&keystilev1.DeleteTenantRequest{Id: "acme"}, "DELETE", "/v1/tenants/acme?cascade=false", "")
	w.arrives(&keystilev1.ListUsersRequest{Filter: `state=ACTIVE AND id:"a&b"`, ShowDeleted: true, PageSize: 7},
		"GET", "/v1/users?filter=state%3DACTIVE+AND+id:%22a%26b%22&showDeleted=true&pageSize=7", "")
	w.arrives(&keystilev1.ListSubscriptionsRequest{ApiTenantId: "acme", ApiId: "orders"}, "GET", "/v1/subscriptions?apiTenantId=acme&api_id=orders", "")
	w.arrives(&keystilev1.ListPolicyViolationsRequest{Id: "acme", PageSize: 5}, "GET", "/v1/tenants/acme:policyViolations?pageSize=5", "")
	w.arrives(&keystilev1.GetTenantRequest{Id: "acme"}, "GET", "/v1/tenants/acme", "")
	for _, c := range []struct{ field, method, target string }{
		{"cascade", "DELETE", "/v1/users/ada?cascade"},
		{"cascade", "DELETE", "/v1/users/ada?cascade=1"},
		{"cascade", "DELETE", "/v1/users/ada?cascade=true&cascade=false"},
		{"id", "DELETE", "/v1/users/ada?id=bo"},
		{"id", "GET", "/v1/tenants/acme:policyViolations?id=other"},
		{"filter", "GET", "/v1/apis?filter=a&filter=b"},
		{"filter.x", "GET", "/v1/apis?filter.x=a"},
		{"x", "GET", "/v1/whoami?x=1"},
		{"showDeleted", "GET", "/v1/apis?showDeleted=true"},
	} {
		w.refused(http.StatusBadRequest, c.field, c.method, c.target, "")
	}
	w.refused(400, "body", "DELETE", "/v1/roles/r", "{}")
}

func TestUnreadableDirectoryBodies(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ field, method, target, body string }{
		{"api.routes[1].hosts[0]", "POST", "/v1/apis", `{"api":{"routes":[{"hosts":["a"]},{"hosts":[7]}]}}`},
		{"api.routes[1].hosts", "POST", "/v1/apis", `{"api":{"routes":[{},{"hosts":"ks_SECRET"}]}}`},
		{"api.routes[0].nonsense", "POST", "/v1/apis", `{"api":{"routes":[{"nonsense":1},{"hosts":7}]}}`},
		{"api.routes[2]", "POST", "/v1/apis", `{"api":{"routes":[{},{} , null]}}`},
		{"api.routes[1].path", "POST", "/v1/apis", `{"api":{"routes":[{},{"path":"a","path":"b"}]}}`},
		{"api.routes", "POST", "/v1/apis", `{"api":{"routes":{}}}`},
		{"api.visibility", "POST", "/v1/apis", `{"api":{"visibility":"ks_SECRET"}}`},
		{"api.subscriptionRequired", "POST", "/v1/apis", `{"api":{"subscriptionRequired":"true"}}`},
		{"keys[17].expireTime", "POST", "/v1/keys:import", `{"keys":[` + strings.Repeat(`{"userId":"a"},`, 17) + `{"expireTime":"ks_SECRET"}]}`},
		{"keys[0].labels", "POST", "/v1/keys:import", `{"keys":[{"labels":{"a":["ks_SECRET"]}}]}`},
		{"keys[1].labels", "POST", "/v1/keys:import", `{"keys":[{"labels":{"a":"b"}},{"labels":["ks_SECRET"]}]}`},
		{"keys[1].scopes[1]", "POST", "/v1/keys:import", `{"keys":[{},{"scopes":["a",{}]}]}`},
		{"check.request.method", "POST", "/v1/keys:explain", `{"check":{"request":{"method":7}}}`},
		{"check.request", "POST", "/v1/keys:explain", `{"check":{"request":"ks_SECRET"}}`},
		{"checks[1].request.clientIp", "POST", "/v1/keys:batchCheck", `{"checks":[{},{"request":{"clientIp":7}}]}`},
		{"request.headers", "POST", "/v1/keys:check", `{"request":{"headers":{}}}`},
		{"tenant.keyPolicy.maxLifetime", "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":{"maxLifetime":"1h"}}}`},
		{"tenant.keyPolicy.defaultLifetime", "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":{"defaultLifetime":3600}}}`},
		{"tenant.keyPolicy.maxKeysPerUser", "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":{"maxKeysPerUser":1.5}}}`},
		{"tenant.keyPolicy.requiredLabels[1]", "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":{"requiredLabels":["a",1]}}}`},
		{"tenant.keyPolicy.nonsense", "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":{"nonsense":1}}}`},
		{"tenant.keyPolicy", "PATCH", "/v1/tenants/acme", `{"tenant":{"keyPolicy":[]}}`},
		{"updateMask", "PATCH", "/v1/tenants/acme", `{"updateMask":"key_policy"}`},
		{"sunsetTime", "POST", "/v1/apis/orders:deprecate", `{"sunsetTime":"tomorrow"}`},
		{"retention", "POST", "/v1/tenants:purge", `{"retention":"30d"}`},
	} {
		p := w.refused(http.StatusBadRequest, c.field, c.method, c.target, c.body)
		if strings.Contains(p.Detail+p.Errors[0].Message, "SECRET") {
			t.Errorf("%s: the answer echoes: %+v", c.body, p)
		}
	}
}
