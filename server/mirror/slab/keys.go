package slab

import (
	"fmt"
	"math/bits"

	"github.com/keystile/keystile/storage"
)

// Put puts a key in place of what is there under its id. A digest that led to
// another key leads to this one from now on. On an error the key is not there any
// more under any digest, so that it is refused.
func (s *Store) Put(k *storage.Key) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.put(k); err != nil {
		s.remove(k.ID)
		return fmt.Errorf("keeping a key: %w", err)
	}
	return nil
}

func (s *Store) put(k *storage.Key) error {
	fresh, err := s.writeKey(k)
	if err != nil {
		return err
	}
	idHash := s.hashID(k.ID)
	rec := s.keyAt(fresh)
	if err := s.reserveKey(rec, idHash); err != nil {
		s.freeKey(fresh)
		return err
	}
	var set shardSet
	set.add(idHash)
	s.addDigests(&set, rec)
	id := wanted(k.ID)
	old, entry := s.findID(&id, idHash)
	if old != 0 {
		s.addDigests(&set, s.keyAt(old))
	}

	s.lock(&set)
	for i := range rec.secrets() {
		s.point(rec.digest(i), fresh)
	}
	if old != 0 {
		s.unpoint(old)
		entry.set(fresh)
	} else {
		entry.page.add(entry.hash, fresh)
	}
	s.unlock(&set)

	if old != 0 {
		s.freeKey(old)
	} else {
		s.keyCount++
	}
	return nil
}

// Delete takes a key out.
func (s *Store) Delete(id string) {
	s.write.Lock()
	defer s.write.Unlock()
	s.remove(id)
}

func (s *Store) remove(id string) {
	hash, want := s.hashID(id), wanted(id)
	old, entry := s.findID(&want, hash)
	if old == 0 {
		return
	}
	var set shardSet
	set.add(hash)
	s.addDigests(&set, s.keyAt(old))
	s.lock(&set)
	s.unpoint(old)
	entry.remove()
	s.unlock(&set)
	s.freeKey(old)
	s.keyCount--
}

// point makes a digest lead to a record.
func (s *Store) point(d *storage.Digest, r ref) {
	other, entry := s.findDigest(d, s.hashDigest(d))
	if other != 0 {
		entry.set(r)
		return
	}
	entry.page.add(entry.hash, r)
}

// unpoint takes out the digests that still lead to a record.
func (s *Store) unpoint(r ref) {
	rec := s.keyAt(r)
	for i := range rec.secrets() {
		d := rec.digest(i)
		if owner, entry := s.findDigest(d, s.hashDigest(d)); owner == r {
			entry.remove()
		}
	}
}

func (s *Store) addDigests(set *shardSet, rec keyRecord) {
	for i := range rec.secrets() {
		set.add(s.hashDigest(rec.digest(i)))
	}
}

// reserveKey makes room for a new key's id, and for its digests even if they should
// all belong together.
func (s *Store) reserveKey(rec keyRecord, idHash uint64) error {
	of := s.shard(idHash)
	if err := s.reserve(of, &of.ids, lower(idHash), 1); err != nil {
		return err
	}
	for i := range rec.secrets() {
		hash := s.hashDigest(rec.digest(i))
		of := s.shard(hash)
		if err := s.reserve(of, &of.digests, lower(hash), rec.secrets()); err != nil {
			return err
		}
	}
	return nil
}

// shardSet is a set of shards. They are locked in their order, so that no two
// can wait for each other.
type shardSet [shardCount / 64]uint64

func (set *shardSet) add(hash uint64) {
	i := hash >> 56
	set[i/64] |= 1 << (i % 64)
}

func (set *shardSet) all(yield func(int) bool) {
	for word, left := range set {
		for ; left != 0; left &= left - 1 {
			if !yield(64*word + bits.TrailingZeros64(left)) {
				return
			}
		}
	}
}

func (s *Store) lock(set *shardSet) {
	for i := range set.all {
		s.shards[i].Lock()
	}
}

func (s *Store) unlock(set *shardSet) {
	for i := range set.all {
		s.shards[i].Unlock()
	}
}
