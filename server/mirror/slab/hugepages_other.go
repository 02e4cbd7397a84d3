//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package slab

// preferHugePages has no portable form.
func preferHugePages([]byte) {}
