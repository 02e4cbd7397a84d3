package redispool

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/internal/redistest"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// frozen is a pool whose scripts read a clock that the test sets.
type frozen struct{ *Pool }

func newFrozen(t *testing.T) frozen {
	t.Helper()
	p, err := Open("redis://"+redistest.Start(t).Addr(), Options{Budget: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	for _, s := range []*script{&p.take, &p.giveBack} {
		text := strings.Replace(s.text, "redis.call('TIME')", "redis.call('LRANGE', 'clock', 0, 1)", 1)
		// Redis lets a key go by its own clock, and this test is elsewhere in time.
		text = strings.Replace(text, ", 'PX', math.ceil(owedU / 1000) + 1000", "", 1)
		if strings.Contains(text, "TIME") || strings.Contains(text, "PX") {
			t.Fatal("the scripts are not what this test takes them for")
		}
		*s = newScript(text)
	}
	return frozen{p}
}

type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// set sets the clock, in microseconds.
func (f frozen) set(t fatal, now int64) {
	t.Helper()
	pipe := f.client.TxPipeline()
	pipe.Del(context.Background(), "clock")
	pipe.RPush(context.Background(), "clock", now/1_000_000, now%1_000_000)
	if _, err := pipe.Exec(context.Background()); err != nil {
		t.Fatalf("the clock: %v", err)
	}
}

// The scripts decide as access.Pace does, token for token, at any time.
func TestScriptsCountAsAccessDoes(t *testing.T) {
	p := newFrozen(t)
	rapid.Check(t, func(t *rapid.T) {
		key := limits.Key([]byte(fmt.Sprintf("%016d", rapid.Uint32().Draw(t, "key"))))
		if err := p.Reset(t.Context(), []limits.Key{key}); err != nil {
			t.Fatal(err)
		}
		rate := drawRate(t)
		now, tat := int64(1_792_000_000_000_000), int64(0)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			pace := newPace(rate)
			// What may owe 73 years is to stay in the centuries that the scripts are for.
			now += drawNumber(t, "passes", min(int64(pace.Reset(tat, now*1000))/1000+2, (6_600_000_000_000_000-now)/2))
			p.set(t, now)
			most := pace.burst + 1
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				n := min(drawNumber(t, "tokens", most), pace.burst)
				if err := p.Return(t.Context(), []limits.Back{{Key: key, Rate: rate, Tokens: n}}); err != nil {
					t.Fatal(err)
				}
				tat = max(pace.GiveBack(tat, n), 0)
			} else {
				least := 1 + drawNumber(t, "least", most)
				ask := limits.Ask{Key: key, Rate: rate, Least: least, Want: least + drawNumber(t, "want", most)}
				var want limits.Given
				if n := min(ask.Want, pace.Left(tat, now*1000)); n >= least {
					next, ok := pace.Take(tat, now*1000, n)
					if !ok {
						t.Fatalf("access gives no %d", n)
					}
					tat, want.Tokens = next, n
				}
				want.Left, want.Reset = pace.Left(tat, now*1000), (pace.Reset(tat, now*1000)+999)/1000*1000
				if want.Tokens == 0 {
					if want.Retry = pace.Retry(tat, now*1000, least); want.Retry != access.Never {
						want.Retry = (want.Retry + 999) / 1000 * 1000
					}
				}
				given, err := p.Take(t.Context(), []limits.Ask{ask})
				if err != nil {
					t.Fatal(err)
				}
				if given[0] != want {
					t.Fatalf("%+v at %d: got %+v, want %+v", ask, now, given[0], want)
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "change") == 0 {
				rate = drawRate(t)
			}
		}
	})
}

// At the ends of what doubles hold, a quotient comes out below a whole number that it
// is.
func TestAQuotientThatIsRoundedDown(t *testing.T) {
	p := newFrozen(t)
	p.set(t, 1_792_000_000_000_000)
	for _, c := range []struct{ period, burst, left int64 }{
		{72399717223787401, 31, 25}, {31257678620673558, 73, 13}, {32949134404696252, 69, 57}, {13461290872932751, 171, 113},
	} {
		rate := access.Rate{Period: time.Duration(c.period), Requests: 1, Burst: c.burst}
		key := limits.Key([]byte(fmt.Sprintf("%016d", c.left)))
		given, err := p.Take(t.Context(), []limits.Ask{
			{Key: key, Rate: rate, Want: c.burst - c.left, Least: 1},
			{Key: key, Rate: rate, Want: c.burst, Least: 1},
		})
		if err != nil || given[0].Left != c.left || given[1].Tokens != c.left {
			t.Errorf("%+v: got %+v, %v, want %d left, and then taken", rate, given, err, c.left)
		}
	}
}

// drawNumber draws a number from 0 to most, small ones and large ones alike.
func drawNumber(t *rapid.T, name string, most int64) int64 {
	n := max(most, 0) / rapid.SampledFrom([]int64{1, 1, 2, 3, 17, 1000, 1_000_000_007}).Draw(t, name+" by")
	return min(max(most, 0), max(0, n+rapid.Int64Range(-2, 2).Draw(t, name)))
}

func drawRate(t *rapid.T) access.Rate {
	power := func(name string, most int) int64 {
		n := int64(1)
		for range rapid.IntRange(0, most).Draw(t, name) {
			n *= 10
		}
		return rapid.Int64Range(n, 10*n).Draw(t, name)
	}
	return access.Rate{
		Period:   time.Duration(power("period", 15)),
		Requests: power("requests", 12),
		Burst:    power("burst", 17) - 1,
	}
}
