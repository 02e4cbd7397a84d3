package access

import (
	"time"

	"github.com/keystile/keystile/storage"
)

// Decide answers whether the holder of a key may make a call. The first step
// that refuses gives the reason; only when none does is the call allowed, and
// that is said here and nowhere else.
func Decide(now time.Time, g *Grant, req *Request) Verdict {
	var missing Lack
	c := call{now: now, grant: g, request: req, missing: &missing}
	if c.openPreflight() {
		return Verdict{Reason: Allowed}
	}
	for s := stepPresent; s <= lastStep; s++ {
		if !c.asks(s) {
			continue
		}
		if r := c.refuse(s); r != NoReason {
			return Verdict{Reason: r, Missing: missing}
		}
	}
	return Verdict{Reason: Allowed, Warnings: warnings(now, g)}
}

// openPreflight tells whether the call is a CORS preflight to an API that lets
// those through. A browser sends no credential with one (Fetch standard, "CORS
// protocol and credentials"), and it reaches nothing but the answer to what the
// browser may ask for. One that does carry a credential is judged by it.
func (c *call) openPreflight() bool {
	aim, api := &c.request.Aim, c.grant.Target.API
	return c.request.Form == Missing && c.grant.Key == nil && aim.Preflight != "" && !aim.Malformed &&
		api != nil && api.AllowPreflight && answers(api, c.now)
}

func warnings(now time.Time, g *Grant) []Warning {
	var out []Warning
	if end := g.Key.ExpireTime; !end.IsZero() && end.Sub(now) < ExpiryNotice {
		out = append(out, Warning{Kind: ExpiresSoon, Time: end})
	}
	if end := g.Secret().EndTime; !end.IsZero() {
		out = append(out, Warning{Kind: SecretSuperseded, Time: end})
	}
	if api := g.Target.API; api != nil && api.State == storage.APIDeprecated {
		out = append(out, Warning{Kind: APIDeprecated, Time: api.SunsetTime})
	}
	return out
}
