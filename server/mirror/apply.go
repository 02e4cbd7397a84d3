package mirror

import (
	"maps"
	"slices"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// update puts changes in place: what is gone goes, what was written comes.
func (s *state) update(records *storage.Records, gone []storage.ChangeRef) {
	rerouted := map[string]bool{}
	s.forget(gone, rerouted)
	for _, t := range records.Tenants {
		s.tenants[t.ID] = t
		s.owners.Set(t.ID, t.Hosts)
	}
	for _, u := range records.Users {
		s.users[u.Ref()] = u
	}
	for _, r := range records.Roles {
		s.roles[r.Ref()] = access.RoleOf(r)
	}
	for _, k := range records.Keys {
		s.dropKey(k.ID)
		s.addKey(k)
	}
	for _, a := range records.APIs {
		if s.apis[a.TenantID] == nil {
			s.apis[a.TenantID] = make(map[string]*storage.API)
		}
		s.apis[a.TenantID][a.ID] = a
		rerouted[a.TenantID] = true
	}
	for _, sub := range records.Subscriptions {
		s.dropSubscription(sub.ID)
		s.addSubscription(sub)
	}
	for tenant := range rerouted {
		s.reroute(tenant)
	}
}

// reroute makes a tenant's routes anew. A route that can't be used matches
// nothing, and stops no other.
func (s *state) reroute(tenant string) {
	apis := slices.Collect(maps.Values(s.apis[tenant]))
	if len(apis) == 0 {
		delete(s.routes, tenant)
		return
	}
	s.routes[tenant], _ = access.NewRoutes(apis)
}

// addKey leaves deleted keys out: their secrets are unknown from now on.
func (s *state) addKey(k *storage.Key) {
	if !k.DeleteTime.IsZero() {
		return
	}
	s.keys[k.ID] = k
	for i := range k.Secrets {
		s.secrets[k.Secrets[i].Digest] = place{k, i}
	}
}

func (s *state) dropKey(id string) {
	old := s.keys[id]
	if old == nil {
		return
	}
	delete(s.keys, id)
	for i := range old.Secrets {
		if s.secrets[old.Secrets[i].Digest].key == old {
			delete(s.secrets, old.Secrets[i].Digest)
		}
	}
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

func (s *state) forget(gone []storage.ChangeRef, rerouted map[string]bool) {
	for _, ref := range gone {
		switch ref.Kind {
		case storage.ChangeTenant:
			delete(s.tenants, ref.ID)
			s.owners.Set(ref.ID, nil)
		case storage.ChangeUser:
			delete(s.users, storage.UserRef{TenantID: ref.TenantID, ID: ref.ID})
		case storage.ChangeRole:
			delete(s.roles, storage.RoleRef{TenantID: ref.TenantID, ID: ref.ID})
		case storage.ChangeKey:
			s.dropKey(ref.ID)
		case storage.ChangeAPI:
			delete(s.apis[ref.TenantID], ref.ID)
			rerouted[ref.TenantID] = true
		case storage.ChangeSubscription:
			s.dropSubscription(ref.ID)
		}
	}
}
