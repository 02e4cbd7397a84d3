package storagetest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/keystile/keystile/storage"
)

// testQuotasTogether: many sides draw on the same quotas in different orders, return
// some of it, and meanwhile credits are granted. What was taken in the end is the
// allowance, and never was it more.
func testQuotasTogether(t *testing.T, s *suite) {
	const quotas, sides, limit, grants = 30, 6, 40, 5
	var got [quotas]atomic.Int64
	id := func(n int) string { return fmt.Sprint("quota ", n) }
	together(sides+1, func(side int) {
		if side == sides {
			for n := range grants {
				s.grant(t, total(id(n), limit, 1, 1), 10)
			}
			return
		}
		order := make([]int, quotas)
		for i := range order {
			order[i] = i
		}
		if side%2 == 1 {
			slices.Reverse(order)
		}
		for round := 0; ; round++ {
			draws := make([]storage.QuotaDraw, len(order))
			for i, n := range order {
				draws[i] = total(id(n), limit, 3, 1)
				draws[i].Share = 2
			}
			drawn, err := s.store.TakeQuotas(t.Context(), draws)
			if err != nil {
				t.Errorf("side %d: %v", side, err)
				return
			}
			var back []storage.QuotaUnspent
			some := false
			for i, n := range order {
				taken := drawn[i].Taken
				some = some || taken > 0
				if taken == 3 && round%2 == 0 {
					back = append(back, storage.QuotaUnspent{ID: counterID(id(n)), Units: 1})
					taken--
				}
				got[n].Add(taken)
			}
			if err := s.store.ReturnQuotas(t.Context(), back); err != nil {
				t.Errorf("side %d: %v", side, err)
				return
			}
			if !some {
				return
			}
		}
	})
	// What was returned or granted after the last look.
	for n := range quotas {
		d := s.takeQuotas(t, total(id(n), limit, 1000, 1))[0]
		want := int64(limit)
		if n < grants {
			want += 10
		}
		if sum := got[n].Load() + d.Taken; sum != want || d.Allowance != want || d.Left != 0 {
			t.Errorf("quota %d: got %d units in all, %+v; want %d", n, sum, d, want)
		}
	}
}

// grant grants credits in a transaction of their own.
func (s *suite) grant(t *testing.T, to storage.QuotaDraw, credits int64) (after storage.QuotaDrawn) {
	t.Helper()
	s.write(t, func(tx storage.Tx) (err error) {
		after, err = tx.GrantCredits(to, credits)
		return err
	})
	return after
}

func testGrants(t *testing.T, s *suite) {
	s.populate(t)
	before := s.position(t)
	same(t, "a grant before the first draw", s.grant(t, total("q", 10, 0, 0), 5), drawn(0, 15, 15))
	s.draw(t, "after it", total("q", 10, 100, 1), drawn(15, 0, 15))
	same(t, "a grant to what is spent", s.grant(t, total("q", 10, 0, 0), 2), drawn(0, 2, 17))
	s.draw(t, "after it", total("q", 10, 1, 1), drawn(1, 1, 17))
	same(t, "a grant beside a lowered limit", s.grant(t, total("q", 1, 0, 0), 10), drawn(0, 2, 18))
	for _, credits := range []int64{0, -1, -1 << 63, 1e15 + 1, 1<<63 - 1} {
		s.refuse(t, storage.ErrInvalid, func(tx storage.Tx) error {
			_, err := tx.GrantCredits(total("q", 10, 1, 1), credits)
			return err
		})
	}
	s.refuse(t, storage.ErrInvalid, func(tx storage.Tx) error {
		_, err := tx.GrantCredits(total("q", -1, 1, 1), 1)
		return err
	})
	// Credits are of one period; what is left of them is carried over as the rest is.
	p := newPeriodic("p", 10, 10)
	same(t, "a grant begins a period", s.grant(t, p.draw(0, 0, 0), 5), drawn(0, 15, 15))
	s.draw(t, "in it", p.draw(0, 8, 1), drawn(8, 7, 15))
	same(t, "a grant begins the next", s.grant(t, p.draw(1, 0, 0), 1), drawn(0, 18, 18))
	s.draw(t, "in that", p.draw(1, 1, 1), drawn(1, 17, 18))
	s.draw(t, "the one after has no credits", p.draw(2, 1, 1), drawn(1, 19, 20))
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error {
		_, err := tx.GrantCredits(p.draw(1, 0, 0), 1)
		return err
	})
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error {
		_, err := tx.GrantCredits(p.draw(100, 0, 0), 1)
		return err
	})
	s.draw(t, "refused grants grant nothing", p.draw(2, 1, 1), drawn(1, 18, 20))

	// It goes with its transaction.
	s.refuse(t, errGivenUp, func(tx storage.Tx) error {
		if _, err := tx.GrantCredits(total("new", 10, 1, 1), 1); err != nil {
			return err
		}
		return errGivenUp
	})
	s.lookQuota(t, "a grant that was rolled back", total("new", 10, 1, 1), drawn(0, 10, 10))
	s.write(t, func(tx storage.Tx) error {
		tx.Audit("acme", day, []byte(`{"granted":1}`))
		for range 3 {
			if _, err := tx.GrantCredits(total("new", 10, 1, 1), 1); err != nil {
				return err
			}
		}
		return nil
	})
	s.draw(t, "granted thrice at once", total("new", 10, 1, 1), drawn(1, 12, 13))
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
	together(4, func(int) { s.grant(t, total("raced", 1, 1, 1), 1) })
	s.draw(t, "granted from four sides", total("raced", 1, 100, 1), drawn(5, 0, 5))
}

