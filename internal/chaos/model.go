package chaos

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// replicas is how many there are.
const replicas = 3

// The model of one key.
//
// The store has the versions of the key's record in one order: writes take effect
// there, one after another, between their call and their answer. Every replica
// shows some version, and only ever goes forward. A check is decided by the version
// that its replica shows, and a replica may go forward before each. What the
// promise adds is settle, at the moment when a write was confirmed or its stop time
// passed: from there on every replica shows that write at least. So before a write
// settles, replicas may differ about it; afterwards, none may fall behind it.
//
// A replica that is seen to go forward is taken to have gone the least way that
// explains the answer. That loses nothing, since it may always go on later; and it
// keeps the model deterministic.

// version is the key's record after a write: three bytes in state.log, so that
// states can be compared.
type version struct {
	life   pb.Key_State
	secret number // the write that made the secret in use
	by     number // the write that made this version
}

const versionSize = 3

// state is where the store and the replicas are. The first version is that there
// is no key.
type state struct {
	log   string
	shown [replicas]uint8
}

func (s state) len() int { return len(s.log) / versionSize }

func (s state) at(i int) version {
	b := s.log[i*versionSize:]
	return version{pb.Key_State(b[0]), number(b[1]), number(b[2])}
}

func (s state) tip() version { return s.at(s.len() - 1) }

func (s state) with(v version) state {
	s.log += string([]byte{byte(v.life), byte(v.secret), byte(v.by)}) //nolint:gosec // there are four states
	return s
}

// indexOf finds the version that a write made.
func (s state) indexOf(by number) (int, bool) {
	for i := range s.len() {
		if s.at(i).by == by {
			return i, true
		}
	}
	return 0, false
}

// apply is what a write makes of a version. It is refused when there is no key, or
// it is over; except that a revocation may be repeated.
func (v version) apply(kind Kind, by number) (version, bool) {
	absent := v.life == pb.Key_STATE_UNSPECIFIED
	if kind == Create {
		return version{pb.Key_ACTIVE, by, by}, absent
	}
	if absent || v.life == pb.Key_REVOKED && kind != Revoke {
		return version{}, false
	}
	v.by = by
	switch kind { //nolint:exhaustive // the rest changes nothing
	case Rotate:
		v.secret = by
	case Revoke:
		v.life = pb.Key_REVOKED
	case Disable:
		v.life = pb.Key_DISABLED
	case Enable:
		v.life = pb.Key_ACTIVE
	}
	return v, true
}

// step tells whether an operation may take place in a state, and what comes of it.
func step(s state, op *Op) (bool, state) {
	switch op.Kind { //nolint:exhaustive // the rest is writes
	case Check:
		return s.check(op)
	case Read:
		return s.tip().matches(op.Seen), s
	case settle:
		i, ok := s.indexOf(op.Write)
		if !ok {
			return false, s
		}
		for r := range s.shown {
			s.shown[r] = max(s.shown[r], uint8(i)) //nolint:gosec // mostWrites is less
		}
		return true, s
	}
	after, may := s.tip().apply(op.Kind, op.Write)
	switch op.Outcome {
	case Refused:
		return !may, s
	case Done:
		return may && after.matches(op.Seen), s.with(after)
	case Happened:
		return may, s.with(after)
	case Open:
	}
	// An open write takes effect here, where it can; or after all else.
	if !may {
		return true, s
	}
	return true, s.with(after)
}

// matches tells whether a record that was read is this version.
func (v version) matches(seen Sight) bool {
	if v.life != seen.Life {
		return false
	}
	// The secret of a rotation without an answer is nobody's.
	return v.secret == seen.Secret || seen.Secret == 0
}

func (s state) check(op *Op) (bool, state) {
	from := int(s.shown[op.Replica])
	if op.AtLeast > 0 {
		i, ok := s.indexOf(op.AtLeast)
		if !ok {
			return false, s
		}
		from = max(from, i)
	}
	for i := from; i < s.len(); i++ {
		if s.reason(i, op.Secret) == op.Reason {
			s.shown[op.Replica] = uint8(i) //nolint:gosec // mostWrites is less
			return true, s
		}
	}
	return false, s
}

// reason is how a check of a secret is decided by a version.
func (s state) reason(at int, asked number) pb.Verdict_Reason {
	v := s.at(at)
	made, ok := s.indexOf(asked)
	if !ok || made > at {
		return pb.Verdict_KEY_NOT_FOUND
	}
	newer := 0
	for i := made + 1; i <= at; i++ {
		if later := s.at(i); later.secret == later.by {
			newer++
		}
	}
	switch {
	case newer >= storage.MaxSecrets:
		return pb.Verdict_KEY_NOT_FOUND
	case v.life == pb.Key_REVOKED:
		return pb.Verdict_KEY_REVOKED
	case v.life == pb.Key_DISABLED:
		return pb.Verdict_KEY_DISABLED
	case newer > 0:
		return pb.Verdict_KEY_SUPERSEDED
	}
	return pb.Verdict_ALLOWED
}

// model gives the model in porcupine's terms. Inputs are *Op.
func model() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{}.with(version{}) },
		Step: func(s, input, _ any) (bool, any) {
			return step(s.(state), input.(*Op)) //nolint:errcheck // Init and operations make them
		},
		DescribeOperation: func(input, _ any) string {
			op := input.(*Op) //nolint:errcheck // operations makes them
			if op.Kind == settle {
				return fmt.Sprintf("w%d is settled", op.Write)
			}
			return fmt.Sprintf("replica %d: %s", op.Replica, op.deed())
		},
		DescribeState: func(s any) string {
			at := s.(state) //nolint:errcheck // Init and Step make them
			var b strings.Builder
			for i := range at.len() {
				v := at.at(i)
				fmt.Fprintf(&b, "w%d:%s,s%d ", v.by, v.life, v.secret)
			}
			return b.String() + fmt.Sprint("shown ", at.shown)
		},
	}
}

// operations gives a key's history in porcupine's terms. Every write that settles
// has a second operation, for that moment. A write that is still open may take
// place after everything.
func operations(ops []Op) []porcupine.Operation {
	out := make([]porcupine.Operation, 0, len(ops)+16)
	for i := range ops {
		op := &ops[i]
		out = append(out, porcupine.Operation{ClientId: op.Client, Input: op, Call: int64(op.Call), Return: int64(op.Return)})
		if op.isWrite() && op.Outcome == Done && op.Settled != never {
			at := max(op.Settled, op.Return)
			out = append(out, porcupine.Operation{
				ClientId: op.Client, Call: int64(at), Return: int64(at),
				Input: &Op{Kind: settle, Client: op.Client, Write: op.Write, Call: at, Return: at},
			})
		}
	}
	slices.SortStableFunc(out, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	return out
}
