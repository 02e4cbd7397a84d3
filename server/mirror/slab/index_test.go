package slab

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexKeepsWhatCollides tries few hashes near to each other, so that many
// entries want one slot and pages have to be split again and again.
func TestIndexKeepsWhatCollides(t *testing.T) {
	hashes := rapid.OneOf(
		rapid.Uint32Range(0, 3), rapid.Uint32Range(1<<32-3, 1<<32-1),
		rapid.Map(rapid.Uint32Range(0, 255), func(n uint32) uint32 { return n << 24 }),
		rapid.Map(rapid.Uint32Range(0, 1<<16), func(n uint32) uint32 { return n << 4 }),
		rapid.Uint32(),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := New(Options{})
		of := &s.shards[0]
		x := &of.ids
		var all [][2]uint32
		list := rapid.SliceOfN(hashes, 1500, 2500).Draw(t, "hashes")
		for i, hash := range list {
			if i%6 == 5 {
				gone := all[int(hash)%len(all)]
				p := x.probe(&s.arena, gone[0])
				for r := p.next(); uint32(r) != gone[1]; r = p.next() {
					if r == 0 {
						t.Fatalf("%v is not found", gone)
					}
				}
				p.remove()
				all = slices.DeleteFunc(all, func(e [2]uint32) bool { return e == gone })
				continue
			}
			if err := s.reserve(of, x, hash, 1); err != nil {
				break // so many equal ones that there is no way to keep them
			}
			x.page(&s.arena, hash).add(hash, ref(i+1))
			all = append(all, [2]uint32{hash, uint32(i + 1)})
		}
		found := map[[2]uint32]bool{}
		for _, e := range all {
			p := x.probe(&s.arena, e[0])
			for r := p.next(); r != 0; r = p.next() {
				found[[2]uint32{e[0], uint32(r)}] = true
			}
			if !found[e] {
				t.Fatalf("%v is not found", e)
			}
		}
		n := 0
		x.all(&s.arena, func(ref) { n++ })
		if len(found) != len(all) || n != len(all) {
			t.Fatalf("%d found, %d in all, want %d", len(found), n, len(all))
		}
	})
}
