package proctest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// attributes make a child end with its parent, whatever ends that, and give up
// root's rights, which Postgres and PgBouncer refuse to run with.
func attributes(death syscall.Signal) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Pdeathsig: death}
	if uid, gid, ok := servant(); ok {
		attributes.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return attributes
}

// servant is who runs the programs when the tests are root's.
func servant() (uid, gid uint32, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		u, errU := strconv.ParseUint(found.Uid, 10, 32)
		g, errG := strconv.ParseUint(found.Gid, 10, 32)
		if errU == nil && errG == nil {
			return uint32(u), uint32(g), true
		}
	}
	return 65534, 65534, true
}
