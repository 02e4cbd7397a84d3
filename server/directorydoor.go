package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// maxRoles is how many roles a user may have.
const maxRoles = 32

// DirectoryServer is the door of keystile.v1.DirectoryService.
type DirectoryServer struct {
	pb.UnimplementedDirectoryServiceServer
	service *Service
}

// NewDirectoryServer makes the door to service.
func NewDirectoryServer(service *Service) *DirectoryServer { return &DirectoryServer{service: service} }

// GetTenant reads one tenant.
func (d *DirectoryServer) GetTenant(ctx context.Context, req *pb.GetTenantRequest) (*pb.GetTenantResponse, error) {
	var v violations
	v.id("id", req.GetId(), validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := d.service.reach(ctx, req.GetId(), "tenant"); err != nil {
		return nil, err
	}
	t, err := d.service.store.GetTenant(ctx, req.GetId())
	if err != nil {
		return nil, tenantFault(err)
	}
	return &pb.GetTenantResponse{Tenant: tenantToProto(t)}, nil
}

// GetUser reads one user.
func (d *DirectoryServer) GetUser(ctx context.Context, req *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	c := callerFrom(ctx)
	tenant := req.GetTenantId()
	if tenant == "" {
		tenant = c.tenant()
	}
	var v violations
	v.id("id", req.GetId(), validUserID, userIDForm)
	v.id("tenantId", tenant, validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := d.service.reach(ctx, tenant, "user"); err != nil {
		return nil, err
	}
	u, err := d.service.store.GetUser(ctx, storage.UserRef{TenantID: tenant, ID: req.GetId()})
	if err != nil {
		return nil, missingUser(err)
	}
	return &pb.GetUserResponse{User: userToProto(u)}, nil
}

// CreateTenant adds a tenant; the operator alone may.
func (d *DirectoryServer) CreateTenant(ctx context.Context, req *pb.CreateTenantRequest) (*pb.CreateTenantResponse, error) {
	s, in := d.service, req.GetTenant()
	var v violations
	v.requestID("requestId", req.GetRequestId())
	v.id("tenant.id", in.GetId(), validTenantID, tenantIDForm)
	v.text("tenant.displayName", in.GetDisplayName(), maxName)
	if in.GetState() != pb.Tenant_STATE_UNSPECIFIED || in.GetEtag() != "" || in.GetCreateTime() != nil || in.GetUpdateTime() != nil {
		v.add("tenant", "holds a field that the server sets: state, etag, createTime and updateTime")
	}
	if p := in.GetSecretPrefix(); p != "" && !access.ValidPrefix(p) {
		v.add("tenant.secretPrefix", "must be 1 to 16 lower-case letters, digits and '_', beginning with a letter and not with \"keystile\"")
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermTenantsCreate)
	if err != nil {
		return nil, err
	}
	if !caller.everywhere() {
		return nil, s.refuse(ctx, caller, methodFrom(ctx), forbidden(
			"tenants are created by the operator's tenant alone", "Use the key of an admin of the tenant \"system\"."))
	}
	t := &storage.Tenant{
		ID: in.GetId(), DisplayName: in.GetDisplayName(), State: storage.TenantActive, SecretPrefix: in.GetSecretPrefix(),
	}
	if t.SecretPrefix == "" {
		t.SecretPrefix = access.DefaultPrefix
	}
	out := &pb.CreateTenantResponse{}
	w := &creation{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermTenantsCreate, target: auditTarget{Kind: "tenant", TenantID: storage.SystemTenant, ID: t.ID},
	}
	note, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (proto.Message, error) {
		row := *t
		if err := tx.CreateTenant(&row); err != nil {
			return nil, fmt.Errorf("creating the tenant: %w", err)
		}
		out.Tenant = tenantToProto(&row)
		return out.GetTenant(), nil
	})
	out.Note = note
	return out, err
}

// CreateUser adds a user that holds no more than its creator.
func (d *DirectoryServer) CreateUser(ctx context.Context, req *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	s, in := d.service, req.GetUser()
	if err := validateUser(req); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermUsersCreate)
	if err != nil {
		return nil, err
	}
	tenant, err := s.tenantOrOwn(ctx, &caller, in.GetTenantId(), "user.tenantId")
	if err != nil {
		return nil, err
	}
	u := &storage.User{
		TenantID: tenant, ID: in.GetId(), DisplayName: in.GetDisplayName(),
		Kind: storage.UserKind(in.GetKind().String()), State: storage.UserActive, Roles: in.GetRoles(),
	}
	out := &pb.CreateUserResponse{}
	w := &creation{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermUsersCreate, target: auditTarget{Kind: "user", TenantID: tenant, ID: u.ID},
	}
	note, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (proto.Message, error) {
		row := *u
		if err := s.addUser(tx, &caller, &row); err != nil {
			return nil, err
		}
		out.User = userToProto(&row)
		return out.GetUser(), nil
	})
	if errors.Is(err, errOutranked) {
		return nil, s.refuse(ctx, caller, methodFrom(ctx), err)
	}
	out.Note = note
	return out, err
}

