package chaos

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

const (
	active   = pb.Key_ACTIVE
	disabled = pb.Key_DISABLED
	revoked  = pb.Key_REVOKED

	allowed      = pb.Verdict_ALLOWED
	unknown      = pb.Verdict_KEY_NOT_FOUND
	isRevoked    = pb.Verdict_KEY_REVOKED
	isDisabled   = pb.Verdict_KEY_DISABLED
	isSuperseded = pb.Verdict_KEY_SUPERSEDED
)

// wrote is a write that was answered, and settled at a time.
func wrote(w number, kind Kind, call, back, settled int, life pb.Key_State, secret number) Op {
	return Op{
		Kind: kind, Write: w, Call: time.Duration(call), Return: time.Duration(back), Settled: time.Duration(settled),
		Outcome: Done, Seen: Sight{life, secret},
	}
}

// made is the creation that every history begins with.
func made() Op { return wrote(1, Create, 0, 10, 10, active, 1) }

// open is a write without an answer.
func open(w number, kind Kind, call int) Op {
	return Op{Kind: kind, Write: w, Call: time.Duration(call), Return: never, Settled: never}
}

func asked(replica, call, back int, secret number, reason pb.Verdict_Reason) Op {
	return Op{Kind: Check, Replica: replica, Call: time.Duration(call), Return: time.Duration(back), Secret: secret, Reason: reason}
}

func read(call, back int, life pb.Key_State, secret number) Op {
	return Op{Kind: Read, Call: time.Duration(call), Return: time.Duration(back), Seen: Sight{life, secret}}
}

func TestWhatThePromiseAllows(t *testing.T) {
	for name, ops := range map[string][]Op{
		"a new key": {made(), asked(0, 20, 21, 1, allowed), asked(2, 22, 23, 1, allowed)},
		"a key that is not everywhere yet": {
			wrote(1, Create, 0, 10, 100, active, 1), asked(0, 20, 21, 1, allowed), asked(1, 22, 23, 1, unknown), asked(1, 30, 31, 1, allowed),
		},
		"replicas that differ until a revocation settles": {
			made(), wrote(2, Revoke, 20, 30, 100, revoked, 1), asked(0, 40, 41, 1, isRevoked), asked(1, 50, 51, 1, allowed), asked(0, 60, 61, 1, isRevoked), asked(1, 101, 102, 1, isRevoked),
		},
		"a check that began before a revocation settled": {
			made(), wrote(2, Revoke, 20, 30, 30, revoked, 1), asked(0, 29, 90, 1, allowed), asked(1, 31, 32, 1, isRevoked),
		},
		"a write without an answer that never was": {
			made(), open(2, Revoke, 20), asked(0, 1000, 1001, 1, allowed), read(2000, 2001, active, 1),
		},
		"a write without an answer that took effect late": {
			made(), open(2, Revoke, 20), read(50, 51, active, 1), read(60, 61, revoked, 1), asked(0, 70, 71, 1, allowed), asked(0, 80, 81, 1, isRevoked),
		},
		"a rotation without an answer": {
			made(), open(2, Rotate, 20), asked(0, 30, 31, 1, isSuperseded), read(40, 41, active, 0),
		},
		"a key disabled and enabled": {
			made(), wrote(2, Disable, 20, 30, 30, disabled, 1), asked(0, 31, 32, 1, isDisabled), wrote(3, Enable, 40, 50, 90, active, 1),
			asked(0, 60, 61, 1, allowed), asked(1, 62, 63, 1, isDisabled), asked(1, 91, 92, 1, allowed),
		},
		"an old secret": {
			made(), wrote(2, Rotate, 20, 30, 30, active, 2), asked(0, 31, 32, 1, isSuperseded), asked(0, 33, 34, 2, allowed),
		},
		"an enabling that a revocation rules out": {
			made(), wrote(2, Revoke, 20, 30, 30, revoked, 1), {Kind: Enable, Write: 3, Call: 40, Return: 50, Outcome: Refused},
		},
		"a revocation that is repeated": {
			made(), wrote(2, Revoke, 20, 30, 30, revoked, 1), wrote(3, Revoke, 40, 50, 50, revoked, 1), asked(0, 51, 52, 1, isRevoked),
		},
	} {
		if porcupine.CheckOperationsTimeout(model(), operations(ops), 0) != porcupine.Ok {
			t.Errorf("%s: the model rules it out:\n%s", name, lines(ops))
		}
		if found := breaches(ops); len(found) > 0 {
			t.Errorf("%s: a rule rules it out: %s", name, found[0].String())
		}
	}
}

