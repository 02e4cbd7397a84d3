//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package sqlstore

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lockFile takes an exclusive lock that the kernel gives back with the process,
// whatever ends it. The file stays when the lock goes: removing it would let
// two processes hold locks on two files of one name.
func lockFile(path string) (release func() error, err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // beside the operator's data file
	if err != nil {
		return nil, fmt.Errorf("lock file: %w", err)
	}
	descriptor := int(file.Fd())
	if err := syscall.Flock(descriptor, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := holderOf(path)
		if closeErr := file.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Lock: path, Holder: holder}
		}
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	// Who holds it is only told to people; the lock is the truth.
	if err := file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return file.Close, nil
}

func holderOf(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // beside the operator's data file
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
