//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package slab

// offHeap is the Go heap where memory can't be mapped.
func offHeap(size int, huge bool) (*region, error) { return onHeap(size, huge) }
