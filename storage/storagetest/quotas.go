package storagetest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// total draws on a quota without periods.
func total(name string, limit, want, least int64) storage.QuotaDraw {
	return storage.QuotaDraw{ID: counterID(name), Owner: "acme", Limit: limit, Next: math.MaxInt64, Want: want, Least: least, Share: 1}
}

func (s *suite) takeQuotas(t *testing.T, draws ...storage.QuotaDraw) []storage.QuotaDrawn {
	t.Helper()
	drawn, err := s.store.TakeQuotas(t.Context(), draws)
	if err != nil || len(drawn) != len(draws) {
		t.Fatalf("TakeQuotas: got %d answers, %v; want %d", len(drawn), err, len(draws))
	}
	return drawn
}

// draw draws once.
func (s *suite) draw(t *testing.T, what string, d storage.QuotaDraw, want storage.QuotaDrawn) {
	t.Helper()
	same(t, what, s.takeQuotas(t, d)[0], want)
}

func (s *suite) lookQuota(t *testing.T, what string, d storage.QuotaDraw, want storage.QuotaDrawn) {
	t.Helper()
	got, err := s.store.LookQuotas(t.Context(), []storage.QuotaDraw{d})
	wantError(t, "LookQuotas", err, nil)
	same(t, what, got, []storage.QuotaDrawn{want})
}

func (s *suite) returnQuotas(t *testing.T, back ...storage.QuotaUnspent) {
	t.Helper()
	wantError(t, "ReturnQuotas", s.store.ReturnQuotas(t.Context(), back), nil)
}

func drawn(taken, left, allowance int64) storage.QuotaDrawn {
	return storage.QuotaDrawn{Taken: taken, Left: left, Allowance: allowance}
}

func testQuotas(t *testing.T, s *suite) {
	before := s.position(t)
	q := func(want, least int64) storage.QuotaDraw { return total("q", 100, want, least) }
	s.lookQuota(t, "a quota of which nothing is kept", q(1, 1), drawn(0, 100, 100))
	s.draw(t, "more than there is", q(101, 101), drawn(0, 100, 100))
	s.draw(t, "the first", q(30, 1), drawn(30, 70, 100))
	s.draw(t, "as much as there is", q(500, 70), drawn(70, 0, 100))
	s.draw(t, "of nothing", q(1, 1), drawn(0, 0, 100))
	s.lookQuota(t, "nothing", q(1, 1), drawn(0, 0, 100))
	s.returnQuotas(t)
	s.returnQuotas(t, storage.QuotaUnspent{ID: counterID("q"), Units: 5}, storage.QuotaUnspent{ID: counterID("none"), Units: 5},
		storage.QuotaUnspent{ID: counterID("q"), Units: 6}, storage.QuotaUnspent{ID: counterID("q"), Period: 7, Units: 50},
		storage.QuotaUnspent{ID: counterID("q"), Units: -50}, storage.QuotaUnspent{})
	s.draw(t, "what came back", q(1, 1), drawn(1, 10, 100))

	// A changed limit goes for what is left at once.
	s.draw(t, "a raised limit", total("q", 150, 1, 1), drawn(1, 59, 150))
	s.draw(t, "a lowered one", total("q", 50, 1, 1), drawn(0, 0, 50))
	s.returnQuotas(t, storage.QuotaUnspent{ID: counterID("q"), Units: 50})
	s.draw(t, "a lowered one, of which some came back", total("q", 50, 1, 1), drawn(1, 8, 50))

	// Of what is left beyond Least, a share.
	share := func(want, least, share int64) storage.QuotaDraw {
		d := total("s", 100, want, least)
		d.Share = share
		return d
	}
	s.draw(t, "a share", share(1000, 1, 10), drawn(10, 90, 100))
	s.draw(t, "less than a share", share(3, 1, 10), drawn(3, 87, 100))
	s.draw(t, "a share beyond the least", share(1000, 77, 4), drawn(79, 8, 100))
	s.draw(t, "near the end a share is nothing", share(1000, 1, 10), drawn(1, 7, 100))
	s.draw(t, "all at once", share(1000, 7, 10), drawn(7, 0, 100))
	// More came back than was taken; it is not more than whole.
	s.returnQuotas(t, storage.QuotaUnspent{ID: counterID("s"), Units: math.MaxInt64}, storage.QuotaUnspent{ID: counterID("s"), Units: math.MaxInt64})
	s.draw(t, "a whole one", share(1000, 1, 1), drawn(100, 0, 100))

	// What makes no sense takes nothing, and fails no other.
	bad := []storage.QuotaDraw{
		{}, total("s", -1, 1, 1), total("s", 1e15+1, 1, 1), total("s", math.MaxInt64, 1, 1), total("t", 10, 1, 0), total("t", 10, 1, 2), total("t", 10, -1, -1),
		{ID: counterID("t"), Limit: 10, Next: math.MaxInt64, Want: 1, Least: 1}, {ID: counterID("t"), Limit: 10, Want: 1, Least: 1, Share: 1},
		{ID: counterID("t"), Owner: "nul\x00byte", Limit: 10, Next: math.MaxInt64, Want: 1, Least: 1, Share: 1},
		{ID: counterID("t"), Limit: 10, Carry: -1, Next: math.MaxInt64, Want: 1, Least: 1, Share: 1},
	}
	got := s.takeQuotas(t, append(slices.Clone(bad), total("t", 1e15, math.MaxInt64, 1), total("zero", 0, 1, 1))...)
	same(t, "senseless draws", got[:len(bad)], make([]storage.QuotaDrawn, len(bad)))
	same(t, "sensible ones", got[len(bad):], []storage.QuotaDrawn{drawn(1e15, 0, 1e15), {}})
	wantError(t, "ForgetQuotas", s.store.ForgetQuotas(t.Context()), nil)
	s.lookQuota(t, "what has no periods is not forgotten", total("t", 1e15, 1, 1), drawn(0, 0, 1e15))
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}

