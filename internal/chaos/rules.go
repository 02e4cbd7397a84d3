package chaos

import (
	"fmt"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Breach is an answer that the promise rules out.
type Breach struct {
	Rule string
	// Op is the answer, After the write that rules it out.
	Op, After Op
}

func (b *Breach) String() string {
	return fmt.Sprintf("%s\n    %s\n    %s", b.Rule, b.After.String(), b.Op.String())
}

// The rules that follow from the promise. They need no search, so that they can be
// looked at while the run goes on, and they are simple enough to be believed.
const (
	ruleRevoked    = "a check that began after a revocation had settled was allowed"
	ruleSuperseded = "a check of the old secret that began after a rotation had settled was allowed"
	ruleDisabled   = "a check that began after the key's disabling had settled was allowed, and nobody had enabled it"
	ruleForgotten  = "a check that began after the secret's making had settled did not know the secret"
	ruleLost       = "a record that was read after an acknowledged write does not show it"
)

// breaches finds the answers of a key's history that break a rule.
func breaches(ops []Op) []Breach {
	var out []Breach
	for w := range ops {
		write := &ops[w]
		if !write.isWrite() || write.Outcome != Done {
			continue
		}
		for i := range ops {
			if rule := broken(ops, write, &ops[i]); rule != "" {
				out = append(out, Breach{Rule: rule, Op: ops[i], After: *write})
			}
		}
	}
	return out
}

// broken names the rule that an operation breaks with regard to a write that was
// acknowledged.
func broken(ops []Op, write, op *Op) string {
	switch {
	case op.Kind == Read || op.isWrite() && op.Outcome == Done:
		if write.Kind == Revoke && op.Call > write.Return && op.Seen.Life != pb.Key_REVOKED {
			return ruleLost
		}
	case op.Kind != Check || op.Call <= write.Settled:
	case op.Reason == pb.Verdict_ALLOWED:
		switch {
		case write.Kind == Revoke:
			return ruleRevoked
		case write.Kind == Rotate && older(ops, op.Secret, write):
			return ruleSuperseded
		case write.Kind == Disable && !enabled(ops, write, op):
			return ruleDisabled
		}
	case op.Reason == pb.Verdict_KEY_NOT_FOUND:
		if op.Secret == write.Write && rotations(ops, write, op) == 0 {
			return ruleForgotten
		}
	}
	return ""
}

// older tells whether a secret was surely made before a rotation.
func older(ops []Op, made number, rotation *Op) bool {
	for i := range ops {
		if ops[i].isWrite() && ops[i].Write == made {
			return made != rotation.Write && ops[i].Return < rotation.Call
		}
	}
	return false
}

// enabled tells whether anybody may have enabled a key between a write and the end
// of a check.
func enabled(ops []Op, since, until *Op) bool {
	for i := range ops {
		if o := &ops[i]; o.Kind == Enable && o.Outcome != Refused && o.Return > since.Call && o.Call < until.Return {
			return true
		}
	}
	return false
}

// rotations counts those that may have come between a write and the end of a
// check: a key forgets its oldest secrets.
func rotations(ops []Op, since, until *Op) int {
	n := 0
	for i := range ops {
		if o := &ops[i]; o.Kind == Rotate && o.Write != since.Write && o.Return > since.Call && o.Call < until.Return {
			n++
		}
	}
	return n
}
