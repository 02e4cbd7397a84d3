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

const roleMask = "displayName and permissions"

// GetRole reads one role, built-in ones too.
func (d *DirectoryServer) GetRole(ctx context.Context, req *pb.GetRoleRequest) (*pb.GetRoleResponse, error) {
	c := callerFrom(ctx)
	ref := storage.RoleRef{TenantID: c.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.nameRole(ctx, "id", ref); err != nil {
		return nil, err
	}
	if r, ok := access.BuiltInRole(ref.ID); ok {
		if _, err := d.service.store.GetTenant(ctx, ref.TenantID); err != nil {
			return nil, tenantFault(err)
		}
		return &pb.GetRoleResponse{Role: builtInToProto(ref.TenantID, r)}, nil
	}
	r, err := d.service.store.GetRole(ctx, ref)
	if err != nil {
		return nil, namedNotFound(err, "role")
	}
	return &pb.GetRoleResponse{Role: roleToProto(r)}, nil
}

func (d *DirectoryServer) nameRole(ctx context.Context, field string, ref storage.RoleRef) error {
	var v violations
	v.id(field, ref.ID, validUserID, userIDForm)
	v.id("tenantId", ref.TenantID, validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return err
	}
	return d.service.reach(ctx, ref.TenantID, "role")
}

// ListRoles pages through a tenant's own roles, after the built-in ones.
func (d *DirectoryServer) ListRoles(ctx context.Context, req *pb.ListRolesRequest) (*pb.ListRolesResponse, error) {
	s := d.service
	var v violations
	tenant, err := s.listedTenant(ctx, &v, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	out := &pb.ListRolesResponse{}
	out.Roles, out.NextPageToken, err = list(ctx, s, &v, req, listing[*pb.Role, *pb.Role]{
		query: []string{"roles", tenant},
		fetch: func(ctx context.Context, after cursor, limit int) ([]*pb.Role, error) {
			return s.fetchRoles(ctx, tenant, after.ID, limit)
		},
		show:  each(func(r *pb.Role) *pb.Role { return r }),
		place: func(r *pb.Role) cursor { return cursor{ID: builtInMark(r) + r.GetId()} },
	})
	return out, err
}

// builtInMark makes built-in roles come before all others: no id begins with it.
func builtInMark(r *pb.Role) string {
	if r.GetBuiltIn() {
		return "!"
	}
	return ""
}

func (s *Service) fetchRoles(ctx context.Context, tenant, after string, limit int) ([]*pb.Role, error) {
	var out []*pb.Role
	for _, id := range []string{access.RoleAdmin, access.RoleDeveloper, access.RoleGuest} {
		if r, _ := access.BuiltInRole(id); "!"+id > after && len(out) < limit {
			out = append(out, builtInToProto(tenant, r))
		}
	}
	if len(out) == limit {
		return out, nil
	}
	if after != "" && after[0] == '!' {
		after = ""
	}
	own, err := s.store.ListRoles(ctx, storage.PageQuery{TenantID: tenant, After: after, Limit: limit - len(out)})
	for _, r := range own {
		out = append(out, roleToProto(r))
	}
	return out, err //nolint:wrapcheck // list wraps it
}

// CreateRole adds a role that holds no more than its creator.
func (d *DirectoryServer) CreateRole(ctx context.Context, req *pb.CreateRoleRequest) (*pb.CreateRoleResponse, error) {
	s, in := d.service, req.GetRole()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("role.id", in.GetId(), validUserID, userIDForm)
	refuseBuiltIn(&v, "role.id", in.GetId())
	if in.GetTenantId() != "" {
		v.id("role.tenantId", in.GetTenantId(), validTenantID, tenantIDForm)
	}
	if in.GetBuiltIn() || in.GetEtag() != "" || in.GetCreateTime() != nil || in.GetUpdateTime() != nil {
		v.add("role", "holds a field that the server sets: builtIn, etag, createTime, updateTime")
	}
	r := &storage.Role{ID: in.GetId(), TenantID: in.GetTenantId()}
	readRoleFields(&v, in, r, nil)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermRolesCreate)
	if err != nil {
		return nil, err
	}
	if r.TenantID, err = s.tenantOrOwn(ctx, &caller, in.GetTenantId(), "role.tenantId"); err != nil {
		return nil, err
	}
	out := &pb.CreateRoleResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermRolesCreate, target: roleTarget(r.Ref()),
	}
	done, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row := *r
		if _, err := liveTenant(tx, r.TenantID, ""); err != nil {
			return changed{}, err
		}
		if err := roleInReach(&caller, &row); err != nil {
			return changed{}, err
		}
		if err := tx.CreateRole(&row); err != nil {
			return changed{}, fmt.Errorf("creating the role: %w", err)
		}
		out.Role = roleToProto(&row)
		return changed{after: out.GetRole()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = done.note, done.revision
	return out, nil
}

// UpdateRole changes what a mask names.
func (d *DirectoryServer) UpdateRole(ctx context.Context, req *pb.UpdateRoleRequest) (*pb.UpdateRoleResponse, error) {
	s, in := d.service, req.GetRole()
	var v violations
	v.requestID(req.GetRequestId())
	v.id("role.id", in.GetId(), validUserID, userIDForm)
	refuseBuiltIn(&v, "role.id", in.GetId())
	mask := readMask(&v, req.GetUpdateMask().GetPaths(), map[string]bool{
		"display_name": in.GetDisplayName() != "", "permissions": len(in.GetPermissions()) > 0,
	}, roleMask)
	c := callerFrom(ctx)
	readRoleFields(&v, in, &storage.Role{TenantID: c.ownOr(in.GetTenantId())}, mask)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermRolesUpdate)
	if err != nil {
		return nil, err
	}
	ref := storage.RoleRef{TenantID: caller.ownOr(in.GetTenantId()), ID: in.GetId()}
	if err := d.nameRole(withCaller(ctx, caller), "role.id", ref); err != nil {
		return nil, err
	}
	out := &pb.UpdateRoleResponse{}
	w := &directoryWrite{
		service: s, caller: caller, requestID: req.GetRequestId(), dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermRolesUpdate, target: roleTarget(ref),
	}
	done, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row, err := liveRole(tx, ref, req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		before := roleToProto(row)
		var v violations
		readRoleFields(&v, in, row, mask)
		if err := roleInReach(&caller, row); err != nil {
			return changed{}, err
		}
		if err := tx.UpdateRole(row); err != nil {
			return changed{}, fmt.Errorf("changing the role: %w", err)
		}
		out.Role = roleToProto(row)
		return changed{before: before, after: out.GetRole()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = done.note, done.revision
	return out, nil
}

// DeleteRole removes a role; a role that users have is taken from them only on
// demand.
func (d *DirectoryServer) DeleteRole(ctx context.Context, req *pb.DeleteRoleRequest) (*pb.DeleteRoleResponse, error) {
	s := d.service
	var v violations
	refuseBuiltIn(&v, "id", req.GetId())
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirmed(ctx, access.PermRolesDelete)
	if err != nil {
		return nil, err
	}
	ref := storage.RoleRef{TenantID: caller.ownOr(req.GetTenantId()), ID: req.GetId()}
	if err := d.nameRole(withCaller(ctx, caller), "id", ref); err != nil {
		return nil, err
	}
	out := &pb.DeleteRoleResponse{}
	w := &directoryWrite{
		service: s, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermRolesDelete, target: roleTarget(ref),
	}
	done, err := w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		row, err := liveRole(tx, ref, req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		if out.Cascade, err = takeRole(tx, ref, req.GetCascade()); err != nil {
			return changed{}, err
		}
		if err := tx.DeleteRole(ref); err != nil {
			return changed{}, fmt.Errorf("removing the role: %w", err)
		}
		return changed{before: roleToProto(row)}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = done.note, done.revision
	return out, nil
}

// takeRole takes a role from the users that have it.
func takeRole(tx storage.Tx, ref storage.RoleRef, cascade bool) (*pb.Cascade, error) {
	users, err := tx.ListTenantUsers(ref.TenantID)
	if err != nil {
		return nil, fmt.Errorf("reading the tenant's users: %w", err)
	}
	users = slices.DeleteFunc(users, func(u *storage.User) bool { return !slices.Contains(u.Roles, ref.ID) })
	if len(users) > 0 && !cascade {
		return nil, precondition("%d users have this role; take it from them, or ask for cascade", len(users))
	}
	for _, u := range users {
		u.Roles = slices.DeleteFunc(u.Roles, func(id string) bool { return id == ref.ID })
		if err := tx.UpdateUser(u); err != nil {
			return nil, fmt.Errorf("taking the role from a user: %w", err)
		}
	}
	return &pb.Cascade{Users: int64(len(users))}, nil
}

// liveRole locks a role's tenant and then reads it.
func liveRole(tx storage.Tx, ref storage.RoleRef, givenEtag string) (*storage.Role, error) {
	if _, err := liveTenant(tx, ref.TenantID, ""); err != nil {
		return nil, err
	}
	found, err := tx.GetRoles(ref.TenantID, []string{ref.ID})
	if err != nil {
		return nil, fmt.Errorf("reading the role: %w", err)
	}
	if len(found) != 1 {
		return nil, notFound("role")
	}
	return found[0], wantEtag(givenEtag, found[0].Version)
}

// roleInReach keeps a role from holding more than who writes it.
func roleInReach(c *Caller, r *storage.Role) error {
	strongest := access.Grant{Key: &storage.Key{TenantID: r.TenantID}, Roles: []access.Role{access.RoleOf(r)}}
	if !c.Grant.Outranks(&strongest) {
		return errOutranked
	}
	return nil
}

func refuseBuiltIn(v *violations, field, id string) {
	if _, ok := access.BuiltInRole(id); ok {
		v.add(field, "is a built-in role, which can't be redefined, changed or deleted")
	}
}

// readRoleFields checks and sets the fields that a mask names; nil is all.
func readRoleFields(v *violations, in *pb.Role, into *storage.Role, mask map[string]bool) {
	if mask == nil || mask["display_name"] {
		v.text("role.displayName", in.GetDisplayName(), maxName)
		into.DisplayName = in.GetDisplayName()
	}
	if mask != nil && !mask["permissions"] {
		return
	}
	if len(in.GetPermissions()) > maxPermissions {
		v.add("role.permissions", "must hold at most %d permissions", maxPermissions)
		return
	}
	into.Permissions = nil
	for i, p := range in.GetPermissions() {
		switch {
		case !access.ValidPattern(p):
			v.add(fmt.Sprintf("role.permissions[%d]", i), "must be a permission such as orders.read, or a wildcard such as orders.* or *")
		case access.OperatorOnly(p) && into.TenantID != storage.SystemTenant:
			v.add(fmt.Sprintf("role.permissions[%d]", i), "reaches across tenants, and can be held in the tenant \"system\" alone")
		case !slices.Contains(into.Permissions, p):
			into.Permissions = append(into.Permissions, p)
		}
	}
}

func roleTarget(ref storage.RoleRef) auditTarget {
	return auditTarget{Kind: "role", TenantID: ref.TenantID, ID: ref.ID}
}

func roleToProto(r *storage.Role) *pb.Role {
	return &pb.Role{
		Id: r.ID, TenantId: r.TenantID, DisplayName: r.DisplayName, Permissions: r.Permissions, Etag: etag(r.Version),
		CreateTime: timeToProto(r.CreateTime), UpdateTime: timeToProto(r.UpdateTime),
	}
}

func builtInToProto(tenant string, r access.Role) *pb.Role {
	return &pb.Role{Id: r.ID, TenantId: tenant, Permissions: r.Permissions.Named(), BuiltIn: true}
}
