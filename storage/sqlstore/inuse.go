package sqlstore

import "fmt"

// InUseError says that another process holds the data file.
type InUseError struct {
	// Lock is the lock file.
	Lock string
	// Holder is the other process's id, as it wrote it; empty when unknown.
	Holder string
}

func (e *InUseError) Error() string {
	holder := "another process"
	if e.Holder != "" {
		holder = fmt.Sprintf("another process (pid %s)", e.Holder)
	}
	return fmt.Sprintf("%s holds it (lock %s); stop that one, or name another file", holder, e.Lock)
}
