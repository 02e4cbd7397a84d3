package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

func TestBodiesReachTheirRPC(t *testing.T) {
	w := newWorld(t)
	arrives := func(want proto.Message, method, target, body string, headers ...string) {
		t.Helper()
		w.ok(method, target, body, headers...)
		if got := w.one(); !proto.Equal(got.request, want) {
			t.Errorf("%s %s: got %v, want %v", method, target, got.request, want)
		}
	}
	cost := int32(0)
	check := &keystilev1.CheckKeyRequest{Key: "k", ClientIp: "203.0.113.7", Cost: &cost}
	arrives(check, "POST", "/v1/keys:check", `{"key":"k","clientIp":"203.0.113.7","cost":0}`)
	arrives(check, "POST", "/v1/keys:check", `{"key":"k","client_ip":"203.0.113.7","cost":0}`)
	// curl -d names a form; the body is JSON all the same.
	for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", "%%%"} {
		arrives(check, "POST", "/v1/keys:check", `{"key":"k","clientIp":"203.0.113.7","cost":0}`, "Content-Type: "+kind)
	}
	arrives(&keystilev1.CheckKeysRequest{Checks: []*keystilev1.CheckKeyRequest{{Key: "a"}, {Key: "b"}}},
		"POST", "/v1/keys:batchCheck", `{"checks":[{"key":"a"},{"key":"b"}]}`)
	create := &keystilev1.ManageKeyRequest{Operation: &keystilev1.ManageKeyRequest_Create{Create: &keystilev1.CreateKey{
		Key: &keystilev1.Key{TenantId: "acme"}, ValidateOnly: true,
	}}}
	arrives(create, "POST", "/v1/keys", `{"key":{"tenantId":"acme"},"validateOnly":true}`)
	arrives(create, "POST", "/v1/keys:manage", ` {"create":{"key":{"tenantId":"acme","expireTime":null},"validateOnly":true}, "update":null} `)
	update := &keystilev1.ManageKeyRequest{Operation: &keystilev1.ManageKeyRequest_Update{Update: &keystilev1.UpdateKey{
		Key: &keystilev1.Key{Id: "key_1", DisplayName: "x"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
	}}}
	arrives(update, "PATCH", "/v1/keys/key_1", `{"key":{"displayName":"x"},"updateMask":"displayName"}`)
	arrives(update, "PATCH", "/v1/keys/key_1", `{"key":{"id":"key_1","displayName":"x"},"updateMask":"displayName"}`)
	for verb, op := range map[string]*keystilev1.ManageKeyRequest{
		"rotate":  {Operation: &keystilev1.ManageKeyRequest_Rotate{Rotate: &keystilev1.RotateKey{Id: "key_1"}}},
		"revoke":  {Operation: &keystilev1.ManageKeyRequest_Revoke{Revoke: &keystilev1.RevokeKey{Id: "key_1"}}},
		"disable": {Operation: &keystilev1.ManageKeyRequest_Disable{Disable: &keystilev1.DisableKey{Id: "key_1"}}},
		"enable":  {Operation: &keystilev1.ManageKeyRequest_Enable{Enable: &keystilev1.EnableKey{Id: "key_1"}}},
	} {
		arrives(op, "POST", "/v1/keys/key_1:"+verb, "")
		arrives(op, "POST", "/v1/keys/key_1:"+verb, "{}")
		arrives(op, "POST", "/v1/keys/key_1:"+verb, `{"id":"key_1"}`)
		w.refused(400, "id", "POST", "/v1/keys/key_1:"+verb, `{"id":"key_2"}`)
	}
	w.refused(400, "key.id", "PATCH", "/v1/keys/key_1", `{"key":{"id":"KEY_1"}}`)
	arrives(&keystilev1.CreateTenantRequest{Tenant: &keystilev1.Tenant{Id: "acme"}}, "POST", "/v1/tenants", `{"tenant":{"id":"acme"}}`)
	arrives(&keystilev1.CreateUserRequest{User: &keystilev1.User{Id: "ada", Kind: keystilev1.User_PERSON}}, "POST", "/v1/users", `{"user":{"id":"ada","kind":"PERSON"}}`)
	arrives(&keystilev1.GetUserRequest{Id: "ada@x", TenantId: "acme"}, "GET", "/v1/users/ada%40x?tenantId=acme", "")
	arrives(&keystilev1.GetAuditHeadRequest{}, "GET", "/v1/auditEvents:head", "")
	arrives(&keystilev1.VerifyAuditChainRequest{From: "1:ab"}, "GET", "/v1/auditEvents:verify?from=1:ab", "")
}

