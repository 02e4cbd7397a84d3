package slab

import "golang.org/x/sys/unix"

// preferHugePages spares a random read of a large store most of its walk through
// the page tables. It is advice: a kernel that has none left uses small pages.
func preferHugePages(mem []byte) { _ = unix.Madvise(mem, unix.MADV_HUGEPAGE) }
