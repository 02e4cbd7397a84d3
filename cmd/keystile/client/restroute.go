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

// restRoute is the REST call that stands for an RPC: one line of http.yaml. The
// request is the whole body of a POST. Of a GET, "{id}" in the path is its id,
// and its other fields are the query.
type restRoute struct{ method, verb, path string }

func restRoutes() []restRoute {
	return []restRoute{
		{pb.KeyService_CheckKey_FullMethodName, http.MethodPost, "/v1/keys:check"},
		{pb.KeyService_ManageKey_FullMethodName, http.MethodPost, "/v1/keys:manage"},
		{pb.KeyService_GetKey_FullMethodName, http.MethodGet, "/v1/keys/{id}"},
		{pb.KeyService_ListKeys_FullMethodName, http.MethodGet, "/v1/keys"},
		{pb.DirectoryService_CreateTenant_FullMethodName, http.MethodPost, "/v1/tenants"},
		{pb.DirectoryService_GetTenant_FullMethodName, http.MethodGet, "/v1/tenants/{id}"},
		{pb.DirectoryService_CreateUser_FullMethodName, http.MethodPost, "/v1/users"},
		{pb.DirectoryService_GetUser_FullMethodName, http.MethodGet, "/v1/users/{id}"},
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

// readURL puts a read's request into path and query.
func readURL(r restRoute, in proto.Message) (string, error) {
	query := url.Values{}
	id := ""
	in.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Name() == "id" {
			id = value.String()
			return true
		}
		query.Set(field.JSONName(), value.String())
		return true
	})
	path := r.path
	if before, found := strings.CutSuffix(path, "{id}"); found {
		// What a path would read as something else never leaves this machine.
		if id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/:\\%") {
			return "", status.Error(codes.InvalidArgument, "this can't be an id")
		}
		path = before + url.PathEscape(id)
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return path, nil
}
