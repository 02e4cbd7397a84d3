package chaos

import "syscall"

// attributes make a replica end with the test binary, whatever ends that.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