func validateUser(req *pb.CreateUserRequest) error {
	in := req.GetUser()
	var v violations
	v.requestID("requestId", req.GetRequestId())
	v.id("user.id", in.GetId(), validUserID, userIDForm)
	if in.GetTenantId() != "" {
		v.id("user.tenantId", in.GetTenantId(), validTenantID, tenantIDForm)
	}
	v.text("user.displayName", in.GetDisplayName(), maxName)
	if _, known := pb.User_Kind_name[int32(in.GetKind())]; !known || in.GetKind() == pb.User_KIND_UNSPECIFIED {
		v.add("user.kind", "must be PERSON or SERVICE_ACCOUNT")
	}
	if in.GetState() != pb.User_STATE_UNSPECIFIED || in.GetEtag() != "" || in.GetCreateTime() != nil || in.GetUpdateTime() != nil {
		v.add("user", "holds a field that the server sets: state, etag, createTime and updateTime")
	}
	if len(in.GetRoles()) > maxRoles {
		v.add("user.roles", "must hold at most %d roles", maxRoles)
		return v.err()
	}
	for i, role := range in.GetRoles() {
		field := fmt.Sprintf("user.roles[%d]", i)
		v.id(field, role, validUserID, "the name of a role")
		if slices.Contains(in.GetRoles()[:i], role) {
			v.add(field, "is there twice")
		}
	}
	return v.err()
}

// addUser stores a user whose roles exist and do not exceed the caller's.
func (s *Service) addUser(tx storage.Tx, c *Caller, u *storage.User) error {
	t, err := tx.GetTenant(u.TenantID)
	if err != nil {
		return tenantFault(err)
	}
	if t.State == storage.TenantDeleted {
		return notFound("tenant")
	}
	own, err := tx.GetRoles(u.TenantID, u.Roles)
	if err != nil {
		return fmt.Errorf("reading roles: %w", err)
	}
	roles := rolesOf(u.Roles, own)
	var v violations
	for i, id := range u.Roles {
		if !slices.ContainsFunc(roles, func(r access.Role) bool { return r.ID == id }) {
			v.add(fmt.Sprintf("user.roles[%d]", i), "is no role of this tenant")
		}
	}
	if err := v.err(); err != nil {
		return err
	}
	// The strongest key that such a user could have must not outrank its maker's.
	strongest := access.Grant{Key: &storage.Key{TenantID: u.TenantID, UserID: u.ID}, User: u, Tenant: t, Roles: roles}
	if !c.Grant.Outranks(&strongest) {
		return errOutranked
	}
	if err := tx.CreateUser(u); err != nil {
		return fmt.Errorf("creating the user: %w", err)
	}
	return nil
}