func TestAnswersWriteEveryField(t *testing.T) {
	w := newWorld(t)
	w.answers(&keystilev1.CheckKeyResponse{Reason: keystilev1.Verdict_KEY_EXPIRED}, nil)
	got := w.ok("POST", "/v1/keys:check", `{"key":"k"}`).body
	want := `{"allowed":false,"reason":"KEY_EXPIRED","message":"","remedy":"","documentationUrl":"","decisionId":"",` +
		`"identity":null,"warnings":[],"expireTime":null,"freshness":null,"missingPermission":"","missingFrom":"",` +
		`"apiId":"","apiTenantId":"","routePath":"","pathParameters":{},"limit":null}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestUnreadableBodies(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ field, target, body string }{
		{"body", "/v1/keys", ""},
		{"body", "/v1/keys:check", ""},
		{"body", "/v1/keys", "   \n"},
		{"body", "/v1/keys/key_1:rotate", "  "},
		{"body", "/v1/keys", "null"},
		{"body", "/v1/keys", `[]`},
		{"body", "/v1/keys", `"ks_SECRET"`},
		{"body", "/v1/keys", `{"key":{}`},
		{"body", "/v1/keys", `{"key":{}} ks_SECRET`},
		{"body", "/v1/keys", `{"key":{}}{"key":{}}`},
		{"body", "/v1/keys", "key=ks_SECRET&x=1"},
		{"body", "/v1/keys", "\xef\xbb\xbf{}"},
		{"body", "/v1/keys", "{\"key\":{\"displayName\":\"\xff\"}}"},
		{"body", "/v1/keys", strings.Repeat("[", 20000)},
		{"key.nonsense", "/v1/keys", `{"key":{"nonsense":"ks_SECRET"}}`},
		{"create", "/v1/keys", `{"create":{}}`},
		{"key", "/v1/keys", `{"key":"ks_SECRET"}`},
		{"key", "/v1/keys", `{"key":{},"key":{}}`},
		{"key.displayName", "/v1/keys", `{"key":{"displayName":"a","display_name":"b"}}`},
		{"key.displayName", "/v1/keys", `{"key":{"displayName":"\ud800"}}`},
		{"key.displayName", "/v1/keys", `{"key":{"displayName":17}}`},
		{"key.allowedCidrs", "/v1/keys", `{"key":{"allowedCidrs":"ks_SECRET"}}`},
		{"key.allowedCidrs[2]", "/v1/keys", `{"key":{"allowedCidrs":["a","b",3]}}`},
		{"key.scopes[0]", "/v1/keys", `{"key":{"scopes":[null]}}`},
		{"key.labels", "/v1/keys", `{"key":{"labels":{"ks_SECRET":7}}}`},
		{"key.labels", "/v1/keys", `{"key":{"labels":{"a":"b","a":"c"}}}`},
		{"key.expireTime", "/v1/keys", `{"key":{"expireTime":"ks_SECRET"}}`},
		{"key.expireTime", "/v1/keys", `{"key":{"expireTime":"2030-01-01"}}`},
		{"validateOnly", "/v1/keys", `{"key":{},"validateOnly":"true"}`},
		{"gracePeriod", "/v1/keys/key_1:rotate", `{"gracePeriod":"1h"}`},
		{"gracePeriod", "/v1/keys/key_1:rotate", `{"gracePeriod":3600}`},
		{"reason", "/v1/keys/key_1:revoke", `{"reason":"ks_SECRET"}`},
		{"checks[1].cost", "/v1/keys:batchCheck", `{"checks":[{},{"cost":4294967296}]}`},
		{"checks[0]", "/v1/keys:batchCheck", `{"checks":[null]}`},
		{"update", "/v1/keys:manage", `{"create":{},"update":{}}`},
		{"rotate.nonsense", "/v1/keys:manage", `{"rotate":{"nonsense":{"a":[{}]}}}`},
		{strings.Repeat("x", 32) + "...", "/v1/keys", `{"` + strings.Repeat("x", 900) + `":1}`},
		{"k?s?x", "/v1/keys", `{"k\u0000s\nx":1}`},
	} {
		p := w.refused(http.StatusBadRequest, c.field, "POST", c.target, c.body)
		if text := p.Detail + p.Remedy + p.Errors[0].Message; strings.Contains(text, "SECRET") || strings.Contains(text, "cannot") {
			t.Errorf("%s: the answer echoes: %s", c.body, text)
		}
	}
	w.refused(400, "updateMask", "PATCH", "/v1/keys/key_1", `{"updateMask":"display_name"}`)
	w.refused(400, "updateMask", "PATCH", "/v1/keys/key_1", `{"updateMask":["displayName"]}`)

	p := w.refused(400, "body", "POST", "/v1/keys", "{\n  \"key\": {é}\n}")
	if !strings.Contains(p.Errors[0].Message, "line 2, column 11") {
		t.Errorf("got %q, want the place of the fault", p.Errors[0].Message)
	}
}

func TestBodiesWhereThereAreNone(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"GET", "DELETE"} {
		w.refused(400, "body", method, "/v1/keys/key_1", "{}")
		r, err := http.NewRequestWithContext(t.Context(), method, w.http.URL+"/v1/keys/key_1", struct{ *strings.Reader }{strings.NewReader("x")})
		if err != nil {
			t.Fatal(err)
		}
		w.problem(w.send(r), 400)
		w.none()
	}
}
