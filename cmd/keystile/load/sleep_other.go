//go:build !linux

package load

import "time"

// sleepFinely sleeps for about d, as well as timers can.
func sleepFinely(d time.Duration) { time.Sleep(d) }
