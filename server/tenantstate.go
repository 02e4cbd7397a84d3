package server

import (
	"context"
	"fmt"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// SuspendTenant makes every key of a tenant be refused.
func (d *DirectoryServer) SuspendTenant(ctx context.Context, req *pb.SuspendTenantRequest) (*pb.SuspendTenantResponse, error) {
	out := &pb.SuspendTenantResponse{}
	r, err := d.switchTenant(ctx, req, out, access.PermTenantsSuspend, storage.TenantSuspended, func(t *pb.Tenant) { out.Tenant = t })
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// ActivateTenant ends a suspension.
func (d *DirectoryServer) ActivateTenant(ctx context.Context, req *pb.ActivateTenantRequest) (*pb.ActivateTenantResponse, error) {
	out := &pb.ActivateTenantResponse{}
	r, err := d.switchTenant(ctx, req, out, access.PermTenantsActivate, storage.TenantActive, func(t *pb.Tenant) { out.Tenant = t })
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// stateRequest is what the calls that switch a record's state have.
type stateRequest interface {
	message
	GetId() string
	GetEtag() string
	GetValidateOnly() bool
}

// switchTenant moves a tenant between active and suspended.
func (d *DirectoryServer) switchTenant(ctx context.Context, req stateRequest, reply message, permission string, to storage.TenantState, show func(*pb.Tenant)) (receipt, error) {
	s := d.service
	var v violations
	v.id("id", req.GetId(), validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return receipt{}, err
	}
	caller, err := s.operator(ctx, permission, "tenants are suspended and activated")
	if err != nil {
		return receipt{}, err
	}
	w := &directoryWrite{
		service: s, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: reply,
		action: permission, target: tenantTarget(req.GetId()),
	}
	return w.run(ctx, func(tx storage.Tx, _ time.Time) (changed, error) {
		t, err := liveTenant(tx, req.GetId(), req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		if t.ID == storage.SystemTenant {
			return changed{}, precondition("the operator's own tenant can't be suspended")
		}
		before := tenantToProto(t)
		if t.State == to {
			show(before)
			return changed{note: "the tenant was " + string(to) + " already"}, nil
		}
		t.State = to
		if err := tx.UpdateTenant(t); err != nil {
			return changed{}, fmt.Errorf("changing the tenant: %w", err)
		}
		after := tenantToProto(t)
		show(after)
		return changed{before: before, after: after}, nil
	})
}

// DeleteTenant takes a tenant, and on demand all that it owns, out of use.
func (d *DirectoryServer) DeleteTenant(ctx context.Context, req *pb.DeleteTenantRequest) (*pb.DeleteTenantResponse, error) {
	s := d.service
	var v violations
	v.id("id", req.GetId(), validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.operator(ctx, access.PermTenantsDelete, "tenants are deleted")
	if err != nil {
		return nil, err
	}
	out := &pb.DeleteTenantResponse{}
	w := &directoryWrite{
		service: s, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: out,
		action: access.PermTenantsDelete, target: tenantTarget(req.GetId()),
	}
	r, err := w.run(ctx, func(tx storage.Tx, now time.Time) (changed, error) {
		t, err := liveTenant(tx, req.GetId(), req.GetEtag())
		if err != nil {
			return changed{}, err
		}
		if t.ID == storage.SystemTenant {
			return changed{}, precondition("the operator's own tenant can't be deleted")
		}
		before := tenantToProto(t)
		if out.Cascade, err = emptyTenant(tx, t.ID, req.GetCascade(), now); err != nil {
			return changed{}, err
		}
		t.State, t.DeleteTime = storage.TenantDeleted, now
		if err := tx.UpdateTenant(t); err != nil {
			return changed{}, fmt.Errorf("deleting the tenant: %w", err)
		}
		out.Tenant = tenantToProto(t)
		return changed{before: before, after: out.GetTenant()}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Note, out.Revision = r.note, r.revision
	return out, nil
}

// emptyTenant deletes what a tenant owns. Without cascade it refuses when live
// keys are among it.
func emptyTenant(tx storage.Tx, id string, cascade bool, now time.Time) (*pb.Cascade, error) {
	users, err := tx.ListTenantUsers(id)
	if err != nil {
		return nil, fmt.Errorf("reading the tenant's users: %w", err)
	}
	keys, err := tx.ListTenantKeys(id)
	if err != nil {
		return nil, fmt.Errorf("reading the tenant's keys: %w", err)
	}
	if n := liveKeys(keys, now); n > 0 && !cascade {
		return nil, precondition("the tenant still owns %d live keys; revoke them, or ask for cascade", n)
	}
	out := &pb.Cascade{}
	for _, u := range users {
		if u.State == storage.UserDeleted {
			continue
		}
		u.State, u.DeleteTime = storage.UserDeleted, now
		if err := tx.UpdateUser(u); err != nil {
			return nil, fmt.Errorf("deleting a user: %w", err)
		}
		out.Users++
	}
	if out.Keys, err = deleteKeys(tx, keys, now); err != nil {
		return nil, err
	}
	return out, removeAPIsOf(tx, id, out)
}

// removeAPIsOf removes a tenant's APIs with their subscriptions and plans, and what
// the tenant itself is subscribed to.
func removeAPIsOf(tx storage.Tx, id string, out *pb.Cascade) error {
	for _, q := range []storage.SubscriptionQuery{{TenantID: id}, {API: storage.APIRef{TenantID: id}}} {
		n, err := removeSubscriptions(tx, q)
		if err != nil {
			return err
		}
		out.Subscriptions += n
	}
	apis, err := tx.ListTenantAPIs(id)
	if err != nil {
		return fmt.Errorf("reading the tenant's APIs: %w", err)
	}
	for _, api := range apis {
		if err := tx.DeleteAPI(api.Ref()); err != nil {
			return fmt.Errorf("removing an API: %w", err)
		}
		out.Apis++
	}
	plans, err := tx.ListTenantPlans(id)
	if err != nil {
		return fmt.Errorf("reading the tenant's plans: %w", err)
	}
	for _, p := range plans {
		if err := tx.DeletePlan(p.Ref()); err != nil {
			return fmt.Errorf("removing a plan: %w", err)
		}
		out.Plans++
	}
	return nil
}

func removeSubscriptions(tx storage.Tx, q storage.SubscriptionQuery) (int64, error) {
	found, err := tx.FindSubscriptions(q)
	if err != nil {
		return 0, fmt.Errorf("reading subscriptions: %w", err)
	}
	for _, sub := range found {
		if err := tx.DeleteSubscription(sub.ID); err != nil {
			return 0, fmt.Errorf("removing a subscription: %w", err)
		}
	}
	return int64(len(found)), nil
}

// live tells whether a key may still be used by somebody: neither deleted, nor
// revoked, nor over.
func live(k *storage.Key, now time.Time) bool {
	return k.DeleteTime.IsZero() && k.State != storage.KeyRevoked && (k.ExpireTime.IsZero() || now.Before(k.ExpireTime))
}

func liveKeys(keys []*storage.Key, now time.Time) (n int) {
	for _, k := range keys {
		if live(k, now) {
			n++
		}
	}
	return n
}

func deleteKeys(tx storage.Tx, keys []*storage.Key, now time.Time) (n int64, err error) {
	for _, k := range keys {
		if !k.DeleteTime.IsZero() {
			continue
		}
		k.DeleteTime = now
		if err := tx.UpdateKey(k); err != nil {
			return n, fmt.Errorf("deleting a key: %w", err)
		}
		n++
	}
	return n, nil
}

// PurgeDeleted removes for good what was deleted long enough ago.
func (d *DirectoryServer) PurgeDeleted(ctx context.Context, req *pb.PurgeDeletedRequest) (*pb.PurgeDeletedResponse, error) {
	s := d.service
	retention := s.purgeRetention
	if g := req.GetRetention(); g != nil {
		retention = g.AsDuration()
		if g.CheckValid() != nil || retention < s.purgeRetention {
			var v violations
			v.add("retention", "must be at least the server's --purge-retention, %s", s.purgeRetention)
			return nil, v.err()
		}
	}
	caller, err := s.operator(ctx, access.PermTenantsPurge, "deleted records are purged")
	if err != nil {
		return nil, err
	}
	out := &pb.PurgeDeletedResponse{}
	for more := true; more; {
		// Each transaction is short, so that purging much holds nobody up.
		part := &pb.PurgeDeletedResponse{}
		w := &directoryWrite{
			service: s, caller: caller, dryRun: req.GetValidateOnly(), request: req, reply: part,
			action: access.PermTenantsPurge, target: auditTarget{Kind: "purge", TenantID: storage.SystemTenant},
		}
		r, err := w.run(ctx, func(tx storage.Tx, now time.Time) (changed, error) {
			n, err := tx.Purge(now.Add(-retention))
			if err != nil {
				return changed{}, fmt.Errorf("purging: %w", err)
			}
			part.Tenants, part.Users, part.Keys, more = n.Tenants, n.Users, n.Keys, n.More
			if n == (storage.PurgeCount{More: n.More}) {
				return changed{}, nil
			}
			return changed{after: part}, nil
		})
		if err != nil {
			return nil, err
		}
		out.Tenants, out.Users, out.Keys = out.GetTenants()+part.GetTenants(), out.GetUsers()+part.GetUsers(), out.GetKeys()+part.GetKeys()
		if r.revision != "" {
			out.Revision = r.revision
		}
		out.Note = r.note
		more = more && !req.GetValidateOnly()
	}
	return out, nil
}
