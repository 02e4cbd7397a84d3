package mirror

import (
	"maps"
	"slices"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// update puts changes in place: what is gone goes, what was written comes.
// routes are those that nextRoutes has made of the same changes. It gives how many
// records have no room: their keys are refused.
func (s *state) update(records *storage.Records, gone []storage.ChangeRef, routes map[string]*access.Routes) (refused int) {
	s.changes++
	s.forget(gone)
	for _, t := range records.Tenants {
		s.tenants[t.ID] = t
		s.owners.Set(t.ID, t.Hosts)
	}
	for _, u := range records.Users {
		if s.records.PutUser(u) != nil {
			refused++
		}
	}
	for _, r := range records.Roles {
		s.roles[r.Ref()] = access.RoleOf(r)
		s.rolesAt++
	}
	for _, k := range records.Keys {
		// Deleted keys are left out: their secrets are unknown from now on.
		if !k.DeleteTime.IsZero() {
			s.records.Delete(k.ID)
		} else if s.records.Put(k) != nil {
			refused++
		}
	}
	for _, a := range records.APIs {
		if s.apis[a.TenantID] == nil {
			s.apis[a.TenantID] = make(map[string]*storage.API)
		}
		s.apis[a.TenantID][a.ID] = a
	}
	s.replacePlans(records.Plans, gone)
	for _, sub := range records.Subscriptions {
		s.dropSubscription(sub.ID)
		s.addSubscription(sub)
	}
	for tenant, r := range routes {
		if r == nil {
			delete(s.routes, tenant)
			continue
		}
		s.routes[tenant] = r
	}
	return refused
}

// nextRoutes makes the routes of the tenants whose APIs changes touch; nil where
// no API is left. It only reads: making the routes of a large tenant takes
// milliseconds, in which checks must go on. A route that can't be used matches
// nothing, and stops no other.
func (s *state) nextRoutes(records *storage.Records, gone []storage.ChangeRef) map[string]*access.Routes {
	apis := map[string]map[string]*storage.API{}
	touched := func(tenant string) map[string]*storage.API {
		if apis[tenant] == nil {
			apis[tenant] = map[string]*storage.API{}
			maps.Copy(apis[tenant], s.apis[tenant])
		}
		return apis[tenant]
	}
	for _, ref := range gone {
		if ref.Kind == storage.ChangeAPI {
			delete(touched(ref.TenantID), ref.ID)
		}
	}
	for _, a := range records.APIs {
		touched(a.TenantID)[a.ID] = a
	}
	out := make(map[string]*access.Routes, len(apis))
	for tenant, left := range apis {
		out[tenant] = nil
		if len(left) > 0 {
			out[tenant], _ = access.NewRoutes(slices.Collect(maps.Values(left)))
		}
	}
	return out
}

func subscriberOf(sub *storage.Subscription) subscriber {
	return subscriber{sub.API, storage.UserRef{TenantID: sub.TenantID, ID: sub.UserID}}
}

func (s *state) addSubscription(sub *storage.Subscription) {
	s.subscriptions[sub.ID] = sub
	who := subscriberOf(sub)
	// Grants hold on to the list, so that it is never changed in place.
	s.subscribed[who] = append(slices.Clip(s.subscribed[who]), sub)
}

func (s *state) dropSubscription(id string) {
	old := s.subscriptions[id]
	if old == nil {
		return
	}
	delete(s.subscriptions, id)
	who := subscriberOf(old)
	left := slices.DeleteFunc(slices.Clone(s.subscribed[who]), func(sub *storage.Subscription) bool { return sub.ID == id })
	if len(left) == 0 {
		delete(s.subscribed, who)
		return
	}
	s.subscribed[who] = left
}

// replacePlans makes the plans of the tenants that changes touch anew, each once.
func (s *state) replacePlans(written []*storage.Plan, gone []storage.ChangeRef) {
	fresh := map[string]map[string]*storage.Plan{}
	touched := func(tenant string) map[string]*storage.Plan {
		if fresh[tenant] == nil {
			fresh[tenant] = map[string]*storage.Plan{}
			maps.Copy(fresh[tenant], s.plans[tenant])
		}
		return fresh[tenant]
	}
	for _, ref := range gone {
		if ref.Kind == storage.ChangePlan {
			delete(touched(ref.TenantID), ref.ID)
		}
	}
	for _, p := range written {
		touched(p.TenantID)[p.ID] = p
	}
	for tenant, plans := range fresh {
		if s.plans[tenant] = plans; len(plans) == 0 {
			delete(s.plans, tenant)
		}
	}
}

func (s *state) forget(gone []storage.ChangeRef) {
	for _, ref := range gone {
		switch ref.Kind {
		case storage.ChangeTenant:
			delete(s.tenants, ref.ID)
			s.owners.Set(ref.ID, nil)
		case storage.ChangeUser:
			s.records.DeleteUser(storage.UserRef{TenantID: ref.TenantID, ID: ref.ID})
		case storage.ChangeRole:
			delete(s.roles, storage.RoleRef{TenantID: ref.TenantID, ID: ref.ID})
			s.rolesAt++
		case storage.ChangeKey:
			s.records.Delete(ref.ID)
		case storage.ChangeAPI:
			delete(s.apis[ref.TenantID], ref.ID)
		case storage.ChangePlan:
			// replacePlans takes it away.
		case storage.ChangeSubscription:
			s.dropSubscription(ref.ID)
		}
	}
}
