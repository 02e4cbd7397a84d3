package access

import "time"

const secondsAnHour = 3600

func span(start, end time.Time) QuotaSpan {
	return QuotaSpan{Start: start.UnixMicro(), End: end.UnixMicro()}
}

// dates gives the span that holds a moment, where nth gives the start of the date
// that clocks show then, for 0, and of the dates after it. What clocks show may be
// a date that they had left already: then the moment belongs to the later one.
func dates(at time.Time, nth func(n int) time.Time) QuotaSpan {
	start, end := nth(0), nth(1)
	for n := 2; !end.After(at); n++ {
		start, end = end, nth(n)
	}
	return span(start, end)
}

// dateStart is the first moment at which a zone's clocks show a date, or a later one.
func dateStart(zone *time.Location, y int, m time.Month, d int) time.Time {
	midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	// No clock is 36 hours ahead of UTC, so the date is not reached there yet. From
	// there on one stretch of even time after the other is looked at.
	t := midnight.Add(-36 * time.Hour).In(zone)
	for {
		_, offset := t.Zone()
		until := evenUntil(t)
		shown := midnight.Add(-time.Duration(offset) * time.Second)
		switch {
		case !shown.After(t):
			return t // the clocks were put past midnight
		case until.IsZero() || shown.Before(until):
			return shown
		}
		t = until
	}
}

// evenUntil is the next moment at which the clocks of a time's zone are put, or may
// be; zero when they never are. For the last day of a leap year after 2037 package
// time says that they were put when it began; they are not before it ends.
func evenUntil(t time.Time) time.Time {
	_, until := t.ZoneBounds()
	if until.IsZero() || until.After(t) {
		return until
	}
	return t.Truncate(24 * time.Hour).Add(24 * time.Hour)
}

// hourShown counts the hour that clocks show, and gives the moment at which they
// showed its start, had they run evenly.
func hourShown(t time.Time) (hour, start int64) {
	_, offset := t.Zone()
	local := t.Unix() + int64(offset)
	past := (local%secondsAnHour + secondsAnHour) % secondsAnHour
	return (local - past) / secondsAnHour, t.Unix() - past
}

// hourStart is the start of the hour that holds a moment.
func hourStart(at time.Time) time.Time {
	_, start := hourShown(at)
	from, _ := at.ZoneBounds()
	if from.IsZero() || start >= from.Unix() {
		return time.Unix(start, 0)
	}
	// The clocks were put since.
	if beginsHour(from) {
		return from
	}
	return hourStart(from.Add(-time.Nanosecond))
}

// hourEnd is the first moment after the hour that holds a moment.
func hourEnd(at time.Time) time.Time {
	_, start := hourShown(at)
	until := evenUntil(at)
	if end := start + secondsAnHour; until.IsZero() || end < until.Unix() {
		return time.Unix(end, 0)
	}
	if beginsHour(until) {
		return until
	}
	return hourEnd(until)
}

// beginsHour tells whether an hour begins at a moment at which clocks are put: they
// show another hour than before, or a full one.
func beginsHour(put time.Time) bool {
	after, start := hourShown(put)
	before, _ := hourShown(put.Add(-time.Nanosecond))
	return after != before || start == put.Unix()
}
