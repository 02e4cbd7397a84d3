package slab

import "github.com/keystile/keystile/storage"

// Live is the size of all blocks that are given out, but for pages of indexes.
func (s *Store) Live() int { return s.arena.live - s.pageCount*pageSize }

// FailAfter lets n more regions be made, and none after them.
func (s *Store) FailAfter(n int, err error) {
	from := s.arena.source
	s.arena.source = func(size int, huge bool) (*region, error) {
		if n--; n < 0 {
			return nil, err
		}
		return from(size, huge)
	}
}

// Matches compares a digest with those of a key, past all hashes.
func (s *Store) Matches(id string, d storage.Digest) bool {
	want := wanted(id)
	r, _ := s.findID(&want, s.hashID(id))
	return s.keyAt(r).indexOf(&d) >= 0
}
