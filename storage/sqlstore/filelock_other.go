//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlstore

import (
	"fmt"
	"runtime"
)

// lockFile refuses: without a lock that the kernel gives back, two processes
// could come to write one file.
func lockFile(string) (release func() error, err error) {
	return nil, fmt.Errorf("the embedded store does not run on %s; use Postgres", runtime.GOOS)
}
