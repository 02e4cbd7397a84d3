package access

import (
	"math"
	"time"

	"github.com/keystile/keystile/storage"
)

// QuotaSpan is one period of a quota: from Start to before End, in microseconds
// since the Unix epoch. The zero QuotaSpan holds no moment.
type QuotaSpan struct {
	Start, End int64
}

// Holds tells whether a moment lies in the span.
func (s QuotaSpan) Holds(at time.Time) bool {
	t := at.UnixMicro()
	return s.Start <= t && t < s.End
}

// QuotaSpanAt gives the period that holds a moment. The periods of a time zone
// follow one another without gap or overlap, whatever its clocks do:
//
//   - A day or month begins when the zone's date first reaches it. Where midnight is
//     left out that is when the clocks jump over it; where clocks go back across
//     midnight the hour that comes twice belongs to the new day; a date that is left
//     out is no day.
//   - An hour begins when the zone's clocks show a full one. Where clocks are put by
//     less than an hour, the hour in which that happens is shorter or longer.
//
// QuotaTotal is one period, from 0 to the end of time. A period that is not known has
// the zero span, and false.
func QuotaSpanAt(period storage.QuotaPeriod, zone *time.Location, at time.Time) (QuotaSpan, bool) {
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	switch period {
	case storage.QuotaHour:
		return span(hourStart(at), hourEnd(at)), true
	case storage.QuotaDay:
		y, m, d := at.Date()
		return dates(at, func(n int) time.Time { return dateStart(zone, y, m, d+n) }), true
	case storage.QuotaMonth:
		y, m, _ := at.Date()
		return dates(at, func(n int) time.Time { return dateStart(zone, y, m+time.Month(n), 1) }), true
	case storage.QuotaTotal:
		return QuotaSpan{End: math.MaxInt64}, true
	}
	return QuotaSpan{}, false
}

// QuotaSpanBefore gives the period before the one that begins at a start, and false
// for QuotaTotal, which has none before it.
func QuotaSpanBefore(period storage.QuotaPeriod, zone *time.Location, s QuotaSpan) (QuotaSpan, bool) {
	if period == storage.QuotaTotal {
		return QuotaSpan{}, false
	}
	return QuotaSpanAt(period, zone, time.UnixMicro(s.Start-1))
}

// QuotaCarry is what a period begins with beyond the quota's limit, when left was
// left of the last period that was begun and skipped whole periods lie between the
// two. What is carried is one limit at the most, so a period that was skipped, which
// had a whole one, makes it that, whatever came before.
func QuotaCarry(q *storage.Quota, left, skipped int64) int64 {
	switch {
	case q.Refill != storage.QuotaAdd:
		return 0
	case skipped > 0:
		return max(0, q.Limit)
	default:
		return max(0, min(left, q.Limit))
	}
}
