package slab

// region is a piece of memory without pointers. It is given back when it is
// released, or when nothing refers to it any more.
type region struct {
	mem     []byte
	release func()
}

// source makes a region of zeros.
type source func(size int, huge bool) (*region, error)

// onHeap takes memory from the Go heap: it counts for the collector's pace, but
// holds nothing to scan. The race detector watches it, as it does not watch
// mapped memory.
func onHeap(size int, _ bool) (*region, error) {
	r := &region{mem: make([]byte, size)}
	r.release = func() { r.mem = nil }
	return r, nil
}
