package client

import (
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// restRoute is the REST call that stands for an RPC: one line of http.yaml. In
// the path, "{id}" or "{tenant.id}" is that field of the request. The request
// is the whole body of a POST or PATCH; a GET or DELETE has its other fields in
// the query.
type restRoute struct{ method, verb, path string }

func restRoutes() []restRoute {
	return []restRoute{
		{pb.KeyService_CheckKey_FullMethodName, http.MethodPost, "/v1/keys:check"},
		{pb.KeyService_CheckKeys_FullMethodName, http.MethodPost, "/v1/keys:batchCheck"},
		{pb.KeyService_ManageKey_FullMethodName, http.MethodPost, "/v1/keys:manage"},
		{pb.KeyService_GetKey_FullMethodName, http.MethodGet, "/v1/keys/{id}"},
		{pb.KeyService_GetKeyLimits_FullMethodName, http.MethodGet, "/v1/keys/{id}:limits"},
		{pb.KeyService_ResetKeyLimits_FullMethodName, http.MethodPost, "/v1/keys/{id}:resetLimits"},
		{pb.KeyService_GrantKeyCredits_FullMethodName, http.MethodPost, "/v1/keys/{id}:grantCredits"},
		{pb.KeyService_ListKeys_FullMethodName, http.MethodGet, "/v1/keys"},
		{pb.KeyService_ImportKeys_FullMethodName, http.MethodPost, "/v1/keys:import"},
		{pb.KeyService_WhoAmI_FullMethodName, http.MethodGet, "/v1/whoami"},
		{pb.KeyService_RevokeSelf_FullMethodName, http.MethodPost, "/v1/keys:revokeSelf"},
		{pb.DirectoryService_CreateTenant_FullMethodName, http.MethodPost, "/v1/tenants"},
		{pb.DirectoryService_GetTenant_FullMethodName, http.MethodGet, "/v1/tenants/{id}"},
		{pb.DirectoryService_ListTenants_FullMethodName, http.MethodGet, "/v1/tenants"},
		{pb.DirectoryService_UpdateTenant_FullMethodName, http.MethodPatch, "/v1/tenants/{tenant.id}"},
		{pb.DirectoryService_DeleteTenant_FullMethodName, http.MethodDelete, "/v1/tenants/{id}"},
		{pb.DirectoryService_SuspendTenant_FullMethodName, http.MethodPost, "/v1/tenants/{id}:suspend"},
		{pb.DirectoryService_ActivateTenant_FullMethodName, http.MethodPost, "/v1/tenants/{id}:activate"},
		{pb.DirectoryService_ListPolicyViolations_FullMethodName, http.MethodGet, "/v1/tenants/{id}:policyViolations"},
		{pb.DirectoryService_PurgeDeleted_FullMethodName, http.MethodPost, "/v1/tenants:purge"},
		{pb.DirectoryService_CreateUser_FullMethodName, http.MethodPost, "/v1/users"},
		{pb.DirectoryService_GetUser_FullMethodName, http.MethodGet, "/v1/users/{id}"},
		{pb.DirectoryService_ListUsers_FullMethodName, http.MethodGet, "/v1/users"},
		{pb.DirectoryService_UpdateUser_FullMethodName, http.MethodPatch, "/v1/users/{user.id}"},
		{pb.DirectoryService_DeleteUser_FullMethodName, http.MethodDelete, "/v1/users/{id}"},
		{pb.DirectoryService_SuspendUser_FullMethodName, http.MethodPost, "/v1/users/{id}:suspend"},
		{pb.DirectoryService_ActivateUser_FullMethodName, http.MethodPost, "/v1/users/{id}:activate"},
		{pb.DirectoryService_CreateRole_FullMethodName, http.MethodPost, "/v1/roles"},
		{pb.DirectoryService_GetRole_FullMethodName, http.MethodGet, "/v1/roles/{id}"},
		{pb.DirectoryService_ListRoles_FullMethodName, http.MethodGet, "/v1/roles"},
		{pb.DirectoryService_UpdateRole_FullMethodName, http.MethodPatch, "/v1/roles/{role.id}"},
		{pb.DirectoryService_DeleteRole_FullMethodName, http.MethodDelete, "/v1/roles/{id}"},
		{pb.DirectoryService_CreateApi_FullMethodName, http.MethodPost, "/v1/apis"},
		{pb.DirectoryService_GetApi_FullMethodName, http.MethodGet, "/v1/apis/{id}"},
		{pb.DirectoryService_ListApis_FullMethodName, http.MethodGet, "/v1/apis"},
		{pb.DirectoryService_UpdateApi_FullMethodName, http.MethodPatch, "/v1/apis/{api.id}"},
		{pb.DirectoryService_DeleteApi_FullMethodName, http.MethodDelete, "/v1/apis/{id}"},
		{pb.DirectoryService_DeprecateApi_FullMethodName, http.MethodPost, "/v1/apis/{id}:deprecate"},
		{pb.DirectoryService_RetireApi_FullMethodName, http.MethodPost, "/v1/apis/{id}:retire"},
		{pb.DirectoryService_CreatePlan_FullMethodName, http.MethodPost, "/v1/plans"},
		{pb.DirectoryService_GetPlan_FullMethodName, http.MethodGet, "/v1/plans/{id}"},
		{pb.DirectoryService_ListPlans_FullMethodName, http.MethodGet, "/v1/plans"},
		{pb.DirectoryService_UpdatePlan_FullMethodName, http.MethodPatch, "/v1/plans/{plan.id}"},
		{pb.DirectoryService_DeletePlan_FullMethodName, http.MethodDelete, "/v1/plans/{id}"},
		{pb.DirectoryService_CreateSubscription_FullMethodName, http.MethodPost, "/v1/subscriptions"},
		{pb.DirectoryService_GetSubscription_FullMethodName, http.MethodGet, "/v1/subscriptions/{id}"},
		{pb.DirectoryService_ListSubscriptions_FullMethodName, http.MethodGet, "/v1/subscriptions"},
		{pb.DirectoryService_UpdateSubscription_FullMethodName, http.MethodPatch, "/v1/subscriptions/{subscription.id}"},
		{pb.DirectoryService_DeleteSubscription_FullMethodName, http.MethodDelete, "/v1/subscriptions/{id}"},
		{pb.DirectoryService_ApproveSubscription_FullMethodName, http.MethodPost, "/v1/subscriptions/{id}:approve"},
		{pb.DirectoryService_RejectSubscription_FullMethodName, http.MethodPost, "/v1/subscriptions/{id}:reject"},
		{pb.DirectoryService_PauseSubscription_FullMethodName, http.MethodPost, "/v1/subscriptions/{id}:pause"},
		{pb.DirectoryService_ResumeSubscription_FullMethodName, http.MethodPost, "/v1/subscriptions/{id}:resume"},
		{pb.DirectoryService_Explain_FullMethodName, http.MethodPost, "/v1/keys:explain"},
		{pb.AuditService_ListAuditEvents_FullMethodName, http.MethodGet, "/v1/auditEvents"},
		{pb.AuditService_VerifyAuditChain_FullMethodName, http.MethodGet, "/v1/auditEvents:verify"},
		{pb.AuditService_GetAuditHead_FullMethodName, http.MethodGet, "/v1/auditEvents:head"},
	}
}

func routeOf(method string) (restRoute, bool) {
	for _, r := range restRoutes() {
		if r.method == method {
			return r, true
		}
	}
	return restRoute{}, false
}

// hasBody: what has none says everything in its address.
func (r restRoute) hasBody() bool { return r.verb == http.MethodPost || r.verb == http.MethodPatch }

// address is the path and query of a request.
func (r restRoute) address(in proto.Message) (string, error) {
	path, parameter := r.path, ""
	if before, rest, found := strings.Cut(path, "{"); found {
		name, after, _ := strings.Cut(rest, "}")
		id := textAt(in.ProtoReflect(), strings.Split(name, "."))
		// What a path would read as something else never leaves this machine.
		if id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/:\\%") {
			return "", status.Error(codes.InvalidArgument, "this can't be an id")
		}
		path, parameter = before+url.PathEscape(id)+after, name
	}
	if r.hasBody() {
		return path, nil
	}
	query := url.Values{}
	in.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if string(field.Name()) != parameter {
			query.Set(field.JSONName(), value.String())
		}
		return true
	})
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, nil
}

// textAt reads the string at a path of field names; empty where there is none.
func textAt(m protoreflect.Message, names []string) string {
	for _, name := range names[:len(names)-1] {
		m = m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
	}
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(names[len(names)-1]))).String()
}
