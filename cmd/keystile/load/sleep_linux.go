package load

import (
	"syscall"
	"time"
)

// sleepFinely sleeps for about d, late by less than a tenth of a millisecond. It
// keeps its thread, and may end early.
func sleepFinely(d time.Duration) {
	span := syscall.NsecToTimespec(d.Nanoseconds())
	// A signal that ends it is the caller's business, who looks at the clock.
	_ = syscall.Nanosleep(&span, nil)
}
