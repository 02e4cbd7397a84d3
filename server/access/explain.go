package access

import "time"

// Outcome says how a step of an explained decision went. The numbers are those
// of keystile.v1.ExplainStep.Outcome.
type Outcome uint8

// The outcomes of a step.
const (
	Passed     Outcome = 1
	Failed     Outcome = 2
	NotAsked   Outcome = 3
	NotReached Outcome = 4
)

// Finding is one step of a decision and how it went.
type Finding struct {
	Name    string
	Outcome Outcome
	// Reason is why the step refuses; NoReason when it does not.
	Reason  Reason
	Missing Lack
	// Decisive is true for the first step that refuses: the one that decided.
	Decisive bool
}

// Explain goes through the steps as Decide does, but does not stop at the first
// that refuses, so that everything that is wrong is seen at once.
func Explain(now time.Time, g Grant, req Request) (Verdict, []Finding) {
	out := make([]Finding, 0, lastStep+1)
	decided := false
	for s := stepPresent; s <= lastStep; s++ {
		var missing Lack
		c := call{now: now, grant: &g, request: &req, missing: &missing}
		f := Finding{Name: s.name(), Outcome: Passed}
		switch {
		case decided && (s < established || g.Key == nil || refuseUnknown(&c) != NoReason):
			f.Outcome = NotReached
		case !c.asks(s):
			f.Outcome = NotAsked
		case decided && c.lacksAPI(s):
			f.Outcome = NotReached
		default:
			if r := c.refuse(s); r != NoReason {
				f.Outcome, f.Reason, f.Missing, f.Decisive = Failed, r, missing, !decided
				decided = true
			}
		}
		out = append(out, f)
	}
	return Decide(now, &g, &req), out
}

// lacksAPI tells whether a step would look at an API that was not found, or at a
// request that could not be read.
func (c *call) lacksAPI(s step) bool {
	switch s {
	case stepAPI:
		return c.request.Aim.Malformed
	case stepNotRetired, stepSubscription:
		return c.grant.Target.API == nil
	case stepKeyAPI, stepPermission:
		return c.request.Aim.Asked && c.grant.Target.API == nil && c.request.Permission == ""
	default:
		return false
	}
}
