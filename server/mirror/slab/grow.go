package slab

import (
	"fmt"
	"slices"
)

// reserve makes room for n more with a hash in an index of a shard. What is new is
// made beside what is in use, while readers go on, and only then put in place.
func (s *Store) reserve(of *shard, x *index, hash uint32, n int) error {
	for {
		full := x.page(&s.arena, hash)
		if full != nil && int(full.used())+n <= pageMost {
			return nil
		}
		if err := s.split(of, x, full, hash); err != nil {
			return fmt.Errorf("growing an index: %w", err)
		}
	}
}

// split puts two pages in place of one, or the first in place of none.
func (s *Store) split(of *shard, x *index, full page, hash uint32) error {
	if full == nil {
		first, err := s.newPage(0)
		if err != nil {
			return err
		}
		of.Lock()
		x.directory = []ref{first}
		of.Unlock()
		return nil
	}
	depth := full.depth()
	if depth == maxDepth {
		return errCrowded
	}
	var halves [2]ref
	for i := range halves {
		var err error
		if halves[i], err = s.newPage(depth + 1); err != nil {
			if i > 0 {
				s.freePage(halves[0])
			}
			return err
		}
	}
	for slot := range uint32(pageSlots) {
		if h, r := full.slot(slot); r != 0 {
			pageAt(&s.arena, halves[h>>depth&1]).add(h, r)
		}
	}
	directory := slices.Clone(x.directory)
	if len(directory) == 1<<depth {
		directory = append(directory, directory...)
	}
	first := int(hash & (1<<depth - 1))
	old := directory[first]
	for i := first; i < len(directory); i += 1 << depth {
		directory[i] = halves[i>>depth&1]
	}
	of.Lock()
	x.directory = directory
	of.Unlock()
	s.freePage(old)
	return nil
}

func (s *Store) newPage(depth uint32) (ref, error) {
	r, err := s.arena.alloc(pageSize)
	if err != nil {
		return 0, err
	}
	p := pageAt(&s.arena, r)
	clear(p)
	p.setDepth(depth)
	s.pageCount++
	return r, nil
}

func (s *Store) freePage(r ref) {
	s.arena.release(r, pageSize)
	s.pageCount--
}
