package client_test

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const subscriptionID = "sub_0123456789abcdefghjkmnpqrs"

func exampleTenant() *pb.Tenant {
	return &pb.Tenant{Id: "acme", DisplayName: "Acme", State: pb.Tenant_ACTIVE, SecretPrefix: "ks", Etag: "e2", CreateTime: at("2026-11-01T08:00:00Z")}
}

func exampleUser() *pb.User {
	return &pb.User{Id: "ada", TenantId: "acme", Kind: pb.User_PERSON, State: pb.User_ACTIVE, Roles: []string{"developer"}, Etag: "e3", CreateTime: at("2026-11-01T08:00:00Z"), LastUsedTime: at("2026-11-20T10:00:00Z")}
}

func exampleRole() *pb.Role {
	return &pb.Role{Id: "billing", TenantId: "acme", DisplayName: "Billing", Permissions: []string{"invoices.*", "orders.read"}, Etag: "e4", CreateTime: at("2026-11-01T08:00:00Z")}
}

func exampleAPI() *pb.Api {
	return &pb.Api{
		Id: "orders", TenantId: "acme", DisplayName: "Orders", Visibility: pb.Api_PRIVATE, State: pb.Api_DEPRECATED,
		DeprecateTime: at("2026-11-02T08:00:00Z"), SunsetTime: at("2027-06-30T00:00:00Z"), SubscriptionRequired: true, AllowPreflight: true,
		Routes: []*pb.Route{
			{Methods: []string{"GET", "HEAD"}, Hosts: []string{"api.acme.test"}, Path: "/orders/{id}", Permission: "orders.read"},
			{Methods: []string{"*"}, Hosts: []string{"*"}, Path: "/orders/**", RateLimits: []*pb.RateLimit{{Name: "m", Requests: 10, Period: durationpb.New(time.Hour), Burst: 10}}},
		},
		Etag: "e5", CreateTime: at("2026-11-01T08:00:00Z"),
	}
}

func exampleSubscription() *pb.Subscription {
	return &pb.Subscription{
		Id: subscriptionID, TenantId: "beta", UserId: "bo", ApiId: "orders", ApiTenantId: "acme", State: pb.Subscription_PAUSED,
		Note: "nightly", Plan: "bronze", Reason: "too many errors", ExpireTime: at("2027-01-01T00:00:00Z"), Etag: "e6", CreateTime: at("2026-11-01T08:00:00Z"),
	}
}

// said answers one call of any kind, a write with where it is in force.
func said[T any](ctx context.Context, f *fake, in proto.Message, out *T) (*T, error) {
	if err := f.note(ctx, in); err != nil {
		return nil, err
	}
	if m, ok := any(out).(proto.Message); ok && f.force != nil {
		if field := m.ProtoReflect().Descriptor().Fields().ByName("propagation"); field != nil {
			m.ProtoReflect().Set(field, protoreflect.ValueOfMessage(f.force.ProtoReflect()))
		}
	}
	return out, nil
}

func (f *fake) GetTenant(ctx context.Context, in *pb.GetTenantRequest) (*pb.GetTenantResponse, error) {
	t := exampleTenant()
	t.KeyPolicy = f.policy
	return said(ctx, f, in, &pb.GetTenantResponse{Tenant: t})
}

func (f *fake) CreateTenant(ctx context.Context, in *pb.CreateTenantRequest) (*pb.CreateTenantResponse, error) {
	return said(ctx, f, in, &pb.CreateTenantResponse{Tenant: exampleTenant()})
}

func (f *fake) UpdateTenant(ctx context.Context, in *pb.UpdateTenantRequest) (*pb.UpdateTenantResponse, error) {
	return said(ctx, f, in, &pb.UpdateTenantResponse{Tenant: exampleTenant(), Note: "noted"})
}

func (f *fake) ListTenants(ctx context.Context, in *pb.ListTenantsRequest) (*pb.ListTenantsResponse, error) {
	return said(ctx, f, in, &pb.ListTenantsResponse{Tenants: []*pb.Tenant{exampleTenant(), exampleTenant()}, NextPageToken: f.more})
}

func (f *fake) CreateUser(ctx context.Context, in *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	return said(ctx, f, in, &pb.CreateUserResponse{User: exampleUser()})
}

func (f *fake) GetUser(ctx context.Context, in *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	return said(ctx, f, in, &pb.GetUserResponse{User: exampleUser()})
}

func (f *fake) UpdateUser(ctx context.Context, in *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	return said(ctx, f, in, &pb.UpdateUserResponse{User: exampleUser(), Note: "noted"})
}

