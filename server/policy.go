package server

import (
	"fmt"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
)

// policy says who may call a method. The zero policy lets nobody.
type policy struct {
	// open lets everybody.
	open bool
	// check follows the service's CheckAuth.
	check bool
	// gateway has every error told as "nothing was decided".
	gateway bool
	// caller lets every good key; the handler judges what it may do for itself.
	caller bool
	// permission gives the management permission that the request takes.
	permission func(request any) string
}

func needs(permission string) policy {
	return policy{permission: func(any) string { return permission }}
}

// policies is the one table of who may call what, by canonical method name. A
// method that is not in it stops the start.
var policies = map[string]policy{
	pb.KeyService_CheckKey_FullMethodName:        {check: true},
	pb.KeyService_CheckKeys_FullMethodName:       {check: true},
	pb.KeyService_ManageKey_FullMethodName:       {permission: managePermission},
	pb.KeyService_GetKey_FullMethodName:          needs(access.PermKeysRead),
	pb.KeyService_ListKeys_FullMethodName:        needs(access.PermKeysRead),
	pb.KeyService_GetKeyLimits_FullMethodName:    needs(access.PermKeysRead),
	pb.KeyService_ResetKeyLimits_FullMethodName:  needs(access.PermLimitsReset),
	pb.KeyService_GrantKeyCredits_FullMethodName: needs(access.PermCreditsGrant),
	pb.KeyService_ImportKeys_FullMethodName:      needs(access.PermKeysImport),
	pb.KeyService_WhoAmI_FullMethodName:          {caller: true},
	pb.KeyService_RevokeSelf_FullMethodName:      {caller: true},

	pb.DirectoryService_CreateTenant_FullMethodName:         needs(access.PermTenantsCreate),
	pb.DirectoryService_GetTenant_FullMethodName:            needs(access.PermTenantsRead),
	pb.DirectoryService_ListTenants_FullMethodName:          needs(access.PermTenantsRead),
	pb.DirectoryService_UpdateTenant_FullMethodName:         needs(access.PermTenantsUpdate),
	pb.DirectoryService_DeleteTenant_FullMethodName:         needs(access.PermTenantsDelete),
	pb.DirectoryService_CreateUser_FullMethodName:           needs(access.PermUsersCreate),
	pb.DirectoryService_GetUser_FullMethodName:              needs(access.PermUsersRead),
	pb.DirectoryService_ListUsers_FullMethodName:            needs(access.PermUsersRead),
	pb.DirectoryService_UpdateUser_FullMethodName:           needs(access.PermUsersUpdate),
	pb.DirectoryService_DeleteUser_FullMethodName:           needs(access.PermUsersDelete),
	pb.DirectoryService_CreateRole_FullMethodName:           needs(access.PermRolesCreate),
	pb.DirectoryService_GetRole_FullMethodName:              needs(access.PermRolesRead),
	pb.DirectoryService_ListRoles_FullMethodName:            needs(access.PermRolesRead),
	pb.DirectoryService_UpdateRole_FullMethodName:           needs(access.PermRolesUpdate),
	pb.DirectoryService_DeleteRole_FullMethodName:           needs(access.PermRolesDelete),
	pb.DirectoryService_CreateApi_FullMethodName:            needs(access.PermAPIsCreate),
	pb.DirectoryService_GetApi_FullMethodName:               needs(access.PermAPIsRead),
	pb.DirectoryService_ListApis_FullMethodName:             needs(access.PermAPIsRead),
	pb.DirectoryService_UpdateApi_FullMethodName:            needs(access.PermAPIsUpdate),
	pb.DirectoryService_DeleteApi_FullMethodName:            needs(access.PermAPIsDelete),
	pb.DirectoryService_CreatePlan_FullMethodName:           needs(access.PermPlansCreate),
	pb.DirectoryService_GetPlan_FullMethodName:              needs(access.PermPlansRead),
	pb.DirectoryService_ListPlans_FullMethodName:            needs(access.PermPlansRead),
	pb.DirectoryService_UpdatePlan_FullMethodName:           needs(access.PermPlansUpdate),
	pb.DirectoryService_DeletePlan_FullMethodName:           needs(access.PermPlansDelete),
	pb.DirectoryService_CreateSubscription_FullMethodName:   {caller: true},
	pb.DirectoryService_GetSubscription_FullMethodName:      {caller: true},
	pb.DirectoryService_ListSubscriptions_FullMethodName:    needs(access.PermSubscriptionsRead),
	pb.DirectoryService_UpdateSubscription_FullMethodName:   {caller: true},
	pb.DirectoryService_DeleteSubscription_FullMethodName:   {caller: true},
	pb.DirectoryService_SuspendTenant_FullMethodName:        needs(access.PermTenantsSuspend),
	pb.DirectoryService_ActivateTenant_FullMethodName:       needs(access.PermTenantsActivate),
	pb.DirectoryService_SuspendUser_FullMethodName:          needs(access.PermUsersSuspend),
	pb.DirectoryService_ActivateUser_FullMethodName:         needs(access.PermUsersActivate),
	pb.DirectoryService_DeprecateApi_FullMethodName:         needs(access.PermAPIsDeprecate),
	pb.DirectoryService_RetireApi_FullMethodName:            needs(access.PermAPIsRetire),
	pb.DirectoryService_ApproveSubscription_FullMethodName:  needs(access.PermSubscriptionsApprove),
	pb.DirectoryService_RejectSubscription_FullMethodName:   needs(access.PermSubscriptionsReject),
	pb.DirectoryService_PauseSubscription_FullMethodName:    needs(access.PermSubscriptionsPause),
	pb.DirectoryService_ResumeSubscription_FullMethodName:   needs(access.PermSubscriptionsResume),
	pb.DirectoryService_ListPolicyViolations_FullMethodName: needs(access.PermTenantsRead),
	pb.DirectoryService_PurgeDeleted_FullMethodName:         needs(access.PermTenantsPurge),
	pb.DirectoryService_Explain_FullMethodName:              needs(access.PermKeysExplain),

	pb.AuditService_ListAuditEvents_FullMethodName:  needs(access.PermAuditRead),
	pb.AuditService_VerifyAuditChain_FullMethodName: needs(access.PermAuditRead),
	pb.AuditService_GetAuditHead_FullMethodName:     needs(access.PermAuditRead),

	authv3.Authorization_Check_FullMethodName: {check: true, gateway: true},

	"/grpc.health.v1.Health/Check":                                   {open: true},
	"/grpc.health.v1.Health/List":                                    {open: true},
	"/grpc.health.v1.Health/Watch":                                   {open: true},
	"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo":      {open: true},
	"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": {open: true},
}