func testQuotaResets(t *testing.T, s *suite) {
	p := newPeriodic("p", 10, 10)
	s.grant(t, p.draw(0, 0, 0), 5)
	s.draw(t, "taken", p.draw(0, 12, 1), drawn(12, 3, 15))
	s.draw(t, "of another", total("q", 10, 10, 1), drawn(10, 0, 10))
	reset := func(resets ...storage.QuotaReset) {
		t.Helper()
		s.write(t, func(tx storage.Tx) error { return tx.ResetQuotas(resets) })
	}
	reset()
	reset(storage.QuotaReset{ID: counterID("q"), Period: 5}, storage.QuotaReset{ID: counterID("p"), Period: p.start - length},
		storage.QuotaReset{ID: counterID("none")})
	s.lookQuota(t, "a reset of another period", p.draw(0, 1, 1), drawn(0, 3, 15))
	s.lookQuota(t, "a reset of another period of the other", total("q", 10, 1, 1), drawn(0, 0, 10))
	reset(storage.QuotaReset{ID: counterID("q")}, storage.QuotaReset{ID: counterID("p"), Period: p.start})
	s.lookQuota(t, "a reset leaves the credits", p.draw(0, 1, 1), drawn(0, 15, 15))
	s.draw(t, "the other, reset", total("q", 10, 4, 1), drawn(4, 6, 10))
	// What was taken before comes back.
	s.returnQuotas(t, storage.QuotaUnspent{ID: counterID("q"), Units: 10})
	s.lookQuota(t, "no more than whole", total("q", 10, 1, 1), drawn(0, 10, 10))
}

// testQuotaPurge: what a purged tenant's quotas had goes with it.
func testQuotaPurge(t *testing.T, s *suite) {
	s.populate(t)
	s.write(t, func(tx storage.Tx) error {
		gone := newTenant("old")
		gone.State, gone.DeleteTime = storage.TenantDeleted, kept(day)
		return tx.CreateTenant(gone)
	})
	of := func(owner, name string) storage.QuotaDraw {
		d := total(name, 10, 4, 1)
		d.Owner = owner
		return d
	}
	s.takeQuotas(t, of("old", "1"), of("old", "2"), of("acme", "3"), of("OLD", "4"), of("", "5"))
	s.grant(t, of("old", "6"), 3)
	s.write(t, func(tx storage.Tx) error {
		_, err := tx.Purge(kept(day.AddDate(1, 0, 0)))
		return err
	})
	looked, err := s.store.LookQuotas(t.Context(), []storage.QuotaDraw{
		of("x", "1"), of("x", "2"), of("x", "3"), of("x", "4"), of("x", "5"), of("x", "6"),
	})
	wantError(t, "LookQuotas", err, nil)
	same(t, "after the purge", looked, []storage.QuotaDrawn{
		drawn(0, 10, 10), drawn(0, 10, 10), drawn(0, 6, 10), drawn(0, 6, 10), drawn(0, 6, 10), drawn(0, 10, 10),
	})
}
