package rest

import (
	"net/http"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	keystilev1 "github.com/keystile/keystile/api/keystile/v1"
)

// route is what this package must know of one line of http.yaml beyond what the
// generated code does. A route that is served but stands in no table is refused,
// and a test holds the table against http.yaml.
type route struct {
	method, pattern string
	// body is the request's field that the body fills, "*" for all of it, empty
	// where there is no body.
	body string
	// bodyOptional lets an empty body stand for {}.
	bodyOptional bool
	// branch is the field of the request whose fields the query may name, where
	// the path has selected one of a oneof; empty is the request itself.
	branch string
	// request is the RPC's request, whose fields the query is read by.
	request protoreflect.MessageDescriptor
}

// queried is the message whose scalar fields the query may name.
func (t *route) queried() protoreflect.MessageDescriptor {
	if t.branch == "" {
		return t.request
	}
	return t.request.Fields().ByName(protoreflect.Name(t.branch)).Message()
}

// takesQuery: what changes something says so in its body, where one reader
// reads it, except that DELETE has none.
func (t *route) takesQuery() bool {
	return t.method == http.MethodGet || t.method == http.MethodDelete
}

// key is how the mux names the route.
func (t *route) key() string {
	return t.method + " " + strings.ReplaceAll(t.pattern, "}", "=*}")
}

// routes lists http.yaml, in its order.
func routes() []*route {
	manage := (&keystilev1.ManageKeyRequest{}).ProtoReflect().Descriptor()
	return []*route{
		{method: "POST", pattern: "/v1/keys:check", body: "*", request: (&keystilev1.CheckKeyRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys:batchCheck", body: "*", request: (&keystilev1.CheckKeysRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys:manage", body: "*", request: manage},
		{method: "POST", pattern: "/v1/keys", body: "create", request: manage},
		{method: "PATCH", pattern: "/v1/keys/{update.key.id}", body: "update", request: manage},
		{method: "POST", pattern: "/v1/keys/{rotate.id}:rotate", body: "rotate", bodyOptional: true, request: manage},
		{method: "POST", pattern: "/v1/keys/{revoke.id}:revoke", body: "revoke", bodyOptional: true, request: manage},
		{method: "POST", pattern: "/v1/keys/{disable.id}:disable", body: "disable", bodyOptional: true, request: manage},
		{method: "POST", pattern: "/v1/keys/{enable.id}:enable", body: "enable", bodyOptional: true, request: manage},
		{method: "DELETE", pattern: "/v1/keys/{delete.id}", branch: "delete", request: manage},
		{method: "GET", pattern: "/v1/keys/{id}", request: (&keystilev1.GetKeyRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/keys", request: (&keystilev1.ListKeysRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/tenants", body: "*", request: (&keystilev1.CreateTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/tenants/{id}", request: (&keystilev1.GetTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/users", body: "*", request: (&keystilev1.CreateUserRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/users/{id}", request: (&keystilev1.GetUserRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/auditEvents", request: (&keystilev1.ListAuditEventsRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/auditEvents:verify", request: (&keystilev1.VerifyAuditChainRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/auditEvents:head", request: (&keystilev1.GetAuditHeadRequest{}).ProtoReflect().Descriptor()},
	}
}
