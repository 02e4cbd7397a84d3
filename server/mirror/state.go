package mirror

import (
	"slices"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror/slab"
	"github.com/keystile/keystile/storage"
)

// subscriber names who is subscribed to an API: a user, or without an id a whole
// tenant.
type subscriber struct {
	api  storage.APIRef
	user storage.UserRef
}

// state is the copy itself. Records are replaced, never changed, so that a
// Grant stays whole after the lock is given back.
type state struct {
	// records holds keys and users, of which there may be millions. It is the same
	// through all snapshots.
	records *slab.Store

	tenants map[string]*storage.Tenant
	roles   map[storage.RoleRef]access.Role
	// rolesAt counts the changes of what roles mean, in all states there have been.
	rolesAt uint64

	// changes counts the updates of this state.
	changes uint64

	// owners leads from a host to its tenant, routes from there to an API.
	owners *access.HostOwners
	apis   map[string]map[string]*storage.API
	routes map[string]*access.Routes

	// plans are each tenant's by id. Grants hold on to those of a tenant, so that
	// they are replaced, and never changed in place.
	plans map[string]map[string]*storage.Plan

	subscriptions map[string]*storage.Subscription
	subscribed    map[subscriber][]*storage.Subscription
}

// newState makes a state that is empty but for keys and users. rolesAt is the last
// one of the state before.
func newState(records *slab.Store, rolesAt uint64) *state {
	return &state{
		records:       records,
		rolesAt:       rolesAt + 1,
		tenants:       make(map[string]*storage.Tenant),
		roles:         make(map[storage.RoleRef]access.Role),
		owners:        &access.HostOwners{},
		apis:          make(map[string]map[string]*storage.API),
		routes:        make(map[string]*access.Routes),
		plans:         make(map[string]map[string]*storage.Plan),
		subscriptions: make(map[string]*storage.Subscription),
		subscribed:    make(map[subscriber][]*storage.Subscription),
	}
}

// grant makes the evidence of what was found. g is zero before.
func (s *state) grant(room *Room, aim *access.Aim, g *access.Grant) {
	found := &room.found
	g.Key, g.SecretIndex, g.Tenant = &found.Key, found.SecretIndex, s.tenants[found.Key.TenantID]
	if found.HasUser {
		g.User = &found.User
		if roles := s.rolesOf(found.Roles); roles != nil {
			g.Roles, g.Held = roles.each, roles.together
		}
	}
	if aim.Asked {
		g.Target = s.target(g.Key, aim, room)
	}
}

// heldRoles are the roles of a user, and what they hold together.
type heldRoles struct {
	each     []access.Role
	together access.Permissions
}

// rolesOf gives what a set of role ids means now. It is found once for all users
// who hold just these.
func (s *state) rolesOf(set *slab.RoleSet) *heldRoles {
	if set == nil {
		return nil
	}
	if made, ok := set.Memo(s.rolesAt); ok {
		if roles, ok := made.(*heldRoles); ok {
			return roles
		}
	}
	out := make([]access.Role, 0, len(set.IDs))
	for _, id := range set.IDs {
		if r, ok := access.BuiltInRole(id); ok {
			out = append(out, r)
		} else if r, ok := s.roles[storage.RoleRef{TenantID: set.TenantID, ID: id}]; ok {
			out = append(out, r)
		}
	}
	held := &heldRoles{each: slices.Clip(out), together: slices.Clip(access.RolePermissions(out))}
	set.SetMemo(s.rolesAt, held)
	return held
}

// target finds what an aim leads to, for a key; without one, for nobody.
func (s *state) target(key *storage.Key, aim *access.Aim, room *Room) access.Target {
	var t access.Target
	switch {
	case aim.API.ID == "" && aim.HTTP:
		// This depends on nothing but the aim.
		if last := &room.last; !room.again || last.in != s || last.at != s.changes {
			*last = matched{s, s.changes, s.matched(aim, nil)}
		}
		t = room.last.target
	case aim.HTTP:
		t = s.matched(aim, s.named(key, aim))
	case aim.API.ID != "":
		t.API = s.named(key, aim)
	}
	if t.API == nil {
		return access.Target{}
	}
	if owner := s.tenants[t.API.TenantID]; owner == nil || owner.State != storage.TenantActive {
		return access.Target{}
	}
	if key == nil || !access.WantsSubscription(key, t.API) {
		return t
	}
	t.Plans = s.plans[t.API.TenantID]
	t.Subscriptions = s.subscribed[subscriber{t.API.Ref(), key.User()}]
	if whole := s.subscribed[subscriber{t.API.Ref(), storage.UserRef{TenantID: key.TenantID}}]; len(whole) > 0 {
		t.Subscriptions = append(slices.Clip(t.Subscriptions), whole...)
	}
	return t
}

// named finds an API by its name.
func (s *state) named(key *storage.Key, aim *access.Aim) *storage.API {
	tenant := aim.API.TenantID
	if tenant == "" {
		tenant = aim.Tenant
	}
	if tenant == "" && key != nil {
		tenant = key.TenantID
	}
	return s.apis[tenant][aim.API.ID]
}

// matched finds the API of a request: among the routes of the tenant that is
// named, or that the host belongs to. When an API is named too, the route must
// be one of it; an API that has no routes takes every request, for the permission
// of its method.
func (s *state) matched(aim *access.Aim, named *storage.API) access.Target {
	tenant := aim.Tenant
	switch {
	case aim.Malformed || aim.API.ID != "" && named == nil:
		return access.Target{}
	case aim.Unrouted:
		return access.Target{API: named}
	case named != nil && len(named.Routes) == 0:
		return access.Target{API: named, Permission: access.DefaultPermission(named.ID, aim.RoutedMethod())}
	case named != nil:
		tenant = named.TenantID
	case tenant == "":
		tenant, _ = s.owners.Owner(aim.Host)
	}
	routes := s.routes[tenant]
	if routes == nil {
		return access.Target{}
	}
	m, ok := routes.Match(aim.Host, aim.RoutedMethod(), aim.Path)
	if !ok || named != nil && m.API != named {
		return access.Target{}
	}
	return access.Target{API: m.API, Pattern: m.Pattern, Permission: m.Permission, Params: m.Params, Route: &m.API.Routes[m.RouteIndex]}
}
