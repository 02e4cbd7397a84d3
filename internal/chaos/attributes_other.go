//go:build !linux

package chaos

import "syscall"

// attributes: other systems don't end a child with its parent.
func attributes() *syscall.SysProcAttr { return nil }
