package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

const userMask = "displayName, kind, roles, rateLimits and quotas"

// GetUser reads one user.
func (d *DirectoryServer) GetUser(ctx context.Context, req *pb.GetUserRequest) (*pb.GetUserResponse, error) {
	c := callerFrom(ctx)
	ref := storage.UserRef{TenantID: c.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.nameUser(ctx, ref); err != nil {
		return nil, err
	}
	u, err := d.service.store.GetUser(ctx, ref)
	if err != nil {
		return nil, missingUser(err)
	}
	shown, err := d.service.showUsers(ref.TenantID)(ctx, []*storage.User{u})
	if err != nil {
		return nil, err
	}
	return &pb.GetUserResponse{User: shown[0]}, nil
}

// nameUser checks a user's name, and that the caller may act in its tenant.
func (d *DirectoryServer) nameUser(ctx context.Context, ref storage.UserRef) error {
	var v violations
	v.id("id", ref.ID, validUserID, userIDForm)
	v.id("tenantId", ref.TenantID, validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return err
	}
	return d.service.reach(ctx, ref.TenantID, "user")
}

// showUsers gives users with the times of their last use.
func (s *Service) showUsers(tenantID string) func(context.Context, []*storage.User) ([]*pb.User, error) {
	return func(ctx context.Context, users []*storage.User) ([]*pb.User, error) {
		ids := make([]string, len(users))
		for i, u := range users {
			ids[i] = u.ID
		}
		used, err := s.store.UsersLastUsed(ctx, tenantID, ids)
		if err != nil {
			return nil, fmt.Errorf("reading times of use: %w", err)
		}
		out := make([]*pb.User, len(users))
		for i, u := range users {
			out[i] = userToProto(u)
			out[i].LastUsedTime = timeToProto(used[u.ID])
		}
		return out, nil
	}
}

// ListUsers pages through a tenant's users.
func (d *DirectoryServer) ListUsers(ctx context.Context, req *pb.ListUsersRequest) (*pb.ListUsersResponse, error) {
	s := d.service
	var v violations
	tenant, err := s.listedTenant(ctx, &v, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	out := &pb.ListUsersResponse{}
	out.Users, out.NextPageToken, err = list(ctx, s, &v, req, listing[*storage.User, *pb.User]{
		query: []string{"users", tenant, fmt.Sprint(req.GetShowDeleted())},
		fetch: func(ctx context.Context, after cursor, limit int) ([]*storage.User, error) {
			return s.store.ListUsers(ctx, storage.PageQuery{TenantID: tenant, ShowDeleted: req.GetShowDeleted(), After: after.ID, Limit: limit})
		},
		show:  s.showUsers(tenant),
		place: func(u *storage.User) cursor { return cursor{ID: u.ID} },
	})
	return out, err
}

// listedTenant gives the tenant whose records are to be listed, when the caller
// may see them.
func (s *Service) listedTenant(ctx context.Context, v *violations, named string) (string, error) {
	c := callerFrom(ctx)
	tenant := c.ownOr(named)
	v.id("tenantId", tenant, validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return "", err
	}
	if err := s.reach(ctx, tenant, "tenant"); err != nil {
		return "", err
	}
	if _, err := s.store.GetTenant(ctx, tenant); err != nil {
		return "", tenantFault(err)
	}
	return tenant, nil
}

// CreateUser adds a user that holds no more than its creator.
func (d *DirectoryServer) CreateUser(ctx context.Context, req *pb.CreateUserRequest) (*pb.CreateUserResponse, error) {
	s, in := d.service, req.GetUser()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("user.id", in.GetId(), validUserID, userIDForm)
	if in.GetTenantId() != "" {
		v.id("user.tenantId", in.GetTenantId(), validTenantID, tenantIDForm)
	}
	if in.GetState() != pb.User_STATE_UNSPECIFIED || in.GetEtag() != "" || in.GetCreateTime() != nil ||
		in.GetUpdateTime() != nil || in.GetDeleteTime() != nil || in.GetLastUsedTime() != nil {
		v.add("user", "holds a field that the server sets: state, etag, createTime, updateTime, deleteTime, lastUsedTime")
	}
	u := &storage.User{ID: in.GetId(), State: storage.UserActive}
	readUserFields(&v, in, u, nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermUsersCreate)
	if err != nil {
		return nil, err
	}
	if u.TenantID, err = s.tenantOrOwn(ctx, &caller, in.GetTenantId(), "user.tenantId"); err != nil {
		return nil, err
	}
	out := &pb.CreateUserResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermUsersCreate, target: userTarget(u.Ref()),
	}
	r, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row := *u
		t, err := liveTenant(tx, u.TenantID, "")
		if err != nil {
			return changed{}, err
		}
		if err := s.userInReach(tx, &caller, t, &row); err != nil {
			return changed{}, err
		}
		if err := tx.CreateUser(&row); err != nil {
			return changed{}, fmt.Errorf("creating the user: %w", err)
		}
		out.User = userToProto(&row)
		return changed{after: out.GetUser()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// UpdateUser changes what a mask names.
func (d *DirectoryServer) UpdateUser(ctx context.Context, req *pb.UpdateUserRequest) (*pb.UpdateUserResponse, error) {
	in := req.GetUser()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("user.id", in.GetId(), validUserID, userIDForm)
	mask := readMask(&v, req.GetUpdateMask().GetPaths(), limitsGiven(map[string]bool{
		"display_name": in.GetDisplayName() != "", "kind": in.GetKind() != pb.User_KIND_UNSPECIFIED, "roles": len(in.GetRoles()) > 0,
	}, in), userMask)
	readUserFields(&v, in, &storage.User{}, mask)
	if len(req.GetUpdateMask().GetPaths()) == 0 && in.GetState() != pb.User_STATE_UNSPECIFIED {
		v.add("user.state", "is changed by suspend and activate; leave it out")
	}
	if err := v.err(); err != nil {
		return nil, err
	}
	out := &pb.UpdateUserResponse{}
	r, err := d.changeUser(ctx, userChange{
		req: req, reply: out, ref: storage.UserRef{TenantID: in.GetTenantId(), ID: in.GetId()}, etag: req.GetEtag(),
		requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), permission: access.PermUsersUpdate, yields: true,
		change: func(_ storage.Tx, u *storage.User, _ time.Time) (string, error) {
			var v violations
			readUserFields(&v, in, u, mask)
			return "", v.err()
		},
		show: func(u *pb.User) { out.User = u },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// userInReach wants the user's roles to exist, and the strongest key that such
// a user could have not to exceed the caller's.
func (s *Service) userInReach(tx storage.Tx, c *Caller, t *storage.Tenant, u *storage.User) error {
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
	strongest := access.Grant{Key: &storage.Key{TenantID: u.TenantID, UserID: u.ID}, User: u, Tenant: t, Roles: roles}
	if !c.Grant.Outranks(&strongest) {
		return errOutranked
	}
	return nil
}

// readUserFields checks and sets the fields that a mask names; nil is all.
func readUserFields(v *violations, in *pb.User, into *storage.User, mask map[string]bool) {
	if mask == nil || mask["display_name"] {
		v.text("user.displayName", in.GetDisplayName(), maxName)
		into.DisplayName = in.GetDisplayName()
	}
	if mask == nil || mask["kind"] {
		if _, known := pb.User_Kind_name[int32(in.GetKind())]; !known || in.GetKind() == pb.User_KIND_UNSPECIFIED {
			v.add("user.kind", "must be PERSON or SERVICE_ACCOUNT")
		}
		into.Kind = storage.UserKind(in.GetKind().String())
	}
	if mask == nil || mask["roles"] {
		readRoleNames(v, in.GetRoles())
		into.Roles = slices.Clone(in.GetRoles())
	}
	readLimits(v, "user.", in, &into.Limits, mask)
}

func readRoleNames(v *violations, names []string) {
	if len(names) > maxRoles {
		v.add("user.roles", "must hold at most %d roles", maxRoles)
		return
	}
	for i, role := range names {
		field := fmt.Sprintf("user.roles[%d]", i)
		v.id(field, role, validUserID, "the name of a role")
		if slices.Contains(names[:i], role) {
			v.add(field, "is there twice")
		}
	}
}

func userTarget(ref storage.UserRef) auditTarget {
	return auditTarget{Kind: "user", TenantID: ref.TenantID, ID: ref.ID}
}
