package pooltest

import (
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

func testReturn(t *testing.T, s *suite) {
	key, rate := newKey(), slow(10)
	give := func(n int64) { s.giveBack(t, limits.Back{Key: key, Rate: rate, Tokens: n}) }
	want := func(what string, left int64) {
		t.Helper()
		if got := s.left(t, key, rate); got != left {
			t.Errorf("%s: got %d left, want %d", what, got, left)
		}
	}
	give(3)
	want("returned to a key that is not known", 10)
	s.take(t, limits.Ask{Key: key, Rate: rate, Want: 8, Least: 8})
	give(3)
	want("some returned", 5)
	give(0)
	want("none returned", 5)
	give(5)
	want("all returned", 10)
	s.take(t, limits.Ask{Key: key, Rate: rate, Want: 2, Least: 2})
	give(7)
	want("more returned than was taken", 10)
	s.take(t, limits.Ask{Key: key, Rate: rate, Want: 2, Least: 2})
	give(1000)
	want("very much returned", 10)
	got := s.take(t, limits.Ask{Key: key, Rate: rate, Want: 11, Least: 1}, limits.Ask{Key: key, Rate: rate, Want: 1, Least: 1})
	if got[0].Tokens != 10 || got[1].Tokens != 0 {
		t.Errorf("got %+v, want what is whole and no more", got)
	}
	// Nothing is returned by a rate that gives nothing.
	s.giveBack(t, limits.Back{Key: key, Tokens: 5})
	want("returned without a rate", 0)
	s.giveBack(t, limits.Back{Key: key, Rate: rate, Tokens: 1}, limits.Back{Key: newKey(), Rate: rate, Tokens: 1}, limits.Back{Key: key, Rate: rate, Tokens: 2})
	want("three in one call", 3)
}

func testReset(t *testing.T, s *suite) {
	asks := make([]limits.Ask, 4)
	var keys []limits.Key
	for i := range asks {
		asks[i] = limits.Ask{Key: newKey(), Rate: slow(10), Want: 6, Least: 6}
		keys = append(keys, asks[i].Key)
	}
	s.take(t, asks...)
	s.reset(t, keys[0], keys[2], newKey(), keys[2])
	for i, got := range s.look(t, asks...) {
		if want := []int64{10, 4, 10, 4}[i]; got.Left != want {
			t.Errorf("key %d: got %d left, want %d", i, got.Left, want)
		}
	}
}

func testNumbers(t *testing.T, s *suite) {
	key := newKey()
	s.take(t, limits.Ask{Key: key, Rate: slow(10), Want: 4, Least: 4})
	for _, c := range []struct {
		what string
		rate access.Rate
		left int64
	}{
		{"a lower burst", slow(5), 1},
		{"a burst below what was taken", slow(3), 0},
		{"as before", slow(10), 6},
		{"a higher burst", slow(100), 96},
		{"a higher rate", access.Rate{Period: time.Hour, Requests: 2, Burst: 10}, 2},
		{"a lower rate", access.Rate{Period: 4 * time.Hour, Requests: 1, Burst: 10}, 9},
		{"none", access.Rate{}, 0},
	} {
		if got := s.left(t, key, c.rate); got != c.left {
			t.Errorf("%s: got %d left, want %d", c.what, got, c.left)
		}
	}
	// A smaller burst forgives nothing that was taken by a larger one.
	s.take(t, limits.Ask{Key: key, Rate: slow(10), Want: 6, Least: 6})
	if got := s.take(t, limits.Ask{Key: key, Rate: slow(3), Want: 3, Least: 1})[0]; got.Tokens != 0 {
		t.Errorf("a burst below what was taken gave %+v", got)
	}
	s.giveBack(t, limits.Back{Key: key, Rate: slow(3), Tokens: 2})
	if got := s.left(t, key, slow(10)); got != 2 {
		t.Errorf("got %d left, want the 2 that came back", got)
	}
}