// managePermission gives the permission of the operation that was chosen.
func managePermission(request any) string {
	r, ok := request.(*pb.ManageKeyRequest)
	if !ok {
		return ""
	}
	switch r.GetOperation().(type) {
	case *pb.ManageKeyRequest_Create:
		return access.PermKeysCreate
	case *pb.ManageKeyRequest_Update:
		return access.PermKeysUpdate
	case *pb.ManageKeyRequest_Rotate:
		return access.PermKeysRotate
	case *pb.ManageKeyRequest_Revoke:
		return access.PermKeysRevoke
	case *pb.ManageKeyRequest_Disable:
		return access.PermKeysDisable
	case *pb.ManageKeyRequest_Enable:
		return access.PermKeysEnable
	case *pb.ManageKeyRequest_Delete:
		return access.PermKeysDelete
	case nil:
		// Whoever may change keys at all is told that an operation is missing.
		return access.PermKeysUpdate
	}
	return ""
}

// everyMethodHasPolicy keeps a server from starting with a method that nobody
// thought about.
func everyMethodHasPolicy(s *grpc.Server) error {
	for service, info := range s.GetServiceInfo() {
		for _, m := range info.Methods {
			name := "/" + service + "/" + m.Name
			p, ok := policies[name]
			if !ok || !p.open && !p.check && !p.caller && p.permission == nil {
				return fmt.Errorf("no policy says who may call %s", name)
			}
		}
	}
	return nil
}
