package mirror

import (
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// place says whose secret a digest is.
type place struct {
	key   *storage.Key
	index int
}

// state is the copy itself. Records are replaced, never changed, so that a
// Grant stays whole after the lock is given back.
type state struct {
	tenants map[string]*storage.Tenant
	users   map[storage.UserRef]*storage.User
	roles   map[storage.RoleRef]access.Role
	keys    map[string]*storage.Key
	secrets map[storage.Digest]place
}

func newState() *state {
	return &state{
		tenants: make(map[string]*storage.Tenant),
		users:   make(map[storage.UserRef]*storage.User),
		roles:   make(map[storage.RoleRef]access.Role),
		keys:    make(map[string]*storage.Key),
		secrets: make(map[storage.Digest]place),
	}
}

func (s *state) lookup(digest storage.Digest) (access.Grant, bool) {
	p, ok := s.secrets[digest]
	if !ok {
		return access.Grant{}, false
	}
	g := access.Grant{
		Key:         p.key,
		SecretIndex: p.index,
		User:        s.users[p.key.User()],
		Tenant:      s.tenants[p.key.TenantID],
	}
	if g.User != nil {
		g.Roles = s.rolesOf(g.User)
	}
	return g, true
}

func (s *state) rolesOf(u *storage.User) []access.Role {
	out := make([]access.Role, 0, len(u.Roles))
	for _, id := range u.Roles {
		if r, ok := access.BuiltInRole(id); ok {
			out = append(out, r)
		} else if r, ok := s.roles[storage.RoleRef{TenantID: u.TenantID, ID: id}]; ok {
			out = append(out, r)
		}
	}
	return out
}

func (s *state) apply(records *storage.Records) {
	for _, t := range records.Tenants {
		s.tenants[t.ID] = t
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

func (s *state) forget(gone []storage.ChangeRef) {
	for _, ref := range gone {
		switch ref.Kind {
		case storage.ChangeTenant:
			delete(s.tenants, ref.ID)
		case storage.ChangeUser:
			delete(s.users, storage.UserRef{TenantID: ref.TenantID, ID: ref.ID})
		case storage.ChangeRole:
			delete(s.roles, storage.RoleRef{TenantID: ref.TenantID, ID: ref.ID})
		case storage.ChangeKey:
			s.dropKey(ref.ID)
		}
	}
}
