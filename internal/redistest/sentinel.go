package redistest

import (
	"fmt"
	"testing"
	"time"
)

// MasterName is what a Sentinel knows its master by.
const MasterName = "keystile"

// Watched is a master and its replica, and the Sentinel that makes the replica
// master when the master is gone.
type Watched struct {
	Master, Replica, Sentinel *Server
}

// StartSentinel starts a master, its replica and one Sentinel; they end with the
// test. Settings are those of the two that hold data.
func StartSentinel(tb testing.TB, settings ...string) *Watched {
	tb.Helper()
	w := &Watched{Master: Start(tb, settings...)}
	w.Replica = Start(tb, append([]string{fmt.Sprintf("replicaof 127.0.0.1 %d", w.Master.port), "repl-diskless-sync-delay 0"}, settings...)...)
	sentinel, err := start([]string{"--sentinel"}, []string{
		fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1", MasterName, w.Master.port),
		"sentinel down-after-milliseconds " + MasterName + " 500",
		"sentinel failover-timeout " + MasterName + " 2000",
	})
	if err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	w.Sentinel = sentinel
	tb.Cleanup(func() {
		if err := sentinel.remove(); err != nil {
			tb.Errorf("redistest: %v", err)
		}
	})
	// The replica can only be made master once it is in step and the Sentinel has seen
	// it.
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		replicas, _ := sentinel.Do(tb, "SENTINEL", "REPLICAS", MasterName).([]any)
		role, _ := w.Replica.Do(tb, "ROLE").([]any)
		if len(replicas) == 1 && len(role) > 3 && role[3] == "connected" {
			return w
		}
		if time.Now().After(until) {
			tb.Fatalf("redistest: the replica is not seen: %v, %v", replicas, role)
		}
	}
}
