package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// How clients behave.
const (
	// hotKeys is how many keys are worked on at a time.
	hotKeys = 12
	// keyAge is when a key's place is given to a new one, and afterlife for how
	// many leases it is watched after its end.
	keyAge    = 25 * time.Second
	afterlife = 3
	// mostOpen is with how many open writes a key is written no more: each makes
	// the search through its history harder.
	mostOpen = 6
	// thinking is the longest that a client does nothing.
	thinking = 20 * time.Millisecond
)

// clients is what all clients share.
type clients struct {
	group   *group
	config  *Config
	history *History
	book    *book
	since   func() time.Duration
	base    time.Time
	tally   tally
	// requests counts them, to name them.
	requests atomic.Int64

	mu  sync.Mutex
	hot [hotKeys]*Key
	// taken are the places for which a key is being made.
	taken [hotKeys]bool
}

// tally counts what happened, so that a run in which nothing did can be told.
type tally struct {
	allowed, refused, undecided, atLeast              atomic.Int64
	confirmed, pending, unnamed, open, failed, reads  atomic.Int64
	created, rotated, revoked, disabled, enabled, odd atomic.Int64
}

// client is one client.
type client struct {
	*clients
	name   int
	random *rand.Rand
}

// work goes on until ctx ends.
func (c *client) work(ctx context.Context) {
	for ctx.Err() == nil {
		c.once(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(between(c.random, 0, thinking)):
		}
	}
}

func (c *client) once(ctx context.Context) {
	place := c.random.IntN(hotKeys)
	k, vacant := c.key(place)
	switch {
	case vacant:
		c.settleIn(place, c.create(ctx))
		return
	case k == nil:
		return
	}
	if c.random.IntN(20) == 0 {
		// What is over stays over.
		all := c.history.Keys()
		k = all[c.random.IntN(len(all))]
	}
	switch {
	case k.writeDue(c.since(), between(c.random, 200*time.Millisecond, 1800*time.Millisecond)):
		c.write(ctx, k, c.choose(k))
	case c.random.IntN(50) == 0:
		c.read(ctx, k, c.random.IntN(replicas))
	default:
		patience := time.Second
		if c.random.IntN(20) == 0 {
			// Long enough to be answered by a process that was paused meanwhile.
			patience = 4 * c.config.Lease
		}
		c.check(ctx, k, c.anySecret(k), c.random.IntN(replicas), patience)
	}
}

// key gives the key of a place. The place is vacant to one client at a time.
func (c *client) key(place int) (k *Key, vacant bool) {
	now := c.since()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.taken[place] {
		return nil, false
	}
	if k = c.hot[place]; k != nil {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.over == 0 || now < k.over {
			return k, false
		}
	}
	c.taken[place] = true
	return nil, true
}

// settleIn gives a place a new key; nil leaves it vacant.
func (c *clients) settleIn(place int, k *Key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hot[place], c.taken[place] = k, false
}

// writeDue tells whether the key is to be written now, by the caller.
func (k *Key) writeDue(now, pause time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now < k.nextWrite || k.over != 0 {
		return false
	}
	if k.open >= mostOpen {
		k.over = now + afterlife*pause
		return false
	}
	k.nextWrite = now + pause
	return true
}

// choose draws what to do with a key: what changes it, mostly.
func (c *client) choose(k *Key) Kind {
	k.mu.Lock()
	life, age := k.life, c.since()-k.born
	k.mu.Unlock()
	switch {
	case age > keyAge:
		return Revoke
	case life == pb.Key_REVOKED:
		return pick(c.random, Enable, Rotate, Revoke)
	case life == pb.Key_DISABLED:
		return pick(c.random, Enable, Enable, Enable, Enable, Enable, Rotate, Rotate, Disable, Revoke)
	}
	return pick(c.random, Disable, Disable, Disable, Rotate, Rotate, Rotate, Enable, Revoke)
}

