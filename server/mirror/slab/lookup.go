package slab

import (
	"encoding/binary"

	"github.com/keystile/keystile/storage"
)

// Found is a key as of one moment, with its user. It is the caller's own, but for
// the lists and maps in it, which others share: they must not be changed. Its
// strings share one piece of memory; clone one that is kept for long.
type Found struct {
	Key storage.Key
	// SecretIndex says which of the key's secrets the digest is of.
	SecretIndex int
	// HasUser is false when the key's user is not there; then User is zero.
	HasUser bool
	User    storage.User
	// Roles are the user's; nil when it has none.
	Roles *RoleSet

	secret [1]storage.Secret
}

// Lookup finds the key that a digest is of. When there is none, found is zero.
func (s *Store) Lookup(digest storage.Digest, found *Found) bool {
	var t texts
	*found = Found{}
	if !s.copyDigest(&digest, found, &t) {
		return false
	}
	found.name(&t)
	return true
}

// ByID finds a key by its id, as if its secret in use were presented.
func (s *Store) ByID(id string, found *Found) bool {
	var t texts
	*found = Found{}
	if !s.copyID(id, found, &t) {
		return false
	}
	found.name(&t)
	return true
}

// name makes the strings that were gathered.
func (f *Found) name(t *texts) {
	t.make()
	if f.HasUser {
		f.User.ID = f.Key.UserID
	}
}

// User finds a user by its name.
func (s *Store) User(who storage.UserRef, found *storage.User) bool {
	var t texts
	*found = storage.User{}
	if !s.copyUser(&who, found, &t) {
		return false
	}
	t.make()
	return true
}

func (s *Store) copyDigest(digest *storage.Digest, found *Found, t *texts) bool {
	hash := s.hashDigest(digest)
	of := s.shard(hash)
	of.RLock()
	defer of.RUnlock()
	r, _ := s.findDigest(digest, hash)
	if r == 0 {
		return false
	}
	rec := s.keyAt(r)
	found.SecretIndex = rec.indexOf(digest)
	s.fill(rec, found, t)
	return true
}

func (s *Store) copyID(id string, found *Found, t *texts) bool {
	hash, want := s.hashID(id), wanted(id)
	of := s.shard(hash)
	of.RLock()
	defer of.RUnlock()
	r, _ := s.findID(&want, hash)
	if r == 0 {
		return false
	}
	s.fill(s.keyAt(r), found, t)
	return true
}

func (s *Store) copyUser(who *storage.UserRef, found *storage.User, t *texts) bool {
	hash := s.hashUser(*who)
	of := s.shard(hash)
	of.RLock()
	defer of.RUnlock()
	r, _ := s.findUser(who, hash)
	if r == 0 {
		return false
	}
	_, there := s.fillUser(r, s.userAt(r), found, &found.TenantID, &found.ID, t)
	return there
}

// fill copies a record, and its user. The lock of a shard that leads to the
// record is held.
func (s *Store) fill(rec keyRecord, found *Found, t *texts) {
	// The user's block is asked for before it is needed, so that it is on its way
	// from memory while the key is read.
	user := s.userAt(rec.user())
	var p keyParts
	rec.parts(&p)
	k, flags := &found.Key, rec.flags()
	if flags&keyHasTextID != 0 {
		t.add(&k.ID, p.textID)
	} else {
		t.addID(&k.ID, rec[keyIDAt:keyIDAt+packedID], flags&3)
	}
	k.State = keyStates[flags>>keyStateBit&3]
	k.RevokeReason = revokeReasons[flags>>keyReasonBit&7]
	k.Version = int64(binary.LittleEndian.Uint32(rec[keyVersionAt:]))
	if flags&keyHasWideVersion != 0 {
		k.Version = int64(p.wideVersion) //nolint:gosec // the same bits
	}
	k.CreateTime, k.UpdateTime = moment(rec.create()), moment(p.update)
	k.StartTime, k.ExpireTime = moment(p.start), moment(p.expire)
	k.RevokeTime, k.DeleteTime = moment(p.revoke), moment(p.deleted)
	k.Scopes = s.scopes.resolve(p.scopes)
	k.Labels = s.labels.resolve(p.labels)
	k.APIs = s.apis.resolve(p.apis)
	k.AllowedCIDRs = s.networks.resolve(p.networks)
	k.CreatedBy = s.creators.resolve(p.createdBy)
	k.Limits = s.limits.resolve(p.limits)
	k.SecretPrefix = s.words.resolve(p.secretPrefix)
	if len(p.name) > 0 {
		t.add(&k.DisplayName, p.name)
	}
	if len(p.note) > 0 {
		t.add(&k.RevokeNote, p.note)
	}
	s.fillSecrets(rec, p.secrets, found, t)
	found.Roles, found.HasUser = s.fillUser(rec.user(), user, &found.User, &k.TenantID, &k.UserID, t)
}

func (s *Store) fillSecrets(rec keyRecord, c cursor, found *Found, t *texts) {
	n := rec.secrets()
	switch {
	case n == 0:
		return
	case n <= len(found.secret):
		found.Key.Secrets = found.secret[:n:n]
	default:
		found.Key.Secrets = make([]storage.Secret, n)
	}
	for i := range n {
		p, to := c.secret(rec.create()), &found.Key.Secrets[i]
		to.Digest = *rec.digest(i)
		to.Prefix, to.PepperID = s.words.resolve(p.prefix), s.words.resolve(p.pepper)
		t.add(&to.LastFour, p.lastFour)
		to.CreateTime, to.EndTime = moment(p.create), moment(p.end)
	}
}

// fillUser copies a user who is there, but for the id, and says in any case who it
// is.
func (s *Store) fillUser(r ref, block userBlock, u *storage.User, tenant, id *string, t *texts) (roles *RoleSet, there bool) {
	lock := s.userLock(r)
	lock.RLock()
	defer lock.RUnlock()
	if moved := block.moved(); moved != 0 {
		block = s.userAt(moved)
	}
	p := block.parts()
	*tenant = s.words.resolve(p.tenant)
	t.add(id, p.id)
	if !block.present() {
		return nil, false
	}
	flags := block.u32(userFlagsAt)
	u.TenantID = *tenant
	t.add(&u.DisplayName, p.name)
	u.Kind = userKinds[flags>>userKindBit&3]
	u.State = userStates[flags&3]
	u.Version = int64(block.u64(userVersionAt)) //nolint:gosec // the same bits
	u.CreateTime, u.UpdateTime = moment(block.u64(userCreateAt)), moment(block.u64(userUpdateAt))
	u.DeleteTime = moment(block.u64(userDeleteAt))
	u.Limits = s.limits.resolve(p.limits)
	if roles = s.roles.resolve(block.roles(&p)); roles != nil {
		u.Roles = roles.IDs
	}
	return roles, true
}
