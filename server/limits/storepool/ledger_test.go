package storepool_test

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/storepool"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

// book is a Ledger's quota as it is meant.
type book struct {
	kept                            bool
	period, spent, carried, granted int64
}

// at gives the book as of a draw's period; false when that is untimely.
func (b book) at(d *limits.Draw, now int64) (book, bool) {
	const minute = int64(time.Minute / time.Microsecond)
	switch {
	case d.Next != math.MaxInt64 && (now >= d.Next+minute || now < d.Period-minute), b.kept && b.period > d.Period:
		return b, false
	case !b.kept:
		return book{kept: true, period: d.Period}, true
	case b.period == d.Period:
		return b, true
	case b.period == d.Previous:
		return book{kept: true, period: d.Period, carried: min(d.Carry, b.left(d))}, true
	}
	return book{kept: true, period: d.Period, carried: d.Carry}, true
}

func (b book) left(d *limits.Draw) int64 { return max(0, b.allowance(d)-b.spent) }

func (b book) allowance(d *limits.Draw) int64 { return d.Limit + b.carried + b.granted }

// TestTheLedgerIsAsItIsMeant holds it to the book by a clock that moves from period to
// period, and now and then over many.
func TestTheLedgerIsAsItIsMeant(t *testing.T) {
	const hour = int64(time.Hour / time.Microsecond)
	begins := time.UnixMicro(1000 * hour)
	now := begins
	s, err := sqlstore.OpenSQLite(t.Context(), sqlstore.SQLiteConfig{
		Path: filepath.Join(t.TempDir(), "keystile.db"), Options: sqlstore.Options{Now: func() time.Time { return now }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := storepool.NewLedger(s)
	rapid.Check(t, func(t *rapid.T) {
		key, b := newKey(), book{}
		now = begins
		draw := func() limits.Draw {
			d := limits.Draw{
				Key: key, Owner: "acme", Limit: rapid.Int64Range(0, 30).Draw(t, "limit"), Least: rapid.Int64Range(1, 5).Draw(t, "least"),
				Share: rapid.Int64Range(1, 4).Draw(t, "share"),
			}
			d.Want = d.Least + rapid.Int64Range(0, 20).Draw(t, "more")
			d.Carry = rapid.Int64Range(0, 1).Draw(t, "carries") * d.Limit
			d.Period = now.UnixMicro()/hour*hour + rapid.SampledFrom([]int64{0, 0, 0, 0, -hour, hour}).Draw(t, "off")
			d.Next, d.Previous = d.Period+hour, d.Period-hour
			return d
		}
		want := func(d *limits.Draw, take bool) limits.Drawn {
			at, timely := b.at(d, now.UnixMicro())
			if !timely {
				return limits.Drawn{Untimely: true}
			}
			out := limits.Drawn{Left: at.left(d), Allowance: at.allowance(d)}
			if !take {
				return out
			}
			if out.Left >= d.Least {
				out.Taken = d.Least + min(d.Want-d.Least, (out.Left-d.Least)/d.Share)
			}
			out.Left -= out.Taken
			b = at
			b.spent += out.Taken
			return out
		}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			d := draw()
			switch rapid.IntRange(0, 6).Draw(t, "what") {
			case 0:
				got, err := l.Look(t.Context(), []limits.Draw{d})
				if want := want(&d, false); err != nil || got[0] != want {
					t.Fatalf("look %+v: got %+v, %v, want %+v", d, got, err, want)
				}
			case 1:
				units := rapid.Int64Range(0, max(0, b.spent)).Draw(t, "units")
				if err := l.Return(t.Context(), []limits.Unspent{{Key: key, Period: d.Period, Units: units}}); err != nil {
					t.Fatal(err)
				}
				if b.kept && b.period == d.Period {
					b.spent -= units
				}
			case 2:
				credits := rapid.Int64Range(1, 10).Draw(t, "credits")
				at, timely := b.at(&d, now.UnixMicro())
				_, err := s.Write(t.Context(), func(tx storage.Tx) error {
					_, err := tx.GrantCredits(storepool.QuotaDraw(&d), credits)
					return err
				})
				if (err == nil) != timely {
					t.Fatalf("grant to %+v: got %v", d, err)
				}
				if timely {
					b = at
					b.granted += credits
				}
			case 3:
				now = now.Add(time.Duration(rapid.SampledFrom([]int64{1, 20, 55, 61, 190}).Draw(t, "minutes")) * time.Minute)
			default:
				got, err := l.Take(t.Context(), []limits.Draw{d})
				if want := want(&d, true); err != nil || got[0] != want {
					t.Fatalf("draw %+v: got %+v, %v, want %+v", d, got, err, want)
				}
			}
		}
	})
}
