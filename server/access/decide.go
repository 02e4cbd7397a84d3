package access

import "time"

// Decide answers whether the holder of a key may make a call. The first step
// that refuses gives the reason; only when none does is the call allowed, and
// that is said here and nowhere else.
func Decide(now time.Time, g Grant, req Request) Verdict {
	c := call{now: now, grant: &g, request: &req}
	for _, s := range steps {
		if r := s.refuse(&c); r != NoReason {
			return Verdict{Reason: r, Missing: c.missing}
		}
	}
	return Verdict{Reason: Allowed, Warnings: warnings(now, &g)}
}

func warnings(now time.Time, g *Grant) []Warning {
	var out []Warning
	if end := g.Key.ExpireTime; !end.IsZero() && end.Sub(now) < ExpiryNotice {
		out = append(out, Warning{Kind: ExpiresSoon, Time: end})
	}
	if end := g.Secret().EndTime; !end.IsZero() {
		out = append(out, Warning{Kind: SecretSuperseded, Time: end})
	}
	return out
}