func (f *fake) ListUsers(ctx context.Context, in *pb.ListUsersRequest) (*pb.ListUsersResponse, error) {
	return said(ctx, f, in, &pb.ListUsersResponse{Users: []*pb.User{exampleUser(), exampleUser()}, NextPageToken: f.more})
}

func (f *fake) CreateRole(ctx context.Context, in *pb.CreateRoleRequest) (*pb.CreateRoleResponse, error) {
	return said(ctx, f, in, &pb.CreateRoleResponse{Role: exampleRole()})
}

func (f *fake) GetRole(ctx context.Context, in *pb.GetRoleRequest) (*pb.GetRoleResponse, error) {
	return said(ctx, f, in, &pb.GetRoleResponse{Role: exampleRole()})
}

func (f *fake) UpdateRole(ctx context.Context, in *pb.UpdateRoleRequest) (*pb.UpdateRoleResponse, error) {
	return said(ctx, f, in, &pb.UpdateRoleResponse{Role: exampleRole(), Note: "noted"})
}

func (f *fake) ListRoles(ctx context.Context, in *pb.ListRolesRequest) (*pb.ListRolesResponse, error) {
	return said(ctx, f, in, &pb.ListRolesResponse{Roles: []*pb.Role{exampleRole(), exampleRole()}, NextPageToken: f.more})
}

func (f *fake) CreateApi(ctx context.Context, in *pb.CreateApiRequest) (*pb.CreateApiResponse, error) {
	return said(ctx, f, in, &pb.CreateApiResponse{Api: exampleAPI()})
}

func (f *fake) GetApi(ctx context.Context, in *pb.GetApiRequest) (*pb.GetApiResponse, error) {
	return said(ctx, f, in, &pb.GetApiResponse{Api: exampleAPI()})
}

func (f *fake) UpdateApi(ctx context.Context, in *pb.UpdateApiRequest) (*pb.UpdateApiResponse, error) {
	return said(ctx, f, in, &pb.UpdateApiResponse{Api: exampleAPI(), Note: "noted"})
}

func (f *fake) ListApis(ctx context.Context, in *pb.ListApisRequest) (*pb.ListApisResponse, error) {
	return said(ctx, f, in, &pb.ListApisResponse{Apis: []*pb.Api{exampleAPI(), exampleAPI()}, NextPageToken: f.more})
}

func (f *fake) CreateSubscription(ctx context.Context, in *pb.CreateSubscriptionRequest) (*pb.CreateSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.CreateSubscriptionResponse{Subscription: exampleSubscription()})
}

func (f *fake) GetSubscription(ctx context.Context, in *pb.GetSubscriptionRequest) (*pb.GetSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.GetSubscriptionResponse{Subscription: exampleSubscription()})
}

func (f *fake) UpdateSubscription(ctx context.Context, in *pb.UpdateSubscriptionRequest) (*pb.UpdateSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.UpdateSubscriptionResponse{Subscription: exampleSubscription(), Note: "noted"})
}

func (f *fake) ListSubscriptions(ctx context.Context, in *pb.ListSubscriptionsRequest) (*pb.ListSubscriptionsResponse, error) {
	return said(ctx, f, in, &pb.ListSubscriptionsResponse{Subscriptions: []*pb.Subscription{exampleSubscription(), exampleSubscription()}, NextPageToken: f.more})
}

func (f *fake) SuspendTenant(ctx context.Context, in *pb.SuspendTenantRequest) (*pb.SuspendTenantResponse, error) {
	return said(ctx, f, in, &pb.SuspendTenantResponse{Tenant: exampleTenant()})
}

func (f *fake) ActivateTenant(ctx context.Context, in *pb.ActivateTenantRequest) (*pb.ActivateTenantResponse, error) {
	return said(ctx, f, in, &pb.ActivateTenantResponse{Tenant: exampleTenant()})
}

func (f *fake) SuspendUser(ctx context.Context, in *pb.SuspendUserRequest) (*pb.SuspendUserResponse, error) {
	return said(ctx, f, in, &pb.SuspendUserResponse{User: exampleUser()})
}

func (f *fake) ActivateUser(ctx context.Context, in *pb.ActivateUserRequest) (*pb.ActivateUserResponse, error) {
	return said(ctx, f, in, &pb.ActivateUserResponse{User: exampleUser()})
}

func (f *fake) DeprecateApi(ctx context.Context, in *pb.DeprecateApiRequest) (*pb.DeprecateApiResponse, error) {
	return said(ctx, f, in, &pb.DeprecateApiResponse{Api: exampleAPI()})
}

func (f *fake) RetireApi(ctx context.Context, in *pb.RetireApiRequest) (*pb.RetireApiResponse, error) {
	return said(ctx, f, in, &pb.RetireApiResponse{Api: exampleAPI()})
}

