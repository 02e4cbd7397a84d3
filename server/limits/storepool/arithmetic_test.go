package storepool_test

import (
	"crypto/rand"
	"math"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// engines runs a test on a store of each kind.
func engines(t *testing.T, test func(t *testing.T, s *sqlstore.Store)) {
	t.Helper()
	ready := func(t *testing.T, s *sqlstore.Store, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if _, _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, s)
	}
	t.Run("SQLite", func(t *testing.T) {
		s, err := sqlstore.OpenSQLite(t.Context(), sqlstore.SQLiteConfig{Path: filepath.Join(t.TempDir(), "keystile.db")})
		ready(t, s, err)
	})
	t.Run("Postgres", func(t *testing.T) {
		s, err := sqlstore.OpenPostgres(t.Context(), sqlstore.PostgresConfig{URL: pgtest.NewDatabase(t)})
		ready(t, s, err)
	})
}

// newKey draws the name of a counter.
func newKey() limits.Key {
	var k limits.Key
	_, _ = rand.Read(k[:]) // it never fails
	return k
}

func drawRate(t *rapid.T) access.Rate {
	return access.Rate{
		Period:   time.Duration(rapid.Int64Range(0, 1000).Draw(t, "period")) * rapid.SampledFrom([]time.Duration{1, 1000, time.Millisecond, time.Second, 24 * time.Hour}).Draw(t, "unit"),
		Requests: rapid.SampledFrom([]int64{0, 1, 3, 7, 1000, 999_999_937, math.MaxInt64}).Draw(t, "requests"),
		Burst:    rapid.SampledFrom([]int64{0, 1, 2, 10, 1000, 1_000_000_000, math.MaxInt64}).Draw(t, "burst"),
	}
}

// counted is a RateStates that holds each answer to access.Pace: by the moment at which
// the store found it, it must be the same to the nanosecond.
type counted struct {
	t     *rapid.T
	s     storage.RateStates
	paces []access.Pace
	state *int64
}

func (c counted) check(take bool, asks []storage.RateAsk, given []storage.RateGiven) {
	for i, a := range asks {
		pace, g := &c.paces[i], given[i]
		if pace.Left(0, 0) == 0 {
			if g != (storage.RateGiven{}) {
				c.t.Fatalf("%+v: got %+v of what gives nothing", a, g)
			}
			continue
		}
		want := int64(0)
		if n := min(a.Want, pace.Left(*c.state, g.Now)); take && n >= a.Least {
			want = n
		}
		if want > 0 {
			*c.state, _ = pace.Take(*c.state, g.Now, want)
		}
		if g.Tokens != want || g.State != *c.state {
			c.t.Fatalf("%+v at %d: got %+v, want %d tokens and state %d", a, g.Now, g, want, *c.state)
		}
	}
}

// TestTheStoreCountsAsAccessDoes: the store's statements say the arithmetic once more.
func TestTheStoreCountsAsAccessDoes(t *testing.T) {
	engines(t, func(t *testing.T, s *sqlstore.Store) {
		rapid.Check(t, func(t *rapid.T) {
			key, state := newKey(), int64(0)
			for range rapid.IntRange(1, 12).Draw(t, "steps") {
				rate := drawRate(t)
				pace := rate.Pace()
				step, _ := pace.Take(0, 0, 1)
				burst := pace.Left(0, 0)
				ask := storage.RateAsk{ID: storage.CounterID(key), Interval: step, Burst: burst}
				ask.Least = max(1, min(rapid.Int64Range(1, 20).Draw(t, "least"), burst))
				ask.Want = ask.Least + rapid.SampledFrom([]int64{0, 1, 5, burst / 3, burst, math.MaxInt64 / 2}).Draw(t, "more")
				c := counted{t: t, s: s, paces: []access.Pace{pace, pace}, state: &state}
				asks := []storage.RateAsk{ask, ask}
				switch rapid.IntRange(0, 4).Draw(t, "what") {
				case 0:
					given, err := s.LookRates(t.Context(), asks)
					if err != nil {
						t.Fatal(err)
					}
					c.check(false, asks, given)
				case 1:
					tokens := rapid.Int64Range(0, max(1, burst)).Draw(t, "back")
					if err := s.ReturnRates(t.Context(), []storage.RateBack{{ID: ask.ID, Interval: step, Tokens: tokens}}); err != nil {
						t.Fatal(err)
					}
					state = max(0, pace.GiveBack(state, tokens))
				default:
					given, err := s.TakeRates(t.Context(), asks)
					if err != nil {
						t.Fatal(err)
					}
					c.check(true, asks, given)
				}
			}
		})
	})
}

// TestThePoolTellsOfThem: what the pool makes of the store's answers.
func TestThePoolTellsOfThem(t *testing.T) {
	engines(t, func(t *testing.T, s *sqlstore.Store) {
		p := storepool.NewPool(s)
		rate := access.Rate{Period: time.Hour, Requests: 1, Burst: 10}
		near := func(got, want time.Duration) bool { return got <= want && got > want-time.Minute }
		ask := func(want, least int64) []limits.Ask {
			return []limits.Ask{{Key: limits.Key{1}, Rate: rate, Want: want, Least: least}, {Key: limits.Key{2}, Want: 1, Least: 1}}
		}
		got, err := p.Take(t.Context(), ask(7, 1))
		if err != nil || got[0].Tokens != 7 || got[0].Left != 3 || !near(got[0].Reset, 7*time.Hour) || got[0].Retry != 0 {
			t.Errorf("Take: got %+v, %v", got, err)
		}
		if got[1] != (limits.Given{Retry: access.Never}) {
			t.Errorf("Take by no rate: got %+v", got[1])
		}
		got, err = p.Take(t.Context(), ask(5, 5))
		if err != nil || got[0].Tokens != 0 || got[0].Left != 3 || !near(got[0].Retry, 2*time.Hour) {
			t.Errorf("Take of too much: got %+v, %v", got, err)
		}
		if err := p.Return(t.Context(), []limits.Back{{Key: limits.Key{1}, Rate: rate, Tokens: 2}, {Key: limits.Key{1}, Tokens: 2}}); err != nil {
			t.Error(err)
		}
		if got, err = p.Look(t.Context(), ask(11, 11)); err != nil || got[0].Left != 5 || got[0].Retry != access.Never {
			t.Errorf("Look: got %+v, %v", got, err)
		}
		if err := p.Reset(t.Context(), []limits.Key{{1}}); err != nil {
			t.Error(err)
		}
		if got, err = p.Look(t.Context(), ask(1, 1)); err != nil || got[0] != (limits.Given{Left: 10}) {
			t.Errorf("Look after a reset: got %+v, %v", got, err)
		}
	})
}
