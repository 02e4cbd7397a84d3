package redispool_test

import (
	"testing"

	"github.com/keystile/keystile/internal/redistest"
	"github.com/keystile/keystile/server/limits"
)

// A Redis that is full gives nothing when it may not evict, and goes on where it was
// when there is room again; one that may evict forgets what was taken.
func TestAFullRedis(t *testing.T) {
	s := redistest.Start(t, "maxmemory-policy noeviction")
	p := open(t, "redis://"+s.Addr(), patient())
	spent := ask(1, 10, 10)
	recovers(t, p, spent)
	s.Do(t, "CONFIG", "SET", "maxmemory", "1")
	for _, a := range []limits.Ask{spent, ask(2, 1, 1)} {
		if given, err := p.Take(t.Context(), []limits.Ask{a}); err == nil && given[0].Tokens > 0 {
			t.Errorf("a full Redis gives %+v", given[0])
		}
	}
	s.Do(t, "CONFIG", "SET", "maxmemory", "0")
	given, err := p.Take(t.Context(), []limits.Ask{spent})
	if err != nil || given[0].Tokens > 0 {
		t.Errorf("what was spent is given again: %+v, %v", given, err)
	}
	recovers(t, p, ask(2, 1, 1))
	s.Do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-random")
	s.Do(t, "CONFIG", "SET", "maxmemory", "1")
	s.Do(t, "PING")
	s.Do(t, "CONFIG", "SET", "maxmemory", "0")
	recovers(t, p, spent)
}
