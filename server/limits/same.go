package limits

import "slices"

// same tells whether two lists hold the same. Nearly always they are one list.
func same[T comparable](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}
