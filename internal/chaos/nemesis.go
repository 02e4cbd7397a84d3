package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"
)

// event is the beginning or the end of a fault.
type event struct {
	at    time.Duration
	ends  bool
	fault Fault
}

// events gives what a schedule makes happen, in order.
func events(schedule []Fault) []event {
	out := make([]event, 0, 2*len(schedule))
	for _, f := range schedule {
		out = append(out, event{f.At, false, f}, event{f.At + f.For, true, f})
	}
	slices.SortStableFunc(out, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return out
}

// nemesis carries a schedule out. It belongs to the test's own goroutine.
type nemesis struct {
	tb    testing.TB
	group *group
	since func() time.Duration
	// diary is what was done when.
	diary []string
	did   map[Trouble]int
}

// carryOut lets one event happen.
func (n *nemesis) carryOut(e event) error {
	began := n.since()
	var err error
	if e.ends {
		err = n.undo(e.fault)
	} else {
		n.did[e.fault.Trouble]++
		err = n.do(e.fault)
	}
	what := "begins"
	if e.ends {
		what = "ends"
	}
	if !e.ends || e.fault.For > 0 {
		n.diary = append(n.diary, fmt.Sprintf("%8.3f-%.3f  %s %s (replica %d)", began.Seconds(), n.since().Seconds(), e.fault.Trouble, what, e.fault.Replica))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", e.fault, err)
	}
	return nil
}

func (n *nemesis) do(f Fault) error {
	l, p := n.group.links[f.Replica], n.group.process(f.Replica)
	switch f.Trouble {
	case Cut:
		l.cut()
	case Swallow:
		if err := l.swallow("upstream"); err != nil {
			return err
		}
		return l.swallow("downstream")
	case SwallowRequests:
		return l.swallow("upstream")
	case SwallowAnswers:
		return l.swallow("downstream")
	case Slow:
		return l.slow(f.By)
	case Pause:
		return p.signal(syscall.SIGSTOP)
	case Kill:
		p.kill()
	case Terminate:
		p.leaving = true
		return p.signal(syscall.SIGTERM)
	case RestartStore:
		n.group.cluster.Stop(n.tb)
	case CrashStore:
		n.crashStore()
	case DropListeners:
		// Postgres may be away; then there is nothing to drop.
		_ = n.group.drop(n.tb.Context(), false)
	case DropConnections:
		_ = n.group.drop(n.tb.Context(), true)
	case CutRedis:
		n.group.paths[f.Replica].cut()
	case SlowRedis:
		return n.group.paths[f.Replica].slow(f.By)
	case PauseRedis:
		n.group.redis.Pause(n.tb)
	case KillRedis:
		n.group.killRedis(n.tb)
	}
	return nil
}

// crashStore crashes Postgres. What was taken of rate limits is not on its disk at once.
func (n *nemesis) crashStore() {
	if n.group.redis != nil {
		n.group.cluster.Kill(n.tb)
		return
	}
	n.group.losing(func() { n.group.cluster.Kill(n.tb) })
}

func (n *nemesis) undo(f Fault) error {
	switch f.Trouble {
	case Cut, Swallow, SwallowRequests, SwallowAnswers, Slow:
		return n.group.links[f.Replica].heal()
	case Pause:
		return n.group.process(f.Replica).signal(syscall.SIGCONT)
	case Kill, Terminate:
		n.group.process(f.Replica).kill()
		return n.group.launch(f.Replica)
	case RestartStore, CrashStore:
		n.group.cluster.Restart(n.tb)
	case CutRedis, SlowRedis:
		return n.group.paths[f.Replica].heal()
	case PauseRedis, KillRedis:
		n.group.reviveRedis(n.tb)
	case DropListeners, DropConnections:
	}
	return nil
}
