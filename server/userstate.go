package server

import (
	"context"
	"fmt"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// userChange is a call that changes a user.
type userChange struct {
	req, reply message
	// ref names the user; an empty tenant is the caller's own.
	ref        storage.UserRef
	etag       string
	requestID  string
	dryRun     bool
	permission string
	// yields is true when the user that results goes on being able to do things:
	// then it must not exceed its changer.
	yields bool
	// change changes the user, and may say a note.
	change func(tx storage.Tx, u *storage.User, now time.Time) (note string, err error)
	show   func(*pb.User)
}

// changeUser carries a change of a user out.
func (d *DirectoryServer) changeUser(ctx context.Context, c userChange) (receipt, error) {
	s := d.service
	caller, err := s.confirmed(ctx, c.permission)
	if err != nil {
		return receipt{}, err
	}
	c.ref.TenantID = caller.ownOr(c.ref.TenantID)
	if err := d.nameUser(withCaller(ctx, caller), c.ref); err != nil {
		return receipt{}, err
	}
	w := &directoryWrite{
		service: s, caller: caller, requestID: c.requestID, dryRun: c.dryRun, request: c.req, reply: c.reply,
		action: c.permission, target: userTarget(c.ref),
	}
	return w.run(ctx, func(tx storage.Tx, now time.Time) (changed, error) {
		t, err := liveTenant(tx, c.ref.TenantID, "")
		if err != nil {
			return changed{}, namedNotFound(err, "user")
		}
		var out changed
		err = keepingAdmin(tx, c.ref.TenantID, now, func() error {
			out, err = s.applyUserChange(tx, &caller, t, &c, now)
			return err
		})
		return out, err
	})
}

func (s *Service) applyUserChange(tx storage.Tx, caller *Caller, t *storage.Tenant, c *userChange, now time.Time) (changed, error) {
	u, err := tx.GetUser(c.ref)
	if err != nil {
		return changed{}, missingUser(err)
	}
	if u.State == storage.UserDeleted {
		return changed{}, notFound("user")
	}
	if err := wantEtag(c.etag, u.Version); err != nil {
		return changed{}, err
	}
	before, bounded := userToProto(u), u.Limits
	note, err := c.change(tx, u, now)
	if err != nil || note != "" {
		c.show(before)
		return changed{note: note}, err
	}
	if err := limitsInReach(caller, u.Ref(), &bounded, &u.Limits); err != nil {
		return changed{}, err
	}
	if c.yields {
		if err := s.userInReach(tx, caller, t, u); err != nil {
			return changed{}, err
		}
	}
	if err := tx.UpdateUser(u); err != nil {
		return changed{}, fmt.Errorf("changing the user: %w", err)
	}
	after := userToProto(u)
	c.show(after)
	return changed{before: before, after: after}, nil
}

// switchUser gives the change that moves a user between active and suspended.
func switchUser(to storage.UserState) func(storage.Tx, *storage.User, time.Time) (string, error) {
	return func(_ storage.Tx, u *storage.User, _ time.Time) (string, error) {
		if u.State == to {
			return "the user was " + string(to) + " already", nil
		}
		u.State = to
		return "", nil
	}
}

// SuspendUser makes every key of a user be refused.
func (d *DirectoryServer) SuspendUser(ctx context.Context, req *pb.SuspendUserRequest) (*pb.SuspendUserResponse, error) {
	out := &pb.SuspendUserResponse{}
	r, err := d.changeUser(ctx, userChange{
		req: req, reply: out, ref: storage.UserRef{TenantID: req.GetTenantId(), ID: req.GetId()}, etag: req.GetEtag(),
		dryRun: req.GetValidateOnly(), permission: access.PermUsersSuspend,
		change: switchUser(storage.UserSuspended), show: func(u *pb.User) { out.User = u },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// ActivateUser ends a suspension.
func (d *DirectoryServer) ActivateUser(ctx context.Context, req *pb.ActivateUserRequest) (*pb.ActivateUserResponse, error) {
	out := &pb.ActivateUserResponse{}
	r, err := d.changeUser(ctx, userChange{
		req: req, reply: out, ref: storage.UserRef{TenantID: req.GetTenantId(), ID: req.GetId()}, etag: req.GetEtag(),
		dryRun: req.GetValidateOnly(), permission: access.PermUsersActivate, yields: true,
		change: switchUser(storage.UserActive), show: func(u *pb.User) { out.User = u },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// DeleteUser takes a user, and on demand its keys, out of use.
func (d *DirectoryServer) DeleteUser(ctx context.Context, req *pb.DeleteUserRequest) (*pb.DeleteUserResponse, error) {
	out := &pb.DeleteUserResponse{}
	r, err := d.changeUser(ctx, userChange{
		req: req, reply: out, ref: storage.UserRef{TenantID: req.GetTenantId(), ID: req.GetId()}, etag: req.GetEtag(),
		dryRun: req.GetValidateOnly(), permission: access.PermUsersDelete,
		change: func(tx storage.Tx, u *storage.User, now time.Time) (string, error) {
			u.State, u.DeleteTime = storage.UserDeleted, now
			taken, err := emptyUser(tx, u.Ref(), req.GetCascade(), now)
			out.Cascade = taken
			return "", err
		},
		show: func(u *pb.User) { out.User = u },
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// emptyUser deletes a user's keys and subscriptions. Without cascade it refuses
// when live keys are among them.
func emptyUser(tx storage.Tx, ref storage.UserRef, cascade bool, now time.Time) (*pb.Cascade, error) {
	all, err := tx.ListTenantKeys(ref.TenantID)
	if err != nil {
		return nil, fmt.Errorf("reading the tenant's keys: %w", err)
	}
	var keys []*storage.Key
	for _, k := range all {
		if k.UserID == ref.ID {
			keys = append(keys, k)
		}
	}
	if n := liveKeys(keys, now); n > 0 && !cascade {
		return nil, precondition("the user still owns %d live keys; revoke them, or ask for cascade", n)
	}
	out := &pb.Cascade{}
	if out.Keys, err = deleteKeys(tx, keys, now); err != nil {
		return nil, err
	}
	out.Subscriptions, err = removeSubscriptions(tx, storage.SubscriptionQuery{TenantID: ref.TenantID, UserID: ref.ID})
	return out, err
}
