package client

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time as people give it: "720h", "90m", or whole days as
// in "30d".
type Span time.Duration

// UnmarshalText reads a span.
func (s *Span) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		n, err := strconv.ParseInt(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no whole number of days", days)
		}
		*s = Span(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no length of time such as 720h or 30d", text)
	}
	*s = Span(d)
	return nil
}

// String writes the span as it is read.
func (s Span) String() string {
	const day = 24 * time.Hour
	if d := time.Duration(s); d%day != 0 || d == 0 {
		return d.String()
	}
	return strconv.FormatInt(int64(time.Duration(s)/day), 10) + "d"
}
