package pooltest

import (
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

func testRefill(t *testing.T, s *suite) {
	key, rate := newKey(), access.Rate{Period: 100 * time.Millisecond, Requests: 10, Burst: 10}
	const interval = 10 * time.Millisecond
	began := s.clock.Now()
	s.take(t, limits.Ask{Key: key, Rate: rate, Want: 10, Least: 10})
	taken := s.clock.Now()
	for range 6 {
		s.clock.Wait(25 * time.Millisecond)
		least := min(10, int64(s.clock.Now().Sub(taken)/interval))
		got := s.look(t, limits.Ask{Key: key, Rate: rate, Want: 1, Least: 1})[0]
		passed := s.clock.Now().Sub(began) + s.clock.Grain
		if most := min(10, int64(passed/interval)); got.Left < least || got.Left > most {
			t.Errorf("after %v: got %d left, want %d to %d", passed, got.Left, least, most)
		}
		if whole := max(0, 10*interval-passed); got.Reset < whole {
			t.Errorf("after %v: got whole in %v, want %v", passed, got.Reset, whole)
		}
	}
}

func testRetry(t *testing.T, s *suite) {
	// 7 in 100 milliseconds do not divide into whole nanoseconds.
	key, rate := newKey(), access.Rate{Period: 100 * time.Millisecond, Requests: 7, Burst: 5}
	early := 0
	for i := range 25 {
		least := int64(i%5 + 1)
		s.take(t, limits.Ask{Key: key, Rate: rate, Want: 5, Least: 1})
		ask := limits.Ask{Key: key, Rate: rate, Want: least, Least: least}
		asked := s.clock.Now()
		got := s.take(t, ask)[0]
		if got.Tokens > 0 {
			continue // this machine was slow
		}
		if most := time.Duration(least) * (100*time.Millisecond/7 + s.clock.Interval + s.clock.Grain); got.Retry <= 0 || got.Retry > most {
			t.Errorf("least %d: got again in %v, want at most %v", least, got.Retry, most)
		}
		s.clock.Wait(got.Retry / 2)
		half := s.look(t, ask)[0]
		if passed := s.clock.Now().Sub(asked); passed < got.Retry-s.clock.Grain {
			early++
			if half.Retry <= 0 || half.Left >= least {
				t.Errorf("least %d: got %+v after %v, and it was to be %v", least, half, passed, got.Retry)
			}
		}
		s.clock.Wait(half.Retry)
		if got := s.take(t, ask)[0]; got.Tokens != least {
			t.Errorf("least %d: got %+v after the wait for it", least, got)
		}
	}
	if early == 0 {
		t.Error("this machine was never fast enough to look before a wait was over")
	}
}
