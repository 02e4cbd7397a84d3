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
	// maxBody bounds the body where Options.MaxBody would be too tight. Zero is
	// Options.MaxBody.
	maxBody int64
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
		{method: "GET", pattern: "/v1/keys/{id}:limits", request: (&keystilev1.GetKeyLimitsRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys/{id}:resetLimits", body: "*", bodyOptional: true, request: (&keystilev1.ResetKeyLimitsRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys/{id}:grantCredits", body: "*", bodyOptional: true, request: (&keystilev1.GrantKeyCreditsRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/keys", request: (&keystilev1.ListKeysRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys:import", body: "*", maxBody: maxImportBody, request: (&keystilev1.ImportKeysRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/whoami", request: (&keystilev1.WhoAmIRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys:revokeSelf", body: "*", bodyOptional: true, request: (&keystilev1.RevokeSelfRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/tenants", body: "*", request: (&keystilev1.CreateTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/tenants/{id}", request: (&keystilev1.GetTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/tenants", request: (&keystilev1.ListTenantsRequest{}).ProtoReflect().Descriptor()},
		{method: "PATCH", pattern: "/v1/tenants/{tenant.id}", body: "*", request: (&keystilev1.UpdateTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "DELETE", pattern: "/v1/tenants/{id}", request: (&keystilev1.DeleteTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/users", body: "*", request: (&keystilev1.CreateUserRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/users/{id}", request: (&keystilev1.GetUserRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/users", request: (&keystilev1.ListUsersRequest{}).ProtoReflect().Descriptor()},
		{method: "PATCH", pattern: "/v1/users/{user.id}", body: "*", request: (&keystilev1.UpdateUserRequest{}).ProtoReflect().Descriptor()},
		{method: "DELETE", pattern: "/v1/users/{id}", request: (&keystilev1.DeleteUserRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/roles", body: "*", request: (&keystilev1.CreateRoleRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/roles/{id}", request: (&keystilev1.GetRoleRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/roles", request: (&keystilev1.ListRolesRequest{}).ProtoReflect().Descriptor()},
		{method: "PATCH", pattern: "/v1/roles/{role.id}", body: "*", request: (&keystilev1.UpdateRoleRequest{}).ProtoReflect().Descriptor()},
		{method: "DELETE", pattern: "/v1/roles/{id}", request: (&keystilev1.DeleteRoleRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/apis", body: "*", request: (&keystilev1.CreateApiRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/apis/{id}", request: (&keystilev1.GetApiRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/apis", request: (&keystilev1.ListApisRequest{}).ProtoReflect().Descriptor()},
		{method: "PATCH", pattern: "/v1/apis/{api.id}", body: "*", request: (&keystilev1.UpdateApiRequest{}).ProtoReflect().Descriptor()},
		{method: "DELETE", pattern: "/v1/apis/{id}", request: (&keystilev1.DeleteApiRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/plans", body: "*", request: (&keystilev1.CreatePlanRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/plans/{id}", request: (&keystilev1.GetPlanRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/plans", request: (&keystilev1.ListPlansRequest{}).ProtoReflect().Descriptor()},
		{method: "PATCH", pattern: "/v1/plans/{plan.id}", body: "*", request: (&keystilev1.UpdatePlanRequest{}).ProtoReflect().Descriptor()},
		{method: "DELETE", pattern: "/v1/plans/{id}", request: (&keystilev1.DeletePlanRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/subscriptions", body: "*", request: (&keystilev1.CreateSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/subscriptions/{id}", request: (&keystilev1.GetSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/subscriptions", request: (&keystilev1.ListSubscriptionsRequest{}).ProtoReflect().Descriptor()},
		{method: "PATCH", pattern: "/v1/subscriptions/{subscription.id}", body: "*", request: (&keystilev1.UpdateSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "DELETE", pattern: "/v1/subscriptions/{id}", request: (&keystilev1.DeleteSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/tenants/{id}:suspend", body: "*", bodyOptional: true, request: (&keystilev1.SuspendTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/tenants/{id}:activate", body: "*", bodyOptional: true, request: (&keystilev1.ActivateTenantRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/users/{id}:suspend", body: "*", bodyOptional: true, request: (&keystilev1.SuspendUserRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/users/{id}:activate", body: "*", bodyOptional: true, request: (&keystilev1.ActivateUserRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/apis/{id}:deprecate", body: "*", bodyOptional: true, request: (&keystilev1.DeprecateApiRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/apis/{id}:retire", body: "*", bodyOptional: true, request: (&keystilev1.RetireApiRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/subscriptions/{id}:approve", body: "*", bodyOptional: true, request: (&keystilev1.ApproveSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/subscriptions/{id}:reject", body: "*", bodyOptional: true, request: (&keystilev1.RejectSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/subscriptions/{id}:pause", body: "*", bodyOptional: true, request: (&keystilev1.PauseSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/subscriptions/{id}:resume", body: "*", bodyOptional: true, request: (&keystilev1.ResumeSubscriptionRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/tenants/{id}:policyViolations", request: (&keystilev1.ListPolicyViolationsRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/tenants:purge", body: "*", bodyOptional: true, request: (&keystilev1.PurgeDeletedRequest{}).ProtoReflect().Descriptor()},
		{method: "POST", pattern: "/v1/keys:explain", body: "*", request: (&keystilev1.ExplainRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/auditEvents", request: (&keystilev1.ListAuditEventsRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/auditEvents:verify", request: (&keystilev1.VerifyAuditChainRequest{}).ProtoReflect().Descriptor()},
		{method: "GET", pattern: "/v1/auditEvents:head", request: (&keystilev1.GetAuditHeadRequest{}).ProtoReflect().Descriptor()},
	}
}
