package server_test

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

func planRows() []permitted {
	admin := outcomes{whom, no, no, gone, yes, yes}
	create := func(r *records, id string) proto.Message {
		return &pb.CreatePlanRequest{Plan: &pb.Plan{Id: id, TenantId: r.tenant, RateLimits: someRate()}}
	}
	return []permitted{
		{rpc: "DirectoryService.CreatePlan", routes: via("POST /v1/plans"), want: admin,
			request: func(r *records) proto.Message { return create(r, "new") }},
		{rpc: "DirectoryService.CreatePlan", about: "one that exists", routes: via("POST /v1/plans"), want: outcomes{whom, no, no, gone, have, have},
			request: func(r *records) proto.Message { return create(r, r.plan) }},
		{rpc: "DirectoryService.GetPlan", routes: via("GET /v1/plans/{id}"), want: admin,
			request: func(r *records) proto.Message { return &pb.GetPlanRequest{Id: r.plan, TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListPlans", routes: via("GET /v1/plans"), want: admin,
			request: func(r *records) proto.Message { return &pb.ListPlansRequest{TenantId: r.tenant} }},
		{rpc: "DirectoryService.ListPlans", about: "its own tenant's", routes: via("GET /v1/plans"), want: outcomes{whom, no, no, yes, yes, yes},
			request: func(*records) proto.Message { return &pb.ListPlansRequest{} }},
		{rpc: "DirectoryService.UpdatePlan", routes: via("PATCH /v1/plans/{plan.id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.UpdatePlanRequest{Plan: &pb.Plan{Id: r.plan, TenantId: r.tenant, RateLimits: someRate()}}
			}},
		{rpc: "DirectoryService.DeletePlan", routes: via("DELETE /v1/plans/{id}"), want: admin,
			request: func(r *records) proto.Message { return &pb.DeletePlanRequest{Id: r.plan, TenantId: r.tenant} }},
	}
}

// limitRows are who may set limits.
func limitRows() []permitted {
	admin := outcomes{whom, no, no, gone, yes, yes}
	const about = "its limits"
	return []permitted{
		{rpc: "KeyService.ManageKey", about: about, routes: via("PATCH /v1/keys/{update.key.id}", "POST /v1/keys:manage"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Update{Update: &pb.UpdateKey{Key: &pb.Key{Id: r.key, RateLimits: someRate()}}}}
			}},
		{rpc: "DirectoryService.UpdateUser", about: about, routes: via("PATCH /v1/users/{user.id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.UpdateUserRequest{User: &pb.User{Id: r.user, TenantId: r.tenant, RateLimits: someRate()}}
			}},
		{rpc: "DirectoryService.UpdateApi", about: about, routes: via("PATCH /v1/apis/{api.id}"), want: admin,
			request: func(r *records) proto.Message {
				return &pb.UpdateApiRequest{Api: &pb.Api{Id: r.api, TenantId: r.tenant, RateLimits: someRate()}}
			}},
		// The operator's bound on a tenant is not the tenant's to change.
		{rpc: "DirectoryService.UpdateTenant", about: about, routes: via("PATCH /v1/tenants/{tenant.id}"), want: outcomes{whom, no, no, gone, no, yes},
			request: func(r *records) proto.Message {
				return &pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: r.tenant, RateLimits: someRate()}}
			}},
		{rpc: "DirectoryService.UpdateTenant", about: "its quotas", routes: via("PATCH /v1/tenants/{tenant.id}"), want: outcomes{whom, no, no, gone, no, yes},
			request: func(r *records) proto.Message {
				return &pb.UpdateTenantRequest{Tenant: &pb.Tenant{Id: r.tenant, Quotas: []*pb.Quota{{Name: "q", Limit: 1, Period: pb.Quota_DAY}}}}
			}},
	}
}

func someRate() []*pb.RateLimit {
	return []*pb.RateLimit{{Name: "m", Requests: 10, Period: durationpb.New(60e9)}}
}
