package filter

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	timestampName protoreflect.FullName = "google.protobuf.Timestamp"
	durationName  protoreflect.FullName = "google.protobuf.Duration"
)

// The forms of values, as errors show them.
const (
	timeForm     = "2026-10-01T00:00:00Z"
	durationForm = "3600s, 36h or 30d"
)

// span is a time since 1970, or a duration, as protobuf keeps both: seconds, and
// nanoseconds of the same sign. A Go duration would be too short for some of them.
type span struct{ seconds, nanos int64 }

func (s span) compare(o span) int {
	if c := cmp.Compare(s.seconds, o.seconds); c != 0 {
		return c
	}
	return cmp.Compare(s.nanos, o.nanos)
}

// spanOf reads a Timestamp or a Duration: their fields have the same numbers.
func spanOf(m protoreflect.Message) span {
	f := m.Descriptor().Fields()
	return span{seconds: m.Get(f.ByNumber(1)).Int(), nanos: m.Get(f.ByNumber(2)).Int()}
}

func timeSpan(t time.Time) span { return span{seconds: t.Unix(), nanos: int64(t.Nanosecond())} }

func durationSpan(d time.Duration) span {
	return span{seconds: int64(d / time.Second), nanos: int64(d % time.Second)}
}

// readTime reads a time of RFC 3339. Package time would let an hour of one digit
// and a decimal comma pass, and the RFC does not.
func readTime(text string) (span, bool) {
	t, err := time.Parse(time.RFC3339, text)
	strict := len(text) > len("2006-01-02T15:") && text[len("2006-01-02T15")] == ':' && !strings.Contains(text, ",")
	return timeSpan(t), err == nil && strict
}

const day = 24 * time.Hour

// readDuration reads whole days, "30d", or a duration as Go writes it, of which
// protobuf's "3600s" is one form.
func readDuration(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		d := time.Duration(n) * day
		return d, err == nil && d/day == time.Duration(n)
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}
