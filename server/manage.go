package server

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// operation is one branch of ManageKey.
type operation interface {
	// call gives what every branch carries beside its own fields.
	call() callOptions
	// validate notes what is wrong with the request by itself.
	validate(v *violations, now time.Time)
	// subject finds out, outside any transaction, whose key it is about.
	subject(ctx context.Context, s *Service, c *Caller) (subject, error)
	// apply changes the key. before is nil when it makes a new one; after is
	// the key to be stored, with note when there is something to say. When
	// nothing is to be written, changed is false.
	apply(w *keyWork, before *storage.Key) (result, error)
	// yields tells whether the key that results may be used for more than
	// before, or goes on being used: then it must not exceed its writer.
	yields() bool
}

// callOptions stand in each branch of the operation.
type callOptions struct {
	requestID    string
	etag         string
	validateOnly bool
}

// subject names what an operation is about.
type subject struct {
	user storage.UserRef
	// keyID is empty when a key is to be created.
	keyID string
}

// keyWork is what an operation works with inside its transaction.
type keyWork struct {
	ctx     context.Context //nolint:containedctx // lives as long as the transaction's own
	service *Service
	caller  *Caller
	now     time.Time
	tenant  *storage.Tenant
	user    *storage.User
}

// result is what an operation comes to.
type result struct {
	key     *storage.Key
	secret  access.Secret
	note    string
	changed bool
}

// errDryRun rolls a transaction back that was only to be tried.
var errDryRun = errors.New("validate only")

// Notes that answers carry.
const (
	noteValidated = "validated only: nothing was written"
	noteUnsettled = "written; this replica could not take it over yet, and refuses the new secret until the store answers again"
	noteRepeated  = "this request id was used before: here is the first result; its secret, if it had one, is withheld"
)

// ManageKey carries out one operation on a key.
func (k *KeyServer) ManageKey(ctx context.Context, req *pb.ManageKeyRequest) (*pb.ManageKeyResponse, error) {
	s := k.service
	op, err := operationOf(req)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	var v violations
	o := op.call()
	v.requestID(o.requestID)
	op.validate(&v, now)
	if err := v.err(); err != nil {
		return nil, err
	}
	caller, err := s.confirm(ctx, callerFrom(ctx))
	if err != nil {
		return nil, err
	}
	// The rights may have shrunk since the interceptor looked at them.
	if permission := managePermission(req); !caller.may(permission) {
		return nil, s.refuse(ctx, caller, methodFrom(ctx), lacks(permission))
	}
	mark, err := fingerprint(req)
	if err != nil {
		return nil, err
	}
	work := &managedWrite{service: s, caller: caller, op: op, now: now, fingerprint: mark, action: managePermission(req), request: req}
	return work.run(ctx)
}

// managedWrite is one ManageKey call on its way through the store.
type managedWrite struct {
	service     *Service
	caller      Caller
	op          operation
	now         time.Time
	fingerprint storage.Digest
	action      string
	request     proto.Message
	// out is the answer; the transaction may run more than once, and fills it
	// anew each time.
	out    *pb.ManageKeyResponse
	secret access.Secret
}

func (m *managedWrite) run(ctx context.Context) (*pb.ManageKeyResponse, error) {
	s := m.service
	ctx = withCaller(ctx, m.caller)
	about, err := m.op.subject(ctx, s, &m.caller)
	if err != nil {
		return nil, err
	}
	if err := s.reach(ctx, about.user.TenantID, "key"); err != nil {
		return nil, err
	}
	revision, err := s.store.Write(ctx, func(tx storage.Tx) error { return m.change(ctx, tx, about) })
	if errors.Is(err, errDryRun) {
		return m.out, nil
	}
	if err != nil {
		return nil, m.notePast(ctx, err)
	}
	m.out.Secret = m.secret.Reveal()
	if revision > 0 {
		m.out.Revision = strconv.FormatInt(revision, 10)
		switch err := s.settle(ctx, revision); {
		case err != nil && m.secret.Form() == access.Missing:
			return nil, err
		case err != nil:
			// A new secret is shown now or never; that it is not known here yet
			// only refuses.
			m.out.Note = noteUnsettled
			m.out.Propagation = &pb.Propagation{State: pb.Propagation_PENDING, Revision: m.out.GetRevision()}
			return m.out, nil //nolint:nilerr // the answer says so
		}
	}
	m.out.Propagation = s.propagate(ctx, revision, m.request)
	return m.out, nil
}

