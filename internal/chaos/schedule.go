package chaos

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// Trouble is a kind of fault. The zero Trouble is none.
type Trouble uint8

// What can go wrong, on the way to Postgres, with a replica, and with Postgres.
const (
	// Cut ends a link's connections and refuses new ones.
	Cut Trouble = iota + 1
	// Swallow lets nothing pass a link, silently; SwallowRequests and
	// SwallowAnswers so in one direction.
	Swallow
	SwallowRequests
	SwallowAnswers
	// Slow delays what passes a link.
	Slow
	// Pause stops a process where it stands.
	Pause
	// Kill ends a process without notice, Terminate with; another takes its place.
	Kill
	Terminate
	// RestartStore stops Postgres in an orderly way, CrashStore does not.
	RestartStore
	CrashStore
	// DropListeners ends the connections that wakes come over, DropConnections all.
	DropListeners
	DropConnections
	// CutRedis and SlowRedis do to a replica's link to Redis what Cut and Slow do to that to
	// Postgres.
	CutRedis
	SlowRedis
	// PauseRedis stops Redis where it stands, and KillRedis ends it without notice: what it
	// knew is gone.
	PauseRedis
	KillRedis
)

func (t Trouble) String() string {
	return [...]string{
		"none", "cut", "swallow", "swallow requests", "swallow answers", "slow", "pause", "kill", "terminate",
		"restart Postgres", "crash Postgres", "drop listeners", "drop connections",
		"cut Redis", "slow Redis", "pause Redis", "kill Redis",
	}[t]
}

// Fault is one thing that goes wrong for a while.
type Fault struct {
	Trouble Trouble
	// Replica is whose link or process it is. Postgres and Redis are everybody's.
	Replica int
	At, For time.Duration
	// By is the delay of Slow.
	By time.Duration
}

func (f Fault) String() string {
	text := fmt.Sprintf("%8.3f for %5.2f  %s", f.At.Seconds(), f.For.Seconds(), f.Trouble)
	if f.Trouble == Slow || f.Trouble == SlowRedis {
		text += " by " + f.By.String()
	}
	if f.Trouble < RestartStore || f.Trouble == CutRedis || f.Trouble == SlowRedis {
		text += fmt.Sprintf(", replica %d", f.Replica)
	}
	return text
}

// Schedule draws the faults of a run from its seed, in the order of their beginning.
// Each link, each process, Postgres and, if there is one, Redis have good times and bad ones of their own,
// which overlap as they happen to. Bad times are short, or longer than a lease.
func Schedule(seed uint64, duration, lease time.Duration, redis bool) []Fault {
	var out []Fault
	for r := range replicas {
		links := rand.New(rand.NewPCG(seed, uint64(10+r))) //nolint:gosec // replayable, guards nothing
		out = append(out, spread(links, duration, 2*time.Second, 7*time.Second, func() Fault {
			f := Fault{Trouble: pick(links, Cut, Cut, Swallow, Swallow, SwallowRequests, SwallowAnswers, Slow, Slow), Replica: r}
			f.For, f.By = bad(links, lease), between(links, 20*time.Millisecond, 600*time.Millisecond)
			return f
		})...)
		processes := rand.New(rand.NewPCG(seed, uint64(20+r))) //nolint:gosec // replayable, guards nothing
		out = append(out, spread(processes, duration, 4*time.Second, 14*time.Second, func() Fault {
			f := Fault{Trouble: pick(processes, Pause, Pause, Pause, Kill, Kill, Terminate), Replica: r}
			f.For = bad(processes, lease)
			if f.Trouble != Pause {
				f.For = between(processes, 100*time.Millisecond, lease)
			}
			return f
		})...)
	}
	store := rand.New(rand.NewPCG(seed, 30)) //nolint:gosec // replayable, guards nothing
	out = append(out, spread(store, duration, 3*time.Second, 9*time.Second, func() Fault {
		f := Fault{Trouble: pick(store, RestartStore, CrashStore, DropListeners, DropListeners, DropListeners, DropConnections)}
		if f.Trouble == RestartStore || f.Trouble == CrashStore {
			f.For = between(store, 0, lease/2)
		}
		return f
	})...)
	if redis {
		out = append(out, redisTroubles(seed, duration, lease)...)
	}
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return out
}

// redisTroubles draws what goes wrong with Redis, and on the way to it. Replicas wait ten
// milliseconds for it, so a link is slow by about as much.
func redisTroubles(seed uint64, duration, lease time.Duration) []Fault {
	var out []Fault
	for r := range replicas {
		paths := rand.New(rand.NewPCG(seed, uint64(40+r))) //nolint:gosec // replayable, guards nothing
		out = append(out, spread(paths, duration, 2*time.Second, 6*time.Second, func() Fault {
			return Fault{
				Trouble: pick(paths, CutRedis, SlowRedis), Replica: r,
				For: between(paths, lease/15, lease), By: between(paths, 2*time.Millisecond, 15*time.Millisecond),
			}
		})...)
	}
	redis := rand.New(rand.NewPCG(seed, 50)) //nolint:gosec // replayable, guards nothing
	return append(out, spread(redis, duration, 2*time.Second, 6*time.Second, func() Fault {
		return Fault{Trouble: pick(redis, PauseRedis, KillRedis), For: between(redis, lease/15, lease)}
	})...)
}

// spread draws faults with good times between them, one after another.
func spread(random *rand.Rand, duration, shortest, longest time.Duration, draw func() Fault) []Fault {
	var out []Fault
	for at := between(random, shortest/2, longest/2); at < duration; {
		f := draw()
		f.At = at
		f.For = min(f.For, duration-at)
		out = append(out, f)
		at += f.For + between(random, shortest, longest)
	}
	return out
}

// bad draws how long a bad time is.
func bad(random *rand.Rand, lease time.Duration) time.Duration {
	if random.IntN(2) == 0 {
		return between(random, lease/15, lease/2)
	}
	return between(random, lease+lease/2, 3*lease)
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)+1))
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.IntN(len(from))] }
