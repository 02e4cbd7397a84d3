package chaos

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// never is the time of what has not happened by the end.
const never = time.Duration(math.MaxInt64)

// Kind is what an operation does. The zero Kind is none.
type Kind uint8

// What clients do. Rotations end the secret before them at once.
const (
	Create Kind = iota + 1
	Rotate
	Revoke
	Disable
	Enable
	// Read reads the key's record from the store.
	Read
	// Check asks a replica about one of the key's secrets.
	Check
	// settle is no call: the moment from which on every replica must decide by a
	// write. Only the model knows it.
	settle
)

func (k Kind) String() string {
	return [...]string{"none", "create", "rotate", "revoke", "disable", "enable", "read", "check", "settle"}[k]
}

// Outcome is how a call ended, as far as the client knows.
type Outcome uint8

// The zero Outcome is open: the call may have taken effect, or may yet. Refused is
// a write that the key's state did not allow, and Happened one without an answer
// that has left its trace in the audit trail. What has surely had no effect, and has
// shown nothing, is not kept.
const (
	Open Outcome = iota
	Done
	Refused
	Happened
)

func (o Outcome) String() string { return [...]string{"open", "done", "refused", "happened"}[o] }

// number names a write within the history of its key: 1 is its creation.
type number uint8

// mostWrites is how many writes a key may see.
const mostWrites = 200

// Sight is what an answer says of a key's record.
type Sight struct {
	Life pb.Key_State
	// Secret is the write that made the secret in use; 0 is one that no client
	// knows.
	Secret number
}

// Op is one operation on a key. Times count from the start of the run.
type Op struct {
	Kind            Kind
	Client, Replica int
	Call, Return    time.Duration
	// Write names this write here, and Request to the server.
	Write   number
	Request string
	Outcome Outcome
	// Changed is true when the answer says that something was written.
	Changed bool
	// Settled is when, by the answer, every replica decides by this write or not at
	// all.
	Settled   time.Duration
	Confirmed bool
	// Seen is what a write or a read was answered with.
	Seen Sight
	// Secret is the write that made the secret that a check asks about, and AtLeast
	// the write that it is to be decided with; 0 is none.
	Secret, AtLeast number
	Reason          pb.Verdict_Reason
}

func (o *Op) isWrite() bool { return o.Kind >= Create && o.Kind <= Enable }

func (o *Op) String() string {
	end := "  (open)"
	if o.Return != never {
		end = fmt.Sprintf("%8.3f", o.Return.Seconds())
	}
	return fmt.Sprintf("%8.3f %s  client %-2d replica %d  ", o.Call.Seconds(), end, o.Client, o.Replica) + o.deed()
}

// deed tells what was done and what came of it.
func (o *Op) deed() string {
	switch {
	case o.Kind == Check && o.AtLeast > 0:
		return fmt.Sprintf("check s%d at w%d -> %s", o.Secret, o.AtLeast, o.Reason)
	case o.Kind == Check:
		return fmt.Sprintf("check s%d -> %s", o.Secret, o.Reason)
	case o.Kind == Read:
		return fmt.Sprintf("read -> %s s%d", o.Seen.Life, o.Seen.Secret)
	case o.Outcome != Done:
		return fmt.Sprintf("%s w%d -> %s", o.Kind, o.Write, o.Outcome)
	}
	state := "pending"
	if o.Confirmed {
		state = "confirmed"
	}
	return fmt.Sprintf("%s w%d -> done %s s%d, %s, settled %.3f", o.Kind, o.Write, o.Seen.Life, o.Seen.Secret, state, o.Settled.Seconds())
}

// secret is a secret as the client got it.
type secret struct {
	write number
	text  string
}

// Key is a key and what was done with it. Clients share it.
type Key struct {
	ID string

	mu      sync.Mutex
	ops     []Op
	writes  number
	open    int
	secrets []secret
	// life is the state that the last answer told, revision that of the write
	// that was answered last.
	life      pb.Key_State
	revision  string
	revised   number
	born      time.Duration
	nextWrite time.Duration
	// over is when the key has nothing more to show.
	over time.Duration
}

// begin names the next write.
func (k *Key) begin() (number, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.writes >= mostWrites {
		return 0, false
	}
	k.writes++
	return k.writes, true
}

// add keeps an operation. A write is kept when it is called, since it may take
// effect from then on; ended or vain say later what became of it.
func (k *Key) add(op *Op) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ops = append(k.ops, *op)
}

// ended keeps how a write ended.
func (k *Key) ended(op *Op) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.ops, func(o Op) bool { return o.Write == op.Write && o.isWrite() })
	k.ops[i] = *op
	if op.Outcome == Open {
		k.open++
	}
}

// vain forgets a write that has surely had no effect.
func (k *Key) vain(op *Op) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ops = slices.DeleteFunc(k.ops, func(o Op) bool { return o.Write == op.Write && o.isWrite() })
}

// Ops gives what was done so far, in the order of calls. What is under way is open.
func (k *Key) Ops() []Op {
	k.mu.Lock()
	out := slices.Clone(k.ops)
	k.mu.Unlock()
	slices.SortStableFunc(out, func(a, b Op) int { return int(a.Call - b.Call) })
	return out
}

// secretOf gives the write that made the secret that a record shows.
func (k *Key) secretOf(info *pb.SecretInfo) number {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.secrets {
		if s.text[len(s.text)-4:] == info.GetLastFour() {
			return s.write
		}
	}
	return 0
}

// History is every key of a run.
type History struct {
	mu   sync.Mutex
	keys []*Key
}

func (h *History) add(k *Key) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys = append(h.keys, k)
}

// Keys gives the keys so far.
func (h *History) Keys() []*Key {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.keys)
}
