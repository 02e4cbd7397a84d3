package slab

import "testing"

// TestSizeClassesHoldWhatTheyAreFor: no block is smaller than what is put in it, and
// none is much larger.
func TestSizeClassesHoldWhatTheyAreFor(t *testing.T) {
	last, lastSize := 0, 0
	for size := 1; size <= maxRecord; size++ {
		list, rounded := sizeClass(size)
		if rounded < size || rounded > size+max(unit, size/4) || rounded%unit != 0 || list >= lists {
			t.Fatalf("%d bytes: list %d of blocks of %d", size, list, rounded)
		}
		if list != last && (list != last+1 || rounded <= lastSize) || list == last && rounded != lastSize {
			t.Fatalf("%d bytes: list %d of blocks of %d after list %d of %d", size, list, rounded, last, lastSize)
		}
		if again, same := sizeClass(rounded); again != list || same != rounded {
			t.Fatalf("%d bytes: %d, %d", rounded, again, same)
		}
		last, lastSize = list, rounded
	}
}