// anySecret draws one of the key's secrets, the newest ones mostly.
func (c *client) anySecret(k *Key) secret {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := len(k.secrets)
	if c.random.IntN(10) > 0 {
		return k.secrets[n-1-c.random.IntN(min(2, n))]
	}
	return k.secrets[c.random.IntN(n)]
}

// unreached tells whether a call did not even find a connection.
func unreached(err error, p *peer.Peer) bool {
	code := status.Code(err)
	return p.Addr == nil && (code == codes.Unavailable || code == codes.Canceled || code == codes.DeadlineExceeded)
}

func (c *client) check(ctx context.Context, k *Key, s secret, replica int, patience time.Duration) {
	op := Op{Kind: Check, Client: c.name, Replica: replica, Secret: s.write}
	request := &pb.CheckKeyRequest{Key: s.text}
	if c.random.IntN(10) == 0 {
		k.mu.Lock()
		request.MinRevision, op.AtLeast = k.revision, k.revised
		k.mu.Unlock()
	}
	call, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	keys := c.group.process(replica).keys
	op.Call = c.since()
	answer, err := keys.CheckKey(call, request)
	op.Return = c.since()
	if err != nil {
		// Could not decide: that shows nothing.
		c.tally.undecided.Add(1)
		if code := status.Code(err); code != codes.Unavailable && code != codes.DeadlineExceeded && code != codes.Canceled {
			c.tally.odd.Add(1)
			c.config.Log("check by replica %d: %v", replica, err)
		}
		return
	}
	op.Reason = answer.GetReason()
	if op.AtLeast > 0 {
		c.tally.atLeast.Add(1)
	}
	if op.Reason == pb.Verdict_ALLOWED {
		c.tally.allowed.Add(1)
	} else {
		c.tally.refused.Add(1)
	}
	k.add(&op)
}

func (c *client) read(ctx context.Context, k *Key, replica int) {
	op := Op{Kind: Read, Client: c.name, Replica: replica, Outcome: Done}
	call, cancel := context.WithTimeout(c.group.asRoot(ctx), 5*time.Second)
	defer cancel()
	keys := c.group.process(replica).keys
	op.Call = c.since()
	answer, err := keys.GetKey(call, &pb.GetKeyRequest{Id: k.ID})
	op.Return = c.since()
	if err != nil {
		if code := status.Code(err); code != codes.Unavailable && code != codes.DeadlineExceeded && code != codes.Canceled {
			c.tally.odd.Add(1)
			c.config.Log("read by replica %d: %v", replica, err)
		}
		return
	}
	c.tally.reads.Add(1)
	op.Seen = Sight{answer.GetKey().GetState(), k.secretOf(answer.GetKey().GetCurrentSecret())}
	k.add(&op)
}

// create makes a key. One whose creation was not answered is nobody's.
func (c *client) create(ctx context.Context) *Key {
	k := &Key{}
	c.manage(ctx, k, Create, &pb.ManageKeyRequest{Operation: &pb.ManageKeyRequest_Create{
		Create: &pb.CreateKey{Key: &pb.Key{TenantId: tenantID, UserId: userID}},
	}})
	if k.ID == "" {
		return nil
	}
	k.mu.Lock()
	k.born = c.since()
	k.nextWrite = k.born + between(c.random, 0, time.Second)
	k.mu.Unlock()
	c.history.add(k)
	return k
}

func (c *client) write(ctx context.Context, k *Key, kind Kind) {
	request := &pb.ManageKeyRequest{}
	switch kind { //nolint:exhaustive // choose draws no other
	case Rotate:
		request.Operation = &pb.ManageKeyRequest_Rotate{Rotate: &pb.RotateKey{Id: k.ID, GracePeriod: durationpb.New(0)}}
	case Revoke:
		request.Operation = &pb.ManageKeyRequest_Revoke{Revoke: &pb.RevokeKey{Id: k.ID}}
	case Disable:
		request.Operation = &pb.ManageKeyRequest_Disable{Disable: &pb.DisableKey{Id: k.ID}}
	case Enable:
		request.Operation = &pb.ManageKeyRequest_Enable{Enable: &pb.EnableKey{Id: k.ID}}
	}
	c.manage(ctx, k, kind, request)
}

