package access_test

import (
	"math"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// oddZones are zones whose clocks do what clocks should not.
var oddZones = []string{
	"UTC", "Europe/Berlin", "America/New_York",
	"Asia/Kolkata", "Asia/Kathmandu", "Australia/Eucla", "Pacific/Chatham", // :30 and :45
	"Australia/Lord_Howe",                                                  // put by half an hour
	"America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "America/Asuncion", // midnight left out
	"America/Havana",                    // midnight comes twice
	"America/St_Johns",                  // put back at one minute past midnight, until 2011
	"Pacific/Apia", "Pacific/Kwajalein", // a date left out
	"Africa/Monrovia",  // 44 minutes and 30 seconds, until 1972
	"Antarctica/Troll", // put by two hours
	"Africa/Casablanca", "Asia/Pyongyang", "America/Caracas", "Pacific/Kiritimati", "Etc/GMT+12",
}

func zoneNamed(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// anyMoment is one near a change of a zone's clocks, or any other.
func anyMoment(t *rapid.T, zone *time.Location) time.Time {
	at := time.Unix(rapid.Int64Range(0, 2_500_000_000).Draw(t, "second"), rapid.Int64Range(0, 999_999).Draw(t, "micro")*1000).In(zone)
	if _, put := at.ZoneBounds(); !put.IsZero() && rapid.Bool().Draw(t, "near a change") {
		at = put.Add(time.Duration(rapid.Int64Range(-30*3600, 30*3600).Draw(t, "away")) * time.Second)
	}
	return at
}

// reached is the number of the date or month that clocks show, or have shown: what a
// patient person who looks at them every quarter of a minute notes.
func reached(zone *time.Location, from, to time.Time, number func(time.Time) int) int {
	most := math.MinInt
	for at := from; !at.After(to); at = at.Add(15 * time.Second) {
		most = max(most, number(at.In(zone)))
	}
	return max(most, number(to.In(zone)))
}

func dayNumber(at time.Time) int {
	y, m, d := at.Date()
	return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func monthNumber(at time.Time) int { return at.Year()*12 + int(at.Month()) }

// The span of a date goes from the moment at which clocks first show it to the one at
// which they first show a later one.
func TestQuotaDaysAndMonthsAreThoseThatClocksShow(t *testing.T) {
	for _, c := range []struct {
		period storage.QuotaPeriod
		number func(time.Time) int
	}{{storage.QuotaDay, dayNumber}, {storage.QuotaMonth, monthNumber}} {
		t.Run(string(c.period), rapid.MakeCheck(func(t *rapid.T) {
			zone := zoneNamed(t, rapid.SampledFrom(oddZones).Draw(t, "zone"))
			at := anyMoment(t, zone)
			s, ok := access.QuotaSpanAt(c.period, zone, at)
			if !ok || !s.Holds(at) {
				t.Fatalf("%v is not in its span %v", at, s)
			}
			start, end := time.UnixMicro(s.Start).In(zone), time.UnixMicro(s.End).In(zone)
			number := reached(zone, at.Add(-3*time.Hour), at, c.number)
			for _, look := range []struct {
				at   time.Time
				what string
				good func(int) bool
			}{
				{start.Add(-time.Microsecond), "just before the start", func(n int) bool { return n < number }},
				{start, "at the start", func(n int) bool { return n == number }},
				{end.Add(-time.Microsecond), "just before the end", func(n int) bool { return n == number }},
				{end, "at the end", func(n int) bool { return n > number }},
			} {
				if n := reached(zone, look.at.Add(-3*time.Hour), look.at, c.number); !look.good(n) {
					t.Fatalf("%v is in %v to %v, number %d; %s clocks have shown %d", at, start, end, number, look.what, n)
				}
			}
		}))
	}
}

// In all but the oddest places a day is what time.Date says it is.
func TestQuotaDaysAgreeWithTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneNamed(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Chatham"}).Draw(t, "zone"))
		at := anyMoment(t, zone)
		y, m, d := at.Date()
		got, _ := access.QuotaSpanAt(storage.QuotaDay, zone, at)
		want := access.QuotaSpan{Start: time.Date(y, m, d, 0, 0, 0, 0, zone).UnixMicro(), End: time.Date(y, m, d+1, 0, 0, 0, 0, zone).UnixMicro()}
		if got != want {
			t.Fatalf("the day of %v is %v, want %v", at, got, want)
		}
		got, _ = access.QuotaSpanAt(storage.QuotaMonth, zone, at)
		want = access.QuotaSpan{Start: time.Date(y, m, 1, 0, 0, 0, 0, zone).UnixMicro(), End: time.Date(y, m+1, 1, 0, 0, 0, 0, zone).UnixMicro()}
		if got != want {
			t.Fatalf("the month of %v is %v, want %v", at, got, want)
		}
	})
}

// An hour begins at every moment at which clocks show a full one, or have been put to
// another.
func TestQuotaHoursAreThoseThatClocksShow(t *testing.T) {
	begins := func(at time.Time) bool {
		before := at.Add(-time.Second)
		full := at.Minute() == 0 && at.Second() == 0
		_, o1 := before.Zone()
		_, o2 := at.Zone()
		if full || o1 == o2 {
			return full
		}
		return at.Hour() != before.Hour() || at.Day() != before.Day()
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneNamed(t, rapid.SampledFrom(oddZones).Draw(t, "zone"))
		at := anyMoment(t, zone)
		s, ok := access.QuotaSpanAt(storage.QuotaHour, zone, at)
		if !ok || !s.Holds(at) {
			t.Fatalf("%v is not in its span %v", at, s)
		}
		start := at.Truncate(time.Second)
		for !begins(start) {
			start = start.Add(-time.Second)
		}
		end := at.Truncate(time.Second).Add(time.Second)
		for !begins(end) {
			end = end.Add(time.Second)
		}
		if want := (access.QuotaSpan{Start: start.UnixMicro(), End: end.UnixMicro()}); s != want {
			t.Fatalf("the hour of %v is %v to %v, want %v to %v", at, time.UnixMicro(s.Start).In(zone), time.UnixMicro(s.End).In(zone), start, end)
		}
	})
}

