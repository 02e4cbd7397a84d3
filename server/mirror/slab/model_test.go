package slab_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/mirror/slab"
	"github.com/keystile/keystile/storage"
)

// model is what a Store does, said with plain maps.
type model struct {
	keys    map[string]*storage.Key
	users   map[storage.UserRef]*storage.User
	digests map[storage.Digest]string
	// old are the names that were not put in this round.
	oldKeys  map[string]bool
	oldUsers map[storage.UserRef]bool
}

func newModel() *model {
	return &model{
		keys: map[string]*storage.Key{}, users: map[storage.UserRef]*storage.User{}, digests: map[storage.Digest]string{},
		oldKeys: map[string]bool{}, oldUsers: map[storage.UserRef]bool{},
	}
}

func (m *model) put(k *storage.Key) {
	m.delete(k.ID)
	m.keys[k.ID] = k
	for _, s := range k.Secrets {
		m.digests[s.Digest] = k.ID
	}
}

func (m *model) delete(id string) {
	if k := m.keys[id]; k != nil {
		for _, s := range k.Secrets {
			if m.digests[s.Digest] == id {
				delete(m.digests, s.Digest)
			}
		}
	}
	delete(m.keys, id)
	delete(m.oldKeys, id)
}

func (m *model) beginRound() {
	for id := range m.keys {
		m.oldKeys[id] = true
	}
	for who := range m.users {
		m.oldUsers[who] = true
	}
}

func (m *model) sweep() {
	for id := range m.oldKeys {
		m.delete(id)
	}
	for who := range m.oldUsers {
		delete(m.users, who)
		delete(m.oldUsers, who)
	}
}

func (m *model) index(d storage.Digest) int {
	at := -1
	for i, s := range m.keys[m.digests[d]].Secrets {
		if s.Digest == d {
			at = i
		}
	}
	return at
}

// TestStoreDoesWhatPlainMapsDo tries few names and few digests, so that keys take
// digests from each other, move between users, and come and go.
func TestStoreDoesWhatPlainMapsDo(t *testing.T) {
	var refs []storage.UserRef
	for i := range 6 {
		refs = append(refs, storage.UserRef{TenantID: fmt.Sprintf("t%d", i%2), ID: fmt.Sprintf("u%d", i/2)})
	}
	pool := []string{"", "plain", "key_", idOf(1), idOf(2), idOf(3), idOf(4)}
	check := func(t *rapid.T, s *slab.Store, m *model) {
		for n := range uint64(12) {
			var got slab.Found
			id, known := m.digests[digestOf(n)]
			if s.Lookup(digestOf(n), &got) != known {
				t.Fatalf("digest %d: known is %v", n, known)
			}
			if !known {
				continue
			}
			user := m.users[m.keys[id].User()]
			if diff := cmp.Diff(m.keys[id], &got.Key, same); diff != "" || got.SecretIndex != m.index(digestOf(n)) || got.HasUser != (user != nil) {
				t.Fatal(n, diff, got.SecretIndex, got.HasUser)
			}
			if user != nil && !cmp.Equal(user, &got.User) {
				t.Fatal(cmp.Diff(user, &got.User))
			}
		}
		for _, id := range pool {
			var got slab.Found
			if s.ByID(id, &got) != (m.keys[id] != nil) || m.keys[id] != nil && !cmp.Equal(m.keys[id], &got.Key, same) {
				t.Fatalf("%q: %+v", id, got.Key)
			}
		}
		for _, who := range refs {
			var got storage.User
			if s.User(who, &got) != (m.users[who] != nil) || m.users[who] != nil && !cmp.Equal(m.users[who], &got) {
				t.Fatalf("%v: %+v", who, got)
			}
		}
		if got := s.Stats(); got.Keys != len(m.keys) || got.Users != len(m.users) {
			t.Fatalf("%+v, want %d keys and %d users", got, len(m.keys), len(m.users))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, m := slab.New(slab.Options{}), newModel()
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				k := keys.Draw(t, "key")
				who := rapid.SampledFrom(refs).Draw(t, "user")
				k.ID, k.TenantID, k.UserID = rapid.SampledFrom(pool).Draw(t, "id"), who.TenantID, who.ID
				for i := range k.Secrets {
					k.Secrets[i].Digest = digestOf(rapid.Uint64Range(0, 11).Draw(t, "digest"))
				}
				m.put(k)
				if err := s.Put(k); err != nil {
					t.Fatal(err)
				}
			},
			"delete": func(t *rapid.T) {
				id := rapid.SampledFrom(pool).Draw(t, "id")
				m.delete(id)
				s.Delete(id)
			},
			"put user": func(t *rapid.T) {
				u := users.Draw(t, "user")
				who := rapid.SampledFrom(refs).Draw(t, "name")
				u.TenantID, u.ID = who.TenantID, who.ID
				m.users[who] = u
				delete(m.oldUsers, who)
				if err := s.PutUser(u); err != nil {
					t.Fatal(err)
				}
			},
			"delete user": func(t *rapid.T) {
				who := rapid.SampledFrom(refs).Draw(t, "name")
				delete(m.users, who)
				delete(m.oldUsers, who)
				s.DeleteUser(who)
			},
			"begin a round": func(*rapid.T) {
				m.beginRound()
				s.BeginRound()
			},
			"sweep": func(*rapid.T) {
				m.sweep()
				s.Sweep()
			},
			"": func(t *rapid.T) { check(t, s, m) },
		})
		s.BeginRound()
		s.Sweep()
		if s.Live() != 0 || s.Stats() != (slab.Stats{Bytes: s.Stats().Bytes}) {
			t.Fatalf("%d bytes are left: %+v", s.Live(), s.Stats())
		}
	})
}

// TestKeysStayKnownWhileOthersComeAndGo fills the tables, and thins them out, so
// that probing has long ways to go and holes to close.
func TestKeysStayKnownWhileOthersComeAndGo(t *testing.T) {
	const n = 30_000
	s, f := slab.New(slab.Options{}), newFleet()
	known := func(i uint64, want bool) {
		t.Helper()
		var found slab.Found
		if s.Lookup(digestOf(i), &found) != want || s.ByID(idOf(i), &found) != want || want && found.Key.ID != idOf(i) {
			t.Fatalf("key %d: known is %v, want %v", i, !want, want)
		}
	}
	for round := range uint64(3) {
		for i := range uint64(n) {
			if mix(i)%3 == round {
				s.Delete(idOf(i))
			} else if err := s.Put(f.key(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i := range uint64(n) {
			known(i, mix(i)%3 != round)
		}
	}
	if got := s.Stats().Bytes; got > 16<<20 {
		t.Errorf("%d bytes after replacing %d keys three times", got, n)
	}
}