// change is the transaction. It locks the tenant first, so that writes about
// one tenant come one after another.
func (m *managedWrite) change(ctx context.Context, tx storage.Tx, about subject) error {
	m.out, m.secret = nil, access.Secret{}
	o := m.op.call()
	w := &keyWork{ctx: ctx, service: m.service, caller: &m.caller, now: m.now}
	var err error
	if w.tenant, err = tx.GetTenant(about.user.TenantID); err != nil {
		return fmt.Errorf("reading the key's tenant: %w", err)
	}
	if done, err := m.repeated(tx, o); done || err != nil {
		return err
	}
	if w.user, err = tx.GetUser(about.user); err != nil {
		return missingUser(err)
	}
	var before *storage.Key
	if about.keyID != "" {
		if before, err = m.existing(tx, about.keyID, o.etag); err != nil {
			return err
		}
	}
	r, err := m.op.apply(w, before)
	if err != nil {
		return err
	}
	if m.op.yields() && (before == nil || r.changed) {
		if err := m.outranked(tx, w, r.key, before); err != nil {
			return err
		}
	}
	if r.changed {
		if err := m.store(tx, before, r.key); err != nil {
			return err
		}
	}
	return m.finish(ctx, tx, o, before, r)
}

// existing reads the key an operation is about.
func (m *managedWrite) existing(tx storage.Tx, id, wantEtag string) (*storage.Key, error) {
	key, err := tx.GetKey(id)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !key.DeleteTime.IsZero() {
		return nil, notFound("key")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	if wantEtag != "" && wantEtag != etag(key.Version) {
		return nil, staleEtag()
	}
	return key, nil
}

// outranked wants the caller to hold all that the key will be able to do, and
// all that it can do now: a key is not for a lesser one to touch.
func (m *managedWrite) outranked(tx storage.Tx, w *keyWork, after, before *storage.Key) error {
	own, err := tx.GetRoles(w.user.TenantID, w.user.Roles)
	if err != nil {
		return fmt.Errorf("reading roles: %w", err)
	}
	for _, key := range []*storage.Key{after, before} {
		if key == nil {
			continue
		}
		target := access.Grant{Key: key, User: w.user, Tenant: w.tenant, Roles: rolesOf(w.user.Roles, own)}
		if !m.caller.Grant.Outranks(&target) {
			return errOutranked
		}
	}
	return nil
}

// errOutranked: the write would yield more than its writer holds.
var errOutranked = forbidden(
	"the key can do more than the caller's own key, or would be able to",
	"Use a key whose user's roles, narrowed by its scopes, hold all that the other key may do.")

func (m *managedWrite) store(tx storage.Tx, before, after *storage.Key) error {
	if before == nil {
		if err := tx.CreateKey(after); err != nil {
			return fmt.Errorf("creating the key: %w", err)
		}
		return nil
	}
	return keepingAdmin(tx, after.TenantID, m.now, func() error {
		if err := tx.UpdateKey(after); err != nil {
			return fmt.Errorf("changing the key: %w", err)
		}
		return nil
	})
}

// settle waits until this replica answers checks by what was written: a write
// is in force here before its caller hears of it.
func (s *Service) settle(ctx context.Context, revision int64) error {
	if err := s.keys.CatchUp(ctx, revision); err != nil {
		f := unavailable(err)
		f.Message = "the change is written, but this replica could not take it over yet; it will as soon as the store answers"
		return f
	}
	return nil
}

func missingUser(err error) error {
	return namedNotFound(fmt.Errorf("reading the user: %w", err), "user")
}