func (f *fake) ApproveSubscription(ctx context.Context, in *pb.ApproveSubscriptionRequest) (*pb.ApproveSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.ApproveSubscriptionResponse{Subscription: exampleSubscription()})
}

func (f *fake) RejectSubscription(ctx context.Context, in *pb.RejectSubscriptionRequest) (*pb.RejectSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.RejectSubscriptionResponse{Subscription: exampleSubscription()})
}

func (f *fake) PauseSubscription(ctx context.Context, in *pb.PauseSubscriptionRequest) (*pb.PauseSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.PauseSubscriptionResponse{Subscription: exampleSubscription()})
}

func (f *fake) ResumeSubscription(ctx context.Context, in *pb.ResumeSubscriptionRequest) (*pb.ResumeSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.ResumeSubscriptionResponse{Subscription: exampleSubscription()})
}

func (f *fake) DeleteTenant(ctx context.Context, in *pb.DeleteTenantRequest) (*pb.DeleteTenantResponse, error) {
	return said(ctx, f, in, &pb.DeleteTenantResponse{Tenant: exampleTenant(), Cascade: &pb.Cascade{Users: 2, Keys: 12, Roles: 1, Apis: 1, Subscriptions: 3}})
}

func (f *fake) DeleteUser(ctx context.Context, in *pb.DeleteUserRequest) (*pb.DeleteUserResponse, error) {
	return said(ctx, f, in, &pb.DeleteUserResponse{User: exampleUser(), Cascade: &pb.Cascade{Keys: 1}})
}

func (f *fake) DeleteRole(ctx context.Context, in *pb.DeleteRoleRequest) (*pb.DeleteRoleResponse, error) {
	return said(ctx, f, in, &pb.DeleteRoleResponse{Cascade: &pb.Cascade{Users: 2}})
}

func (f *fake) DeleteApi(ctx context.Context, in *pb.DeleteApiRequest) (*pb.DeleteApiResponse, error) {
	return said(ctx, f, in, &pb.DeleteApiResponse{Cascade: &pb.Cascade{Subscriptions: 1}})
}

func (f *fake) CreatePlan(ctx context.Context, in *pb.CreatePlanRequest) (*pb.CreatePlanResponse, error) {
	return said(ctx, f, in, &pb.CreatePlanResponse{Plan: examplePlan()})
}

func (f *fake) GetPlan(ctx context.Context, in *pb.GetPlanRequest) (*pb.GetPlanResponse, error) {
	return said(ctx, f, in, &pb.GetPlanResponse{Plan: examplePlan()})
}

func (f *fake) UpdatePlan(ctx context.Context, in *pb.UpdatePlanRequest) (*pb.UpdatePlanResponse, error) {
	return said(ctx, f, in, &pb.UpdatePlanResponse{Plan: examplePlan(), Note: "noted"})
}

func (f *fake) ListPlans(ctx context.Context, in *pb.ListPlansRequest) (*pb.ListPlansResponse, error) {
	return said(ctx, f, in, &pb.ListPlansResponse{Plans: []*pb.Plan{examplePlan(), {Id: "none", TenantId: "acme"}}, NextPageToken: f.more})
}

func (f *fake) DeletePlan(ctx context.Context, in *pb.DeletePlanRequest) (*pb.DeletePlanResponse, error) {
	return said(ctx, f, in, &pb.DeletePlanResponse{})
}

func (f *fake) DeleteSubscription(ctx context.Context, in *pb.DeleteSubscriptionRequest) (*pb.DeleteSubscriptionResponse, error) {
	return said(ctx, f, in, &pb.DeleteSubscriptionResponse{})
}

func (f *fake) PurgeDeleted(ctx context.Context, in *pb.PurgeDeletedRequest) (*pb.PurgeDeletedResponse, error) {
	return said(ctx, f, in, &pb.PurgeDeletedResponse{Users: 3, Keys: 14, Note: "noted"})
}

func (f *fake) Explain(ctx context.Context, in *pb.ExplainRequest) (*pb.ExplainResponse, error) {
	return said(ctx, f, in, f.told)
}

func (f *fake) ListPolicyViolations(ctx context.Context, in *pb.ListPolicyViolationsRequest) (*pb.ListPolicyViolationsResponse, error) {
	return said(ctx, f, in, &pb.ListPolicyViolationsResponse{Violations: []*pb.PolicyViolation{
		{KeyId: keyID, UserId: "ada", Rules: []string{"maxLifetime", "requiredLabels"}, Messages: []string{"must end sooner", "lacks team"}},
		{KeyId: keyID, UserId: "bo", Rules: []string{"maxLifetime", "requiredLabels"}, Messages: []string{"two at once"}},
	}})
}
