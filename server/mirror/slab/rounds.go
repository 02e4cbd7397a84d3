package slab

import "github.com/keystile/keystile/storage"

// BeginRound begins a round of putting everything there is, as a new snapshot
// does. What is not put before Sweep is what the snapshot does not hold. A round
// that is given up costs nothing: the next one begins anew.
func (s *Store) BeginRound() {
	s.write.Lock()
	defer s.write.Unlock()
	s.round++
}

// Sweep takes out the keys and users that were not put in this round. So a
// snapshot replaces all without a second copy of it. It takes its time, and stops
// no reader.
func (s *Store) Sweep() {
	for i := range s.shards {
		s.sweepShard(&s.shards[i])
	}
}

func (s *Store) sweepShard(of *shard) {
	s.write.Lock()
	defer s.write.Unlock()
	var ids []string
	var users []storage.UserRef
	of.ids.all(&s.arena, func(r ref) {
		if rec := s.keyAt(r); rec.round() != s.round {
			ids = append(ids, rec.id())
		}
	})
	for _, id := range ids {
		s.remove(id)
	}
	of.users.all(&s.arena, func(r ref) {
		if content := s.userContent(r); content.present() && content.u32(userRoundAt) != s.round {
			p := content.parts()
			users = append(users, storage.UserRef{TenantID: s.words.resolve(p.tenant), ID: string(p.id)})
		}
	})
	for i := range users {
		r, _ := s.findUser(&users[i], s.hashUser(users[i]))
		s.withdrawUser(r)
		s.sweepUser(r)
	}
}

func (r keyRecord) id() string {
	if r.flags()&keyHasTextID != 0 {
		c := cursor{r[keyHead+r.secrets()*digestSize:]}
		return string(c.text())
	}
	id := unpackID(r[keyIDAt:keyIDAt+packedID], r.flags()&3)
	return string(id[:])
}
