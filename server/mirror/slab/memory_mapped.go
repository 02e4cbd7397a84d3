//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package slab

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// offHeap maps memory that the Go runtime knows nothing of. Pages become
// resident when they are first written.
func offHeap(size int, huge bool) (*region, error) {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("mapping %d bytes: %w", size, err)
	}
	if huge {
		preferHugePages(mem)
	}
	r := &region{mem: mem}
	unmap := func(mem []byte) { _ = unix.Munmap(mem) }
	lost := runtime.AddCleanup(r, unmap, mem)
	r.release = func() {
		lost.Stop()
		r.mem = nil
		unmap(mem)
	}
	return r, nil
}
