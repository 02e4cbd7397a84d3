//go:build !linux

package proctest

import "syscall"

// attributes: other systems don't end a child with its parent, and these tests
// are not for their root.
func attributes(syscall.Signal) *syscall.SysProcAttr { return nil }

func servant() (uid, gid uint32, ok bool) { return 0, 0, false }
