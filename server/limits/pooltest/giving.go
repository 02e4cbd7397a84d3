package pooltest

import (
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

func testUnknown(t *testing.T, s *suite) {
	key, whole := newKey(), limits.Given{Left: 10}
	for range 2 {
		if got := s.look(t, limits.Ask{Key: key, Rate: slow(10), Want: 10, Least: 10})[0]; got != whole {
			t.Errorf("got %+v, want %+v", got, whole)
		}
	}
	// A burst of 0 is as many as there are requests.
	rate := access.Rate{Period: time.Hour, Requests: 7}
	if got := s.take(t, limits.Ask{Key: key, Rate: rate, Want: 9, Least: 1})[0]; got.Tokens != 7 || got.Left != 0 {
		t.Errorf("got %+v, want all 7", got)
	}
}

func testBetween(t *testing.T, s *suite) {
	key := newKey()
	for _, c := range []struct{ want, least, tokens, left int64 }{
		{4, 2, 4, 6},
		{1, 1, 1, 5},
		{7, 6, 0, 5}, // there are fewer than the least
		{6, 6, 0, 5},
		{7, 3, 5, 0}, // all that there are
		{1, 1, 0, 0},
		{9, 1, 0, 0},
	} {
		got := s.take(t, limits.Ask{Key: key, Rate: slow(10), Want: c.want, Least: c.least})[0]
		if got.Tokens != c.tokens || got.Left != c.left {
			t.Errorf("want %d, least %d: got %+v, want %d and %d left", c.want, c.least, got, c.tokens, c.left)
		}
		if (got.Retry > 0) == (c.tokens > 0) {
			t.Errorf("want %d, least %d: got %d tokens, and again in %v", c.want, c.least, got.Tokens, got.Retry)
		}
		used := time.Duration(10-c.left) * time.Hour
		if got.Reset > used || got.Reset < used-time.Minute {
			t.Errorf("want %d, least %d: whole in %v, want %v", c.want, c.least, got.Reset, used)
		}
	}
}

func testImpossible(t *testing.T, s *suite) {
	for name, rate := range map[string]access.Rate{
		"more than the burst": slow(10),
		"no rate":             {},
		"no period":           {Requests: 5, Burst: 5},
		"no requests":         {Period: time.Hour, Burst: 5},
		"a burst below 0":     {Period: time.Hour, Requests: 5, Burst: -1},
	} {
		ask := limits.Ask{Key: newKey(), Rate: rate, Want: 1 << 62, Least: 11}
		left := int64(0)
		if rate == slow(10) {
			left = 10
		}
		for _, got := range append(s.look(t, ask), s.take(t, ask, ask)...) {
			if want := (limits.Given{Left: left, Retry: access.Never}); got != want {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
		if got := s.left(t, ask.Key, slow(10)); got != 10 {
			t.Errorf("%s: took %d", name, 10-got)
		}
	}
}

func testLook(t *testing.T, s *suite) {
	key := newKey()
	s.take(t, limits.Ask{Key: key, Rate: slow(10), Want: 8, Least: 8})
	for least, wait := range map[int64]time.Duration{1: 0, 2: 0, 3: time.Hour, 5: 3 * time.Hour, 10: 8 * time.Hour} {
		got := s.look(t, limits.Ask{Key: key, Rate: slow(10), Want: 10, Least: least})[0]
		if got.Left != 2 || got.Retry > wait || got.Retry < wait-time.Minute {
			t.Errorf("least %d: got %+v, want 2 left, and again in %v", least, got, wait)
		}
	}
}

// testLarge takes what is at the ends of what a limit may say.
func testLarge(t *testing.T, s *suite) {
	const month = 31 * 24 * time.Hour
	for _, rate := range []access.Rate{
		{Period: time.Second, Requests: 1_000_000_000, Burst: 1_000_000_000},
		{Period: month, Requests: 1_000_000_000, Burst: 1_000_000_000},
		{Period: month, Requests: 1, Burst: 1},
		{Period: month, Requests: 1, Burst: 800},
		{Period: time.Millisecond, Requests: 1, Burst: 1_000_000_000},
	} {
		ask := limits.Ask{Key: newKey(), Rate: rate, Want: rate.Burst, Least: rate.Burst}
		if got := s.take(t, ask)[0]; got.Tokens != rate.Burst {
			t.Errorf("%+v: got %+v", rate, got)
		}
		s.giveBack(t, limits.Back{Key: ask.Key, Rate: rate, Tokens: rate.Burst})
		if got := s.look(t, ask)[0]; got != (limits.Given{Left: rate.Burst}) {
			t.Errorf("%+v: got %+v after all came back", rate, got)
		}
	}
	// What would take longer to come back than can be counted is not there.
	rate := access.Rate{Period: month, Requests: 1, Burst: 1 << 62}
	ask := limits.Ask{Key: newKey(), Rate: rate, Want: 1 << 62, Least: 1}
	got := s.take(t, ask, ask)
	if n := got[0].Tokens; n < 1 || n > int64(access.Never/month) || got[1].Tokens != 0 {
		t.Errorf("got %+v of a burst without end", got)
	}
}