// Periods follow one another without gap or overlap.
func TestQuotaPeriodsAreAPartition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := zoneNamed(t, rapid.SampledFrom(oddZones).Draw(t, "zone"))
		period := rapid.SampledFrom([]storage.QuotaPeriod{storage.QuotaHour, storage.QuotaDay, storage.QuotaMonth}).Draw(t, "period")
		s, _ := access.QuotaSpanAt(period, zone, anyMoment(t, zone))
		for _, at := range []int64{s.Start, s.End - 1, (s.Start + s.End) / 2} {
			if same, _ := access.QuotaSpanAt(period, zone, time.UnixMicro(at)); same != s {
				t.Fatalf("%v is in %v and in %v", at, s, same)
			}
		}
		if next, _ := access.QuotaSpanAt(period, zone, time.UnixMicro(s.End)); next.Start != s.End {
			t.Fatalf("after %v comes %v", s, next)
		}
		if before, ok := access.QuotaSpanBefore(period, zone, s); !ok || before.End != s.Start {
			t.Fatalf("before %v comes %v", s, before)
		}
	})
}

// Days and hours that were printed in calendars.
func TestQuotaSpansOfKnownDays(t *testing.T) {
	for _, c := range []struct {
		zone   string
		period storage.QuotaPeriod
		at     string
		length time.Duration
		start  string
	}{
		{"Europe/Berlin", storage.QuotaDay, "2026-03-29T12:00:00Z", 23 * time.Hour, "2026-03-28T23:00:00Z"},
		{"Europe/Berlin", storage.QuotaDay, "2026-10-25T12:00:00Z", 25 * time.Hour, "2026-10-24T22:00:00Z"},
		{"America/Sao_Paulo", storage.QuotaDay, "2018-11-04T12:00:00Z", 23 * time.Hour, "2018-11-04T03:00:00Z"},
		{"America/Havana", storage.QuotaDay, "2026-11-01T12:00:00Z", 25 * time.Hour, "2026-11-01T04:00:00Z"},
		{"Pacific/Apia", storage.QuotaDay, "2011-12-30T09:59:59Z", 24 * time.Hour, "2011-12-29T10:00:00Z"},
		{"Pacific/Apia", storage.QuotaDay, "2011-12-30T10:00:00Z", 24 * time.Hour, "2011-12-30T10:00:00Z"},
		{"America/St_Johns", storage.QuotaDay, "2010-11-07T03:00:00Z", 25 * time.Hour, "2010-11-07T02:30:00Z"},
		{"Australia/Lord_Howe", storage.QuotaHour, "2026-04-04T15:20:00Z", 90 * time.Minute, "2026-04-04T14:00:00Z"},
		{"Asia/Kolkata", storage.QuotaHour, "2026-04-04T15:20:00Z", time.Hour, "2026-04-04T14:30:00Z"},
		{"Europe/Berlin", storage.QuotaHour, "2026-10-25T01:10:00Z", time.Hour, "2026-10-25T01:00:00Z"},
		{"Europe/Berlin", storage.QuotaDay, "2048-12-31T12:00:00Z", 24 * time.Hour, "2048-12-30T23:00:00Z"},
		{"Europe/Berlin", storage.QuotaHour, "2048-12-31T12:10:00Z", time.Hour, "2048-12-31T12:00:00Z"},
		{"UTC", storage.QuotaMonth, "2024-02-29T01:10:00Z", 29 * 24 * time.Hour, "2024-02-01T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := access.QuotaSpanAt(c.period, zoneNamed(t, c.zone), at)
		start := time.UnixMicro(s.Start).UTC().Format(time.RFC3339)
		if length := time.Duration(s.End-s.Start) * time.Microsecond; start != c.start || length != c.length {
			t.Errorf("%s %s of %s: from %s, %v; want from %s, %v", c.zone, c.period, c.at, start, length, c.start, c.length)
		}
	}
}

func TestQuotaSpanWithoutPeriod(t *testing.T) {
	s, ok := access.QuotaSpanAt(storage.QuotaTotal, nil, time.Unix(1e9, 0))
	if want := (access.QuotaSpan{End: math.MaxInt64}); !ok || s != want {
		t.Errorf("TOTAL: %v", s)
	}
	if _, ok := access.QuotaSpanBefore(storage.QuotaTotal, nil, s); ok {
		t.Error("something came before TOTAL")
	}
	for _, period := range []storage.QuotaPeriod{"", "WEEK"} {
		if s, ok := access.QuotaSpanAt(period, nil, time.Unix(1e9, 0)); ok || s.Holds(time.Unix(0, 0)) {
			t.Errorf("%q has the span %v", period, s)
		}
	}
}

func TestQuotaCarry(t *testing.T) {
	for _, c := range []struct {
		refill              storage.QuotaRefill
		left, skipped, want int64
	}{
		{storage.QuotaReplace, 50, 0, 0},
		{"", 50, 3, 0},
		{storage.QuotaAdd, 50, 0, 50},
		{storage.QuotaAdd, 0, 0, 0},
		{storage.QuotaAdd, 150, 0, 100}, // one limit at the most
		{storage.QuotaAdd, -7, 0, 0},    // the limit was lowered below what was spent
		{storage.QuotaAdd, 0, 1, 100},   // a whole period went unused
		{storage.QuotaAdd, 150, 9, 100},
	} {
		q := storage.Quota{Limit: 100, Refill: c.refill}
		if got := access.QuotaCarry(&q, c.left, c.skipped); got != c.want {
			t.Errorf("%+v: carries %d", c, got)
		}
	}
}

// Carrying over period by period gives the same as doing it at once.
func TestQuotaCarryDoesNotDependOnWhenItIsDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := storage.Quota{Limit: rapid.Int64Range(1, 1e15).Draw(t, "limit"), Refill: storage.QuotaAdd}
		left := rapid.Int64Range(-1e15, 2e15).Draw(t, "left")
		skipped := rapid.Int64Range(0, 20).Draw(t, "skipped")
		step := access.QuotaCarry(&q, left, 0)
		for range skipped {
			step = access.QuotaCarry(&q, q.Limit+step, 0)
		}
		if once := access.QuotaCarry(&q, left, skipped); once != step {
			t.Fatalf("%d at once, %d step by step", once, step)
		}
	})
}