// periodic draws on a quota's periods by their numbers: the one that begins with the
// test is 0. They are so short that the minute that clocks may differ by holds many.
type periodic struct {
	name         string
	start        int64
	limit, carry int64
}

func newPeriodic(name string, limit, carry int64) periodic {
	return periodic{name: name, start: time.Now().UnixMicro(), limit: limit, carry: carry}
}

// length is how long a period lasts, in microseconds.
const length = int64(time.Second / time.Microsecond)

func (p periodic) draw(n, want, least int64) storage.QuotaDraw {
	start := p.start + n*length
	return storage.QuotaDraw{
		ID: counterID(p.name), Owner: "acme", Limit: p.limit, Carry: p.carry,
		Period: start, Next: start + length, Previous: start - length, Want: want, Least: least, Share: 1,
	}
}

func (p periodic) unspent(n, units int64) storage.QuotaUnspent {
	return storage.QuotaUnspent{ID: counterID(p.name), Period: p.start + n*length, Units: units}
}

func testQuotaPeriods(t *testing.T, s *suite) {
	untimely := storage.QuotaDrawn{Untimely: true}
	plain := newPeriodic("plain", 10, 0)
	s.draw(t, "the first period", plain.draw(0, 4, 1), drawn(4, 6, 10))
	s.lookQuota(t, "the next, before it begins", plain.draw(1, 1, 1), drawn(0, 10, 10))
	s.draw(t, "which does not begin it", plain.draw(0, 1, 1), drawn(1, 5, 10))
	s.draw(t, "the next", plain.draw(1, 1, 1), drawn(1, 9, 10))
	s.draw(t, "the first is over", plain.draw(0, 1, 1), untimely)
	s.lookQuota(t, "the first is over for who looks too", plain.draw(0, 1, 1), untimely)
	s.returnQuotas(t, plain.unspent(0, 3), plain.unspent(1, 0))
	s.draw(t, "what comes back too late", plain.draw(1, 1, 1), drawn(1, 8, 10))
	s.returnQuotas(t, plain.unspent(0, 3), plain.unspent(1, 2))
	s.draw(t, "what comes back in time", plain.draw(1, 1, 1), drawn(1, 9, 10))
	s.draw(t, "a period begins though nothing is taken", plain.draw(2, 11, 11), drawn(0, 10, 10))
	s.draw(t, "and the one before is over", plain.draw(1, 1, 1), untimely)

	carrying := newPeriodic("carrying", 10, 10)
	s.draw(t, "what nothing is kept of carries nothing over", carrying.draw(0, 4, 1), drawn(4, 6, 10))
	s.lookQuota(t, "carried over, if it began", carrying.draw(1, 1, 1), drawn(0, 16, 16))
	s.draw(t, "carried over", carrying.draw(1, 1, 1), drawn(1, 15, 16))
	s.draw(t, "carried over is one limit at the most", carrying.draw(2, 20, 1), drawn(20, 0, 20))
	s.draw(t, "nothing was left", carrying.draw(3, 1, 1), drawn(1, 9, 10))
	s.returnQuotas(t, carrying.unspent(3, 1))
	s.draw(t, "a whole period went unused", carrying.draw(5, 1, 1), drawn(1, 19, 20))
	s.draw(t, "two did", carrying.draw(8, 20, 1), drawn(20, 0, 20))
	carrying.limit = 7
	s.draw(t, "a lowered limit leaves what was carried", carrying.draw(8, 1, 1), drawn(0, 0, 17))
	s.returnQuotas(t, carrying.unspent(8, 9))
	s.draw(t, "a lowered limit carries what is left of it", carrying.draw(9, 1, 1), drawn(1, 12, 13))
	carrying.carry = 2
	s.draw(t, "a lowered carry", carrying.draw(10, 1, 1), drawn(1, 8, 9))

	// The store's clock decides which period it is.
	const minute = 60 * length
	at := time.Now().UnixMicro()
	clocked := func(name string, from, to int64) storage.QuotaDraw {
		return storage.QuotaDraw{
			ID: counterID(name), Limit: 10, Period: at + from, Next: at + to, Previous: at + from - 1, Want: 1, Least: 1, Share: 1,
		}
	}
	s.draw(t, "over for nearly a minute", clocked("c1", -minute, -minute/2), drawn(1, 9, 10))
	s.draw(t, "over for more", clocked("c2", -3*minute, -minute-length), untimely)
	s.draw(t, "begins in less than a minute", clocked("c3", minute/2, minute), drawn(1, 9, 10))
	s.draw(t, "begins in more", clocked("c4", minute*3/2, 2*minute), untimely)
	s.lookQuota(t, "over for more", clocked("c2", -3*minute, -minute-length), untimely)
	s.lookQuota(t, "and nothing was kept", clocked("c4", -minute, minute), drawn(0, 10, 10))
}

// testManyQuotas draws on many at once, on some of them twice.
func testManyQuotas(t *testing.T, s *suite) {
	const many = 450
	var draws []storage.QuotaDraw
	var back []storage.QuotaUnspent
	for i := range many {
		draws = append(draws, total(fmt.Sprint(i%300), 10, 4, 3))
		back = append(back, storage.QuotaUnspent{ID: counterID(fmt.Sprint(i % 300)), Units: 4})
	}
	for range 2 {
		for i, d := range s.takeQuotas(t, draws...) {
			want := drawn(4, 6, 10)
			if i >= 300 {
				want = drawn(4, 2, 10)
			}
			if d != want {
				t.Fatalf("draw %d: got %+v, want %+v", i, d, want)
			}
		}
		s.returnQuotas(t, back...)
	}
	same(t, "nothing drawn", s.takeQuotas(t), []storage.QuotaDrawn{})
}
