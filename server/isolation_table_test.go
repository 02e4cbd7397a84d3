package server_test

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// records are what a request of the table is about: those of the tenant acme,
// or names of the same form that lead to nothing.
type records struct {
	tenant, user, role, api, plan string
	// spare is an API that nobody has asked for.
	spare       string
	key, secret string
	// pending, approved and paused are subscriptions of acme to its own API;
	// outward is a pending one of acme to the API of the other tenant.
	pending, approved, paused, outward string
	// decision is a refusal of one of acme's keys.
	decision string
	// self is the caller's user, and own that user's subscription to acme's API.
	self storage.UserRef
	own  string
}

// outcomes are what a row's callers are told, in the order of the table.
type outcomes [6]codes.Code

// permitted is one row of the table. Calls that can be validated only are, so
// that walking it changes nothing.
type permitted struct {
	rpc string
	// about tells apart the rows of one RPC; empty is the usual one.
	about string
	// routes are the REST calls that lead here, as http.yaml has them.
	routes  []string
	request func(r *records) proto.Message
	want    outcomes
	// throwaway wants a new key for each call: it will not outlive it.
	throwaway bool
	// shared says that the other tenant's admin is a party to the record.
	shared bool
	// silent says that the other tenant's admin gets an answer, and the same for
	// what exists and what does not.
	silent bool
}

const (
	yes  = codes.OK
	whom = codes.Unauthenticated
	no   = codes.PermissionDenied
	gone = codes.NotFound
	have = codes.AlreadyExists
)

func via(routes ...string) []string { return routes }

// permissions is the one table of who may do what about a record of the tenant
// acme. A method of the services, or a line of http.yaml, that is not in it
// fails the test. REST tells the same by the usual statuses, without exception.
// The check doors are those of a server that wants a key to be asked.
func permissions() []permitted {
	var rows []permitted
	for _, part := range [][]permitted{checkRows(), manageRows(), keyRows(), tenantRows(), userRows(), roleRows(), apiRows(),
		planRows(), limitRows(), subscriptionRows(), decisionRows(), selfRows(), auditRows()} {
		rows = append(rows, part...)
	}
	return rows
}

// The columns:          nobody guest developer other admin, admin, operator's admin

