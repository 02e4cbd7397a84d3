package redispool_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/keystile/keystile/internal/redistest"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/pooltest"
	"github.com/keystile/keystile/server/limits/redispool"
)

func TestMain(m *testing.M) {
	redispool.LogTo(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// patient is for tests that are not about time: this machine may be busy.
func patient() redispool.Options { return redispool.Options{Budget: 10 * time.Second} }

func open(t testing.TB, url string, o redispool.Options) *redispool.Pool {
	t.Helper()
	p, err := redispool.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func conform(t *testing.T, url string) {
	t.Helper()
	pooltest.Run(t, func(t *testing.T) limits.Pool { return open(t, url, patient()) }, pooltest.Clock{Grain: time.Microsecond})
}

func TestSingle(t *testing.T) {
	conform(t, "redis://"+redistest.Start(t).Addr()+"/5")
}

func TestCluster(t *testing.T) {
	c := redistest.StartCluster(t)
	conform(t, "redis+cluster://"+c.Addrs())
	for _, s := range c.Masters {
		if keys := s.Do(t, "DBSIZE"); keys == int64(0) {
			t.Errorf("%s holds no counter", s.Addr())
		}
	}
}

func slow(burst int64) access.Rate {
	return access.Rate{Period: time.Hour, Requests: 1, Burst: burst}
}

func ask(name byte, want, least int64) limits.Ask {
	return limits.Ask{Key: limits.Key{name}, Rate: slow(10), Want: want, Least: least}
}

func TestMoreReturnedThanCanBeCounted(t *testing.T) {
	p := open(t, "redis://"+redistest.Start(t).Addr(), patient())
	for _, rate := range []access.Rate{slow(10), {Period: time.Second, Requests: 1_000_000_000}, {Period: 31 * 24 * time.Hour, Requests: 7, Burst: 100}} {
		a := limits.Ask{Key: limits.Key{byte(rate.Requests)}, Rate: rate, Want: 1 << 62, Least: 5}
		whole := take(t, p, a)[0].Tokens
		for _, n := range []int64{0, -3, -1 << 62} {
			if err := p.Return(t.Context(), []limits.Back{{Key: a.Key, Rate: rate, Tokens: n}}); err != nil {
				t.Error(err)
			}
		}
		if err := p.Return(t.Context(), []limits.Back{{Key: a.Key, Rate: rate, Tokens: 1 << 62}}); err != nil {
			t.Error(err)
		}
		if got := take(t, p, a)[0]; got.Tokens != whole {
			t.Errorf("%+v: got %+v, want the whole %d", rate, got, whole)
		}
	}
}

// take takes, and fails the test where that fails.
func take(t *testing.T, p limits.Pool, asks ...limits.Ask) []limits.Given {
	t.Helper()
	given, err := p.Take(t.Context(), asks)
	if err != nil {
		t.Fatal(err)
	}
	return given
}

func TestKeysExpireOnceWhole(t *testing.T) {
	s := redistest.Start(t)
	p := open(t, "redis://"+s.Addr(), patient())
	a := ask(7, 3, 3)
	a.Rate = access.Rate{Period: 3 * time.Second, Requests: 3}
	take(t, p, a)
	key := "ks:l:BwAAAAAAAAAAAAAAAAAAAA"
	if left, _ := s.Do(t, "PTTL", key).(int64); left < 2000 || left > 4001 {
		t.Errorf("expires in %d ms, want 3 s until it is whole and 1 s more", left)
	}
	if err := p.Return(t.Context(), []limits.Back{{Key: a.Key, Rate: a.Rate, Tokens: 2}}); err != nil {
		t.Fatal(err)
	}
	if left, _ := s.Do(t, "PTTL", key).(int64); left < 1 || left > 2001 {
		t.Errorf("expires in %d ms, want 1 s until it is whole and 1 s more", left)
	}
	if err := p.Return(t.Context(), []limits.Back{{Key: a.Key, Rate: a.Rate, Tokens: 1}}); err != nil {
		t.Fatal(err)
	}
	if keys := s.Do(t, "DBSIZE"); keys != int64(0) {
		t.Errorf("%v keys are left of what is whole", keys)
	}
	// A look writes nothing.
	if _, err := p.Look(t.Context(), []limits.Ask{a}); err != nil {
		t.Fatal(err)
	}
	if keys := s.Do(t, "DBSIZE"); keys != int64(0) {
		t.Errorf("a look wrote %v keys", keys)
	}
}

func TestWhatIsNoStateIsSpent(t *testing.T) {
	s := redistest.Start(t)
	p := open(t, "redis://"+s.Addr(), patient())
	for name, write := range map[string][]any{
		"words":       {"SET", "spent, I'd say"},
		"a list":      {"RPUSH", "x"},
		"nothing":     {"SET", ""},
		"below 0":     {"SET", "-1792000000000000000"},
		"a fraction":  {"SET", "1792000000000000.5"},
		"too long":    {"SET", "99999999999999999999"},
		"far in time": {"SET", "9999999999999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			key := "ks:l:BwAAAAAAAAAAAAAAAAAAAA"
			s.Do(t, "DEL", key)
			s.Do(t, append([]any{write[0], key}, write[1:]...)...)
			whole := limits.Given{Reset: 10 * time.Hour, Retry: time.Hour}
			if got := take(t, p, ask(7, 1, 1))[0]; got != whole {
				t.Errorf("got %+v, want %+v", got, whole)
			}
			if err := p.Return(t.Context(), []limits.Back{{Key: limits.Key{7}, Rate: slow(10), Tokens: 1}}); err != nil {
				t.Fatal(err)
			}
			if got := take(t, p, ask(7, 5, 1), ask(7, 5, 1)); got[0].Tokens != 1 || got[1].Tokens != 0 {
				t.Errorf("got %+v, want the one that came back", got)
			}
		})
	}
}

func TestScriptsAreSentWhereTheyAreNotKnown(t *testing.T) {
	c := redistest.StartCluster(t)
	p := open(t, "redis+cluster://"+c.Addrs(), patient())
	for round := range int64(3) {
		var asks []limits.Ask
		var back []limits.Back
		for i := range byte(20) {
			asks = append(asks, ask(i, 2, 1))
			back = append(back, limits.Back{Key: limits.Key{i}, Rate: slow(10), Tokens: 1})
		}
		for i, got := range take(t, p, asks...) {
			if got.Tokens != 2 || got.Left != 8-round {
				t.Errorf("ask %d: got %+v, want 2 and %d left", i, got, 8-round)
			}
		}
		if err := p.Return(t.Context(), back); err != nil {
			t.Fatal(err)
		}
		// One forgets, and the others know.
		c.Masters[round].Do(t, "SCRIPT", "FLUSH")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := redistest.Start(t)
	o := patient()
	o.Connections = 3
	p := open(t, "redis://"+s.Addr(), o)
	var group sync.WaitGroup
	for i := range byte(50) {
		group.Go(func() {
			for range 20 {
				if _, err := p.Take(t.Context(), []limits.Ask{ask(i, 1, 1)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	list := fmt.Sprint(s.Do(t, "CLIENT", "LIST"))
	if n := strings.Count(list, "name=keystile "); n < 1 || n > 3 {
		t.Errorf("got %d connections, want at most 3:\n%s", n, list)
	}
}

func TestPing(t *testing.T) {
	s := redistest.Start(t, "requirepass pa55/word")
	for url, fails := range map[string]string{
		"redis://:pa55%2Fword@" + s.Addr():        "",
		"redis://default:pa55%2Fword@" + s.Addr(): "",
		"redis://:wrong-word@" + s.Addr():         "WRONGPASS",
		"redis://" + s.Addr():                     "NOAUTH",
	} {
		p := open(t, url, redispool.Options{})
		err := p.Ping(t.Context())
		switch {
		case fails == "" && err != nil:
			t.Errorf("%s: %v", url, err)
		case fails != "" && (err == nil || !strings.Contains(err.Error(), fails)):
			t.Errorf("%s: got %v, want %s", url, err, fails)
		case err != nil && strings.Contains(err.Error(), "word@"), strings.Contains(p.String(), "word"):
			t.Errorf("%s: %v of %v tells the password", url, err, p)
		}
	}
}