func TestWhatThePromiseRulesOut(t *testing.T) {
	atLeast := asked(1, 40, 41, 1, allowed)
	atLeast.AtLeast = 2
	for name, c := range map[string]struct {
		ops []Op
		// rule is the one that finds it too; empty for what only the model does.
		rule string
	}{
		"a check allowed after a confirmed revocation": {
			[]Op{made(), wrote(2, Revoke, 20, 30, 30, revoked, 1), asked(1, 31, 32, 1, allowed)}, ruleRevoked,
		},
		"a check allowed after a stop time": {
			[]Op{made(), wrote(2, Revoke, 20, 30, 100, revoked, 1), asked(0, 40, 41, 1, allowed), asked(1, 101, 102, 1, allowed)}, ruleRevoked,
		},
		"a revocation that one replica takes back": {
			[]Op{made(), wrote(2, Revoke, 20, 30, 100, revoked, 1), asked(1, 40, 41, 1, isRevoked), asked(1, 50, 51, 1, allowed)}, "",
		},
		"an old secret allowed after a rotation had settled": {
			[]Op{made(), wrote(2, Rotate, 20, 30, 30, active, 2), asked(1, 31, 32, 1, allowed)}, ruleSuperseded,
		},
		"a disabled key allowed": {
			[]Op{made(), wrote(2, Disable, 20, 30, 30, disabled, 1), asked(1, 31, 32, 1, allowed)}, ruleDisabled,
		},
		"a key enabled by nobody but long ago": {
			[]Op{made(), wrote(2, Enable, 11, 12, 12, active, 1), wrote(3, Disable, 20, 30, 30, disabled, 1), asked(1, 31, 32, 1, allowed)}, ruleDisabled,
		},
		"a new secret that is unknown after it had settled": {
			[]Op{made(), wrote(2, Rotate, 20, 30, 30, active, 2), asked(1, 31, 32, 2, unknown)}, ruleForgotten,
		},
		"a check at a revision, decided before it": {
			[]Op{made(), wrote(2, Revoke, 20, 30, 100, revoked, 1), atLeast}, "",
		},
		"a revocation that was lost": {
			[]Op{made(), wrote(2, Revoke, 20, 30, unsettled, revoked, 1), read(40, 41, active, 1)}, ruleLost,
		},
		"a write that happened, and does not show": {
			[]Op{made(), {Kind: Revoke, Write: 2, Call: 20, Return: 50, Settled: never, Outcome: Happened}, read(60, 61, active, 1)}, "",
		},
		"a key enabled after its revocation": {
			[]Op{made(), wrote(2, Revoke, 20, 30, 30, revoked, 1), wrote(3, Enable, 40, 50, 50, active, 1)}, ruleLost,
		},
		"a refusal without a reason": {
			[]Op{made(), {Kind: Enable, Write: 2, Call: 40, Return: 50, Outcome: Refused}}, "",
		},
		"another reason than the key's state": {
			[]Op{made(), wrote(2, Revoke, 20, 30, 30, revoked, 1), asked(1, 31, 32, 1, isDisabled)}, "",
		},
	} {
		if porcupine.CheckOperationsTimeout(model(), operations(c.ops), 0) != porcupine.Illegal {
			t.Errorf("%s: the model allows it:\n%s", name, lines(c.ops))
		}
		found := breaches(c.ops)
		if got := len(found) > 0; got != (c.rule != "") || got && found[0].Rule != c.rule {
			t.Errorf("%s: got %v, want the rule %q", name, found, c.rule)
		}
	}
}

// unsettled is when a write settles of which nobody says when.
const unsettled = int(never)

// While a run goes on, what is under way may explain what was seen.
func TestWhatIsUnderWayExplains(t *testing.T) {
	ops := []Op{made(), wrote(2, Disable, 20, 30, 30, disabled, 1), open(3, Enable, 25), asked(1, 31, 32, 1, allowed)}
	if found := breaches(ops); len(found) > 0 {
		t.Error(found[0].String())
	}
}