func checkRows() []permitted {
	check := func(r *records, tenant string) *pb.CheckKeyRequest {
		return &pb.CheckKeyRequest{Key: r.secret, KeyTenant: tenant}
	}
	return []permitted{
		{rpc: "KeyService.CheckKey", routes: via("POST /v1/keys:check"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return check(r, r.tenant) }},
		{rpc: "KeyService.CheckKey", about: "whosever key it is", routes: via("POST /v1/keys:check"), want: outcomes{whom, no, no, yes, yes, yes}, silent: true,
			request: func(r *records) proto.Message { return check(r, "") }},
		{rpc: "KeyService.CheckKeys", routes: via("POST /v1/keys:batchCheck"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message {
				return &pb.CheckKeysRequest{Checks: []*pb.CheckKeyRequest{check(r, ""), check(r, r.tenant)}}
			}},
	}
}

func manageRows() []permitted {
	row := func(about string, routes []string, request func(r *records, m *pb.ManageKeyRequest)) permitted {
		return permitted{rpc: "KeyService.ManageKey", about: about, routes: routes, want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message {
				m := &pb.ManageKeyRequest{}
				request(r, m)
				return m
			}}
	}
	return []permitted{
		row("create", via("POST /v1/keys", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Create{Create: &pb.CreateKey{Key: &pb.Key{TenantId: r.tenant, UserId: r.user}}}
		}),
		row("update", via("PATCH /v1/keys/{update.key.id}", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Update{Update: &pb.UpdateKey{Key: &pb.Key{Id: r.key, DisplayName: "x"}}}
		}),
		row("rotate", via("POST /v1/keys/{rotate.id}:rotate", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Rotate{Rotate: &pb.RotateKey{Id: r.key}}
		}),
		row("revoke", via("POST /v1/keys/{revoke.id}:revoke", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Revoke{Revoke: &pb.RevokeKey{Id: r.key}}
		}),
		row("disable", via("POST /v1/keys/{disable.id}:disable", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Disable{Disable: &pb.DisableKey{Id: r.key}}
		}),
		row("enable", via("POST /v1/keys/{enable.id}:enable", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Enable{Enable: &pb.EnableKey{Id: r.key}}
		}),
		row("delete", via("DELETE /v1/keys/{delete.id}", "POST /v1/keys:manage"), func(r *records, m *pb.ManageKeyRequest) {
			m.Operation = &pb.ManageKeyRequest_Delete{Delete: &pb.DeleteKey{Id: r.key}}
		}),
	}
}

func keyRows() []permitted {
	return []permitted{
		{rpc: "KeyService.GetKey", routes: via("GET /v1/keys/{id}"), want: outcomes{whom, no, yes, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.GetKeyRequest{Id: r.key} }},
		{rpc: "KeyService.GetKeyLimits", routes: via("GET /v1/keys/{id}:limits"), want: outcomes{whom, no, yes, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.GetKeyLimitsRequest{Id: r.key} }},
		{rpc: "KeyService.ResetKeyLimits", routes: via("POST /v1/keys/{id}:resetLimits"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.ResetKeyLimitsRequest{Id: r.key} }},
		{rpc: "KeyService.GrantKeyCredits", routes: via("POST /v1/keys/{id}:grantCredits"), want: outcomes{whom, no, no, gone, codes.InvalidArgument, codes.InvalidArgument},
			request: func(r *records) proto.Message { return &pb.GrantKeyCreditsRequest{Id: r.key, Quota: "q", Credits: 1} }},
		{rpc: "KeyService.ListKeys", routes: via("GET /v1/keys"), want: outcomes{whom, no, yes, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.ListKeysRequest{TenantId: r.tenant, UserId: r.user} }},
		{rpc: "KeyService.ListKeys", about: "its own tenant's", routes: via("GET /v1/keys"), want: outcomes{whom, no, yes, yes, yes, yes},
			request: func(r *records) proto.Message { return &pb.ListKeysRequest{UserId: r.user} }},
		{rpc: "KeyService.ListKeys", about: "deleted ones", routes: via("GET /v1/keys"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.ListKeysRequest{TenantId: r.tenant, ShowDeleted: true} }},
		{rpc: "KeyService.ImportKeys", routes: via("POST /v1/keys:import"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message {
				return &pb.ImportKeysRequest{TenantId: r.tenant, Keys: []*pb.ImportedKey{{Secret: "issued-by-others-0001", UserId: r.user}}}
			}},
	}
}

func tenantRows() []permitted {
	operator := outcomes{whom, no, no, no, no, yes}
	return []permitted{
		{rpc: "DirectoryService.CreateTenant", routes: via("POST /v1/tenants"), want: operator,
			request: func(*records) proto.Message { return &pb.CreateTenantRequest{Tenant: &pb.Tenant{Id: "gamma"}} }},
		{rpc: "DirectoryService.CreateTenant", about: "one that exists", routes: via("POST /v1/tenants"), want: outcomes{whom, no, no, no, no, have},
			request: func(r *records) proto.Message { return &pb.CreateTenantRequest{Tenant: &pb.Tenant{Id: r.tenant}} }},
		{rpc: "DirectoryService.GetTenant", routes: via("GET /v1/tenants/{id}"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.GetTenantRequest{Id: r.tenant} }},
		{rpc: "DirectoryService.ListTenants", routes: via("GET /v1/tenants"), want: outcomes{whom, no, no, yes, yes, yes},
			request: func(*records) proto.Message { return &pb.ListTenantsRequest{ShowDeleted: true} }},
		{rpc: "DirectoryService.UpdateTenant", routes: via("PATCH /v1/tenants/{tenant.id}"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message {
				return &pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: r.tenant, DisplayName: "x"}}
			}},
		{rpc: "DirectoryService.UpdateTenant", about: "its hosts", routes: via("PATCH /v1/tenants/{tenant.id}"), want: outcomes{whom, no, no, gone, no, yes},
			request: func(r *records) proto.Message {
				return &pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: r.tenant, Hosts: []string{"api.tapir.test"}}}
			}},
		{rpc: "DirectoryService.DeleteTenant", routes: via("DELETE /v1/tenants/{id}"), want: operator,
			request: func(r *records) proto.Message { return &pb.DeleteTenantRequest{Id: r.tenant, Cascade: true} }},
		{rpc: "DirectoryService.SuspendTenant", routes: via("POST /v1/tenants/{id}:suspend"), want: operator,
			request: func(r *records) proto.Message { return &pb.SuspendTenantRequest{Id: r.tenant} }},
		{rpc: "DirectoryService.ActivateTenant", routes: via("POST /v1/tenants/{id}:activate"), want: operator,
			request: func(r *records) proto.Message { return &pb.ActivateTenantRequest{Id: r.tenant} }},
		{rpc: "DirectoryService.PurgeDeleted", routes: via("POST /v1/tenants:purge"), want: operator,
			request: func(*records) proto.Message { return &pb.PurgeDeletedRequest{} }},
		{rpc: "DirectoryService.ListPolicyViolations", routes: via("GET /v1/tenants/{id}:policyViolations"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.ListPolicyViolationsRequest{Id: r.tenant} }},
	}
}