// writable draws the replica to write by, mostly one that could lately: else keys
// would have more open writes than others.
func (c *client) writable() int {
	r := c.random.IntN(replicas)
	for range 2 {
		if last := time.Duration(c.group.unlucky[r].Load()); last == 0 || c.since()-last > time.Second || c.random.IntN(4) == 0 {
			break
		}
		r = c.random.IntN(replicas)
	}
	return r
}

// manage makes one write and keeps what came of it.
func (c *client) manage(ctx context.Context, k *Key, kind Kind, request *pb.ManageKeyRequest) {
	name, ok := k.begin()
	if !ok {
		return
	}
	op := Op{Kind: kind, Client: c.name, Replica: c.writable(), Write: name, Return: never, Settled: never}
	op.Request = fmt.Sprintf("chaos-%d", c.requests.Add(1))
	var from peer.Peer
	call, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(c.group.asRoot(ctx), "x-request-id", op.Request), 4*time.Second)
	defer cancel()
	keys := c.group.process(op.Replica).keys
	op.Call = c.since()
	k.add(&op)
	answer, err := keys.ManageKey(call, request, grpc.Peer(&from))
	returned := c.since()
	switch code := status.Code(err); {
	case err == nil:
		op.Outcome, op.Return = Done, returned
		c.done(k, &op, answer)
		return
	case unreached(err, &from), code == codes.Aborted:
		// Nothing was sent, or another write was first.
		c.tally.failed.Add(1)
		k.vain(&op)
		return
	case code == codes.FailedPrecondition:
		op.Outcome, op.Return = Refused, returned
	case code == codes.Unavailable, code == codes.DeadlineExceeded, code == codes.Canceled:
		c.tally.open.Add(1)
	default:
		c.tally.odd.Add(1)
		c.config.Log("%s by replica %d: %v", kind, op.Replica, err)
	}
	k.ended(&op)
	if op.Outcome == Open {
		c.group.unlucky[op.Replica].Store(int64(c.since()))
	}
}

// done keeps a write that was answered.
func (c *client) done(k *Key, op *Op, answer *pb.ManageKeyResponse) {
	op.Confirmed, op.Settled = c.settled(op.Return, answer.GetPropagation())
	key := answer.GetKey()
	k.mu.Lock()
	if op.Kind == Create {
		k.ID = key.GetId()
	}
	if text := answer.GetSecret(); text != "" {
		k.secrets = append(k.secrets, secret{op.Write, text})
	}
	k.life = key.GetState()
	if answer.GetRevision() != "" {
		op.Changed = true
		k.revision, k.revised = answer.GetRevision(), op.Write
	}
	if op.Kind == Revoke && k.over == 0 {
		k.over = op.Settled + afterlife*c.config.Lease
	}
	k.mu.Unlock()
	op.Seen = Sight{key.GetState(), k.secretOf(key.GetCurrentSecret())}
	k.ended(op)
	map[Kind]*atomic.Int64{
		Create: &c.tally.created, Rotate: &c.tally.rotated, Revoke: &c.tally.revoked, Disable: &c.tally.disabled, Enable: &c.tally.enabled,
	}[op.Kind].Add(1)
}

// settled gives when, by an answer, every replica decides by its write or not at
// all. Where the store could not say who has yet to, no replica was more than a
// lease behind when the write was answered.
func (c *client) settled(returned time.Duration, p *pb.Propagation) (confirmed bool, at time.Duration) {
	switch {
	case p.GetState() == pb.Propagation_CONFIRMED:
		c.tally.confirmed.Add(1)
		return true, returned
	case len(p.GetReplicas()) == 0:
		c.tally.unnamed.Add(1)
		return false, returned + c.config.Lease + c.config.Lease/100 + time.Second
	}
	c.tally.pending.Add(1)
	for _, r := range p.GetReplicas() {
		at = max(at, r.GetStopTime().AsTime().Sub(c.base.Round(0)))
	}
	return false, max(at, returned)
}
