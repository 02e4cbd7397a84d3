package pooltest

import (
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// mostAsked is as many asks as an engine puts into one call.
const mostAsked = 512

func testOrder(t *testing.T, s *suite) {
	asks := make([]limits.Ask, mostAsked)
	for i := range asks {
		n := int64(i + 1)
		asks[i] = limits.Ask{Key: newKey(), Rate: slow(n), Want: n, Least: 1}
		if i%5 == 0 {
			// This one can't be met, and none fails because of another.
			asks[i].Want, asks[i].Least = n+1, n+1
		}
	}
	looked, taken := s.look(t, asks...), s.take(t, asks...)
	for i := range asks {
		n := int64(i + 1)
		want := limits.Given{Left: n}
		if i%5 == 0 {
			want.Retry = access.Never
		}
		if looked[i] != want {
			t.Errorf("look %d: got %+v, want %+v", i, looked[i], want)
		}
		if i%5 != 0 {
			want.Tokens, want.Left = n, 0
		}
		if taken[i].Reset = 0; taken[i] != want {
			t.Errorf("ask %d: got %+v, want %+v", i, taken[i], want)
		}
	}
}

func testTwice(t *testing.T, s *suite) {
	ask := limits.Ask{Key: newKey(), Rate: slow(10), Want: 4, Least: 1}
	for i, got := range s.take(t, ask, ask, ask, ask) {
		if want := []int64{4, 4, 2, 0}[i]; got.Tokens != want {
			t.Errorf("ask %d: got %d, want %d", i, got.Tokens, want)
		}
	}
}

func testNothing(t *testing.T, s *suite) {
	s.take(t)
	s.look(t)
	s.giveBack(t)
	s.reset(t)
}