func userRows() []permitted {
	admin := outcomes{whom, no, no, gone, yes, yes}
	create := func(r *records, id string) proto.Message {
		return &pb.CreateUserRequest{User: &pb.User{Id: id, TenantId: r.tenant, Kind: pb.User_PERSON, Roles: []string{"developer"}}}
	}
	return []permitted{
		{rpc: "DirectoryService.CreateUser", routes: via("POST /v1/users"), want: admin,
			request: func(r *records) proto.Message { return create(r, "new") }},
		{rpc: "DirectoryService.CreateUser", about: "one that exists", routes: via("POST /v1/users"), want: outcomes{whom, no, no, gone, have, have},
			request: func(r *records) proto.Message { return create(r, r.user) }},
		{rpc: "DirectoryService.GetUser", routes: via("GET /v1/users/{id}"), want: admin,
			request: func(r *records) proto.Message { return &pb.GetUserRequest{Id: r.user, TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListUsers", routes: via("GET /v1/users"), want: admin,
			request: func(r *records) proto.Message { return &pb.ListUsersRequest{TenantId: r.tenant, ShowDeleted: true} }},
		{rpc: "DirectoryService.ListUsers", about: "its own tenant's", routes: via("GET /v1/users"), want: outcomes{whom, no, no, yes, yes, yes},
			request: func(*records) proto.Message { return &pb.ListUsersRequest{} }},
		{rpc: "DirectoryService.UpdateUser", routes: via("PATCH /v1/users/{user.id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.UpdateUserRequest{User: &pb.User{Id: r.user, TenantId: r.tenant}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}}
			}},
		{rpc: "DirectoryService.DeleteUser", routes: via("DELETE /v1/users/{id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.DeleteUserRequest{Id: r.user, TenantId: r.tenant, Cascade: true}
			}},
		{rpc: "DirectoryService.SuspendUser", routes: via("POST /v1/users/{id}:suspend"), want: admin,
			request: func(r *records) proto.Message { return &pb.SuspendUserRequest{Id: r.user, TenantId: r.tenant} }},
		{rpc: "DirectoryService.ActivateUser", routes: via("POST /v1/users/{id}:activate"), want: admin,
			request: func(r *records) proto.Message { return &pb.ActivateUserRequest{Id: r.user, TenantId: r.tenant} }},
	}
}

func roleRows() []permitted {
	admin := outcomes{whom, no, no, gone, yes, yes}
	create := func(r *records, id string) proto.Message {
		return &pb.CreateRoleRequest{Role: &pb.Role{Id: id, TenantId: r.tenant, Permissions: []string{"orders.read"}}}
	}
	return []permitted{
		{rpc: "DirectoryService.CreateRole", routes: via("POST /v1/roles"), want: admin,
			request: func(r *records) proto.Message { return create(r, "new") }},
		{rpc: "DirectoryService.CreateRole", about: "one that exists", routes: via("POST /v1/roles"), want: outcomes{whom, no, no, gone, have, have},
			request: func(r *records) proto.Message { return create(r, r.role) }},
		{rpc: "DirectoryService.GetRole", routes: via("GET /v1/roles/{id}"), want: admin,
			request: func(r *records) proto.Message { return &pb.GetRoleRequest{Id: r.role, TenantId: r.tenant} }},
		{rpc: "DirectoryService.GetRole", about: "built in", routes: via("GET /v1/roles/{id}"), want: admin,
			request: func(r *records) proto.Message { return &pb.GetRoleRequest{Id: "guest", TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListRoles", routes: via("GET /v1/roles"), want: admin,
			request: func(r *records) proto.Message { return &pb.ListRolesRequest{TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListRoles", about: "its own tenant's", routes: via("GET /v1/roles"), want: outcomes{whom, no, no, yes, yes, yes},
			request: func(*records) proto.Message { return &pb.ListRolesRequest{} }},
		{rpc: "DirectoryService.UpdateRole", routes: via("PATCH /v1/roles/{role.id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.UpdateRoleRequest{Role: &pb.Role{Id: r.role, TenantId: r.tenant, Permissions: []string{"orders.write"}}}
			}},
		{rpc: "DirectoryService.DeleteRole", routes: via("DELETE /v1/roles/{id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.DeleteRoleRequest{Id: r.role, TenantId: r.tenant, Cascade: true}
			}},
	}
}

func apiRows() []permitted {
	admin := outcomes{whom, no, no, gone, yes, yes}
	create := func(r *records, id string) proto.Message {
		return &pb.CreateApiRequest{Api: &pb.Api{Id: id, TenantId: r.tenant, Routes: []*pb.Route{{Hosts: []string{"*"}, Methods: []string{"*"}, Path: "/new"}}}}
	}
	return []permitted{
		{rpc: "DirectoryService.CreateApi", routes: via("POST /v1/apis"), want: admin,
			request: func(r *records) proto.Message { return create(r, "new") }},
		{rpc: "DirectoryService.CreateApi", about: "one that exists", routes: via("POST /v1/apis"), want: outcomes{whom, no, no, gone, have, have},
			request: func(r *records) proto.Message { return create(r, r.api) }},
		{rpc: "DirectoryService.GetApi", routes: via("GET /v1/apis/{id}"), want: admin,
			request: func(r *records) proto.Message { return &pb.GetApiRequest{Id: r.api, TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListApis", routes: via("GET /v1/apis"), want: admin,
			request: func(r *records) proto.Message { return &pb.ListApisRequest{TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListApis", about: "its own tenant's", routes: via("GET /v1/apis"), want: outcomes{whom, no, no, yes, yes, yes},
			request: func(*records) proto.Message { return &pb.ListApisRequest{} }},
		{rpc: "DirectoryService.UpdateApi", routes: via("PATCH /v1/apis/{api.id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.UpdateApiRequest{Api: &pb.Api{Id: r.api, TenantId: r.tenant, DisplayName: "x"}}
			}},
		{rpc: "DirectoryService.DeleteApi", routes: via("DELETE /v1/apis/{id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.DeleteApiRequest{Id: r.api, TenantId: r.tenant, Cascade: true}
			}},
		{rpc: "DirectoryService.DeprecateApi", routes: via("POST /v1/apis/{id}:deprecate"), want: admin,
			request: func(r *records) proto.Message { return &pb.DeprecateApiRequest{Id: r.api, TenantId: r.tenant} }},
		{rpc: "DirectoryService.RetireApi", routes: via("POST /v1/apis/{id}:retire"), want: admin,
			request: func(r *records) proto.Message { return &pb.RetireApiRequest{Id: r.api, TenantId: r.tenant} }},
	}
}

func subscriptionRows() []permitted {
	rows := []permitted{
		{rpc: "DirectoryService.CreateSubscription", routes: via("POST /v1/subscriptions"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message {
				return &pb.CreateSubscriptionRequest{Subscription: &pb.Subscription{TenantId: r.tenant, UserId: r.user, ApiId: r.spare, ApiTenantId: r.tenant}}
			}},
		{rpc: "DirectoryService.CreateSubscription", about: "a whole tenant's", routes: via("POST /v1/subscriptions"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message {
				return &pb.CreateSubscriptionRequest{Subscription: &pb.Subscription{TenantId: r.tenant, ApiId: r.spare}}
			}},
		{rpc: "DirectoryService.CreateSubscription", about: "the other tenant's", routes: via("POST /v1/subscriptions"), want: outcomes{whom, no, no, yes, gone, yes}, shared: true,
			request: func(r *records) proto.Message {
				return &pb.CreateSubscriptionRequest{Subscription: &pb.Subscription{TenantId: "beta", UserId: "admin", ApiId: r.spare, ApiTenantId: r.tenant}}
			}},
		{rpc: "DirectoryService.GetSubscription", about: "to the other tenant's API", routes: via("GET /v1/subscriptions/{id}"), want: outcomes{whom, no, no, yes, yes, yes}, shared: true,
			request: func(r *records) proto.Message { return &pb.GetSubscriptionRequest{Id: r.outward} }},
		{rpc: "DirectoryService.ListSubscriptions", routes: via("GET /v1/subscriptions"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.ListSubscriptionsRequest{TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListSubscriptions", about: "to its APIs", routes: via("GET /v1/subscriptions"), want: outcomes{whom, no, no, gone, yes, yes},
			request: func(r *records) proto.Message { return &pb.ListSubscriptionsRequest{ApiTenantId: r.tenant} }},
		{rpc: "DirectoryService.ListSubscriptions", about: "its own tenant's", routes: via("GET /v1/subscriptions"), want: outcomes{whom, no, no, yes, yes, yes}, shared: true,
			request: func(*records) proto.Message { return &pb.ListSubscriptionsRequest{} }},
		{rpc: "DirectoryService.ApproveSubscription", about: "to the other tenant's API", routes: via("POST /v1/subscriptions/{id}:approve"), want: outcomes{whom, no, no, yes, no, yes}, shared: true,
			request: func(r *records) proto.Message { return &pb.ApproveSubscriptionRequest{Id: r.outward} }},
		{rpc: "DirectoryService.RejectSubscription", about: "to the other tenant's API", routes: via("POST /v1/subscriptions/{id}:reject"), want: outcomes{whom, no, no, yes, no, yes}, shared: true,
			request: func(r *records) proto.Message { return &pb.RejectSubscriptionRequest{Id: r.outward} }},
	}
	// About one subscription of acme to its own API, in the state that the call wants.
	one := func(rpc, route string, request func(r *records) proto.Message) {
		rows = append(rows, permitted{rpc: "DirectoryService." + rpc, routes: via(route), want: outcomes{whom, no, no, gone, yes, yes}, request: request})
	}
	one("GetSubscription", "GET /v1/subscriptions/{id}", func(r *records) proto.Message { return &pb.GetSubscriptionRequest{Id: r.pending} })
	one("UpdateSubscription", "PATCH /v1/subscriptions/{subscription.id}", func(r *records) proto.Message {
		return &pb.UpdateSubscriptionRequest{Subscription: &pb.Subscription{Id: r.pending, Note: "please"}}
	})
	one("DeleteSubscription", "DELETE /v1/subscriptions/{id}", func(r *records) proto.Message { return &pb.DeleteSubscriptionRequest{Id: r.pending} })
	one("ApproveSubscription", "POST /v1/subscriptions/{id}:approve", func(r *records) proto.Message { return &pb.ApproveSubscriptionRequest{Id: r.pending} })
	one("RejectSubscription", "POST /v1/subscriptions/{id}:reject", func(r *records) proto.Message { return &pb.RejectSubscriptionRequest{Id: r.pending} })
	one("PauseSubscription", "POST /v1/subscriptions/{id}:pause", func(r *records) proto.Message { return &pb.PauseSubscriptionRequest{Id: r.approved} })
	one("ResumeSubscription", "POST /v1/subscriptions/{id}:resume", func(r *records) proto.Message { return &pb.ResumeSubscriptionRequest{Id: r.paused} })
	return rows
}

func decisionRows() []permitted {
	row := func(about string, want outcomes, request func(r *records) *pb.ExplainRequest) permitted {
		return permitted{rpc: "DirectoryService.Explain", about: about, routes: via("POST /v1/keys:explain"), want: want, silent: want[3] == yes,
			request: func(r *records) proto.Message { return request(r) }}
	}
	return []permitted{
		row("a key", outcomes{whom, no, no, gone, yes, yes}, func(r *records) *pb.ExplainRequest { return &pb.ExplainRequest{KeyId: r.key} }),
		row("a refusal", outcomes{whom, no, no, gone, yes, yes}, func(r *records) *pb.ExplainRequest { return &pb.ExplainRequest{DecisionId: r.decision} }),
		row("a secret", outcomes{whom, no, no, yes, yes, yes}, func(r *records) *pb.ExplainRequest {
			return &pb.ExplainRequest{Check: &pb.CheckKeyRequest{Key: r.secret}}
		}),
	}
}

// selfRows are what everybody may do about itself.
func selfRows() []permitted {
	all := outcomes{whom, yes, yes, yes, yes, yes}
	const own = "one's own"
	return []permitted{
		{rpc: "KeyService.WhoAmI", routes: via("GET /v1/whoami"), want: all,
			request: func(*records) proto.Message { return &pb.WhoAmIRequest{} }},
		{rpc: "KeyService.RevokeSelf", routes: via("POST /v1/keys:revokeSelf"), want: all, throwaway: true,
			request: func(*records) proto.Message {
				return &pb.RevokeSelfRequest{Reason: pb.Key_CESSATION_OF_OPERATION}
			}},
		{rpc: "DirectoryService.CreateSubscription", about: own, routes: via("POST /v1/subscriptions"), want: all, shared: true,
			request: func(r *records) proto.Message {
				return &pb.CreateSubscriptionRequest{Subscription: &pb.Subscription{TenantId: r.self.TenantID, UserId: r.self.ID, ApiId: r.spare, ApiTenantId: r.tenant}}
			}},
		{rpc: "DirectoryService.GetSubscription", about: own, routes: via("GET /v1/subscriptions/{id}"), want: all, shared: true,
			request: func(r *records) proto.Message { return &pb.GetSubscriptionRequest{Id: r.own} }},
		{rpc: "DirectoryService.UpdateSubscription", about: own, routes: via("PATCH /v1/subscriptions/{subscription.id}"), want: all, shared: true,
			request: func(r *records) proto.Message {
				return &pb.UpdateSubscriptionRequest{Subscription: &pb.Subscription{Id: r.own, Note: "please"}}
			}},
		{rpc: "DirectoryService.DeleteSubscription", about: own, routes: via("DELETE /v1/subscriptions/{id}"), want: all,
			request: func(r *records) proto.Message { return &pb.DeleteSubscriptionRequest{Id: r.own} }},
	}
}

func auditRows() []permitted {
	admin := outcomes{whom, no, no, gone, yes, yes}
	return []permitted{
		{rpc: "AuditService.ListAuditEvents", routes: via("GET /v1/auditEvents"), want: admin,
			request: func(r *records) proto.Message { return &pb.ListAuditEventsRequest{TenantId: r.tenant} }},
		// The other tenant's own trail tells of subscriptions that it shares with acme.
		{rpc: "AuditService.ListAuditEvents", about: "its own tenant's", routes: via("GET /v1/auditEvents"), want: outcomes{whom, no, no, yes, yes, yes}, shared: true,
			request: func(*records) proto.Message { return &pb.ListAuditEventsRequest{} }},
		{rpc: "AuditService.VerifyAuditChain", routes: via("GET /v1/auditEvents:verify"), want: admin,
			request: func(r *records) proto.Message { return &pb.VerifyAuditChainRequest{TenantId: r.tenant} }},
		{rpc: "AuditService.GetAuditHead", routes: via("GET /v1/auditEvents:head"), want: admin,
			request: func(r *records) proto.Message { return &pb.GetAuditHeadRequest{TenantId: r.tenant} }},
	}
}
