package chaos

import (
	"slices"
	"testing"
	"time"
)

func TestScheduleComesFromItsSeed(t *testing.T) {
	draw := func(seed uint64) []Fault { return Schedule(seed, time.Minute, 3*time.Second, true) }
	if !slices.Equal(draw(1), draw(1)) {
		t.Error("a seed gives two schedules")
	}
	if slices.Equal(draw(1), draw(2)) {
		t.Error("two seeds give one schedule")
	}
}

// Every trouble happens, those of one link, one process or the store one after
// another, and some are longer than a lease.
func TestScheduleIsTrouble(t *testing.T) {
	const lease = 3 * time.Second
	seen, long := map[Trouble]bool{}, map[Trouble]bool{}
	for seed := range uint64(20) {
		type place struct {
			of      Trouble
			replica int
		}
		free := map[place]time.Duration{}
		for _, f := range Schedule(seed, time.Minute, lease, true) {
			at := place{Cut, f.Replica}
			switch {
			case f.Trouble >= PauseRedis:
				at = place{PauseRedis, 0}
			case f.Trouble >= CutRedis:
				at.of = CutRedis
			case f.Trouble >= RestartStore:
				at = place{RestartStore, 0}
			case f.Trouble >= Pause:
				at.of = Pause
			}
			if f.At < free[at] || f.At+f.For > time.Minute {
				t.Fatalf("seed %d: %s overlaps the one before, or the end", seed, f)
			}
			free[at] = f.At + f.For
			seen[f.Trouble] = true
			long[f.Trouble] = long[f.Trouble] || f.For > lease
		}
	}
	for trouble := Cut; trouble <= KillRedis; trouble++ {
		if !seen[trouble] {
			t.Errorf("%s never happens", trouble)
		}
	}
	for _, trouble := range []Trouble{Cut, Swallow, SwallowRequests, SwallowAnswers, Slow, Pause} {
		if !long[trouble] {
			t.Errorf("%s never outlasts a lease", trouble)
		}
	}
}
