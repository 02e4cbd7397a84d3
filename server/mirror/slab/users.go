package slab

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"

	"github.com/keystile/keystile/storage"
)

// userLock guards the content of the users that it is picked for.
func (s *Store) userLock(r ref) *paddedLock {
	return &s.userLocks[uint32(r)*0x9e3779b1>>(32-userLockBits)]
}

func (s *Store) hashUser(who storage.UserRef) uint64 { return maphash.Comparable(s.seed, who) }

// findUser gives the block of a user, and its entry; 0 when there is none. The
// lock of the user's shard is held, or the writer's.
func (s *Store) findUser(who *storage.UserRef, hash uint64) (ref, probe) {
	p := s.shard(hash).users.probe(&s.arena, lower(hash))
	for r := p.next(); r != 0; r = p.next() {
		if s.isUser(r, who) {
			return r, p
		}
	}
	return 0, p
}

// PutUser puts a user in place of what is there under its name. On an error the
// user is not there any more, so that its keys are refused.
func (s *Store) PutUser(u *storage.User) error {
	s.write.Lock()
	defer s.write.Unlock()
	who := u.Ref()
	hash := s.hashUser(who)
	r, _ := s.findUser(&who, hash)
	var err error
	if content := s.encodeUser(u); r == 0 {
		if _, err = s.addUser(hash, content); err == nil {
			s.userCount++
		}
	} else if err = s.rewriteUser(r, content); err != nil {
		s.withdrawUser(r)
		s.sweepUser(r)
	}
	if err != nil {
		return fmt.Errorf("keeping a user: %w", err)
	}
	return nil
}

// DeleteUser takes a user out. Keys that refer to it go on doing so.
func (s *Store) DeleteUser(who storage.UserRef) {
	s.write.Lock()
	defer s.write.Unlock()
	if r, _ := s.findUser(&who, s.hashUser(who)); r != 0 {
		s.withdrawUser(r)
		s.sweepUser(r)
	}
}

// withdrawUser leaves of a user only what tells who it is.
func (s *Store) withdrawUser(r ref) {
	if !s.userContent(r).present() {
		return
	}
	lock := s.userLock(r)
	lock.Lock()
	block := s.userContent(r)
	p := block.parts()
	roles := block.roles(&p)
	block.setU32(userFlagsAt, 0)
	block.setU32(userRolesAt, 0)
	lock.Unlock()
	s.roles.release(roles)
	s.limits.release(p.limits)
	s.userCount--
}

// addUser makes a block of content that was encoded for it.
func (s *Store) addUser(hash uint64, content userBlock) (r ref, err error) {
	shard := s.shard(hash)
	if err = s.reserve(shard, &shard.users, lower(hash), 1); err == nil {
		r, err = s.newUserBlock(content)
	}
	if err != nil {
		s.letContent(content)
		return 0, err
	}
	shard.Lock()
	shard.users.page(&s.arena, lower(hash)).add(lower(hash), r)
	shard.Unlock()
	return r, nil
}

func (s *Store) newUserBlock(content userBlock) (ref, error) {
	r, err := s.arena.alloc(len(content))
	if err != nil {
		return 0, err
	}
	_, size := sizeClass(len(content))
	content.setU32(userSizeAt, uint32(size)) //nolint:gosec // alloc refuses what is large
	copy(s.arena.at(r), content)
	return r, nil
}

// holdUser counts one more that refers to a user, who need not be there.
func (s *Store) holdUser(who storage.UserRef) (ref, error) {
	hash := s.hashUser(who)
	r, _ := s.findUser(&who, hash)
	if r == 0 {
		content := s.encodeUser(&storage.User{TenantID: who.TenantID, ID: who.ID})
		content.setU32(userFlagsAt, 0)
		var err error
		if r, err = s.addUser(hash, content); err != nil {
			return 0, err
		}
	}
	block := s.userAt(r)
	block.setU32(userRefsAt, block.u32(userRefsAt)+1)
	return r, nil
}

// letUser counts one less that refers to a user.
func (s *Store) letUser(r ref) {
	block := s.userAt(r)
	block.setU32(userRefsAt, block.u32(userRefsAt)-1)
	s.sweepUser(r)
}

// sweepUser takes back the block of a user who is not there and has no keys.
func (s *Store) sweepUser(r ref) {
	block, content := s.userAt(r), s.userContent(r)
	if block.u32(userRefsAt) > 0 || content.present() {
		return
	}
	p := content.parts()
	who := storage.UserRef{TenantID: s.words.resolve(p.tenant), ID: string(p.id)}
	hash := s.hashUser(who)
	_, entry := s.findUser(&who, hash)
	shard := s.shard(hash)
	shard.Lock()
	entry.remove()
	shard.Unlock()
	s.letContent(content)
	if moved := block.moved(); moved != 0 {
		s.arena.release(moved, len(content))
	}
	s.arena.release(r, len(block))
}

// encodeUser writes a user into the scratch, and counts what it refers to.
func (s *Store) encodeUser(u *storage.User) userBlock {
	flags := codeOf(u.State, userStates[:]) | codeOf(u.Kind, userKinds[:])<<userKindBit | userPresent
	out := s.blank(userHead)
	out = s.words.append(out, s.encoding(append(s.part[:0], u.TenantID...)))
	out = appendText(out, u.ID)
	out = appendText(out, u.DisplayName)
	var roles uint32
	if u.Roles != nil {
		part := s.encoding(appendRoleSet(s.part[:0], u.TenantID, u.Roles))
		var ok bool
		if roles, ok = s.roles.acquire(part); !ok {
			roles = carried
			out = appendText(out, part)
		}
	}
	if !u.Limits.Empty() {
		flags |= userHasLimits
		out = s.limits.append(out, s.encoding(appendLimits(s.part[:0], &u.Limits)))
	}
	s.scratch = out
	block := userBlock(out)
	block.setU32(userFlagsAt, flags)
	block.setU32(userRoundAt, s.round)
	block.setU32(userRolesAt, roles)
	binary.LittleEndian.PutUint64(block[userVersionAt:], uint64(u.Version)) //nolint:gosec // the same bits
	binary.LittleEndian.PutUint64(block[userCreateAt:], micros(u.CreateTime))
	binary.LittleEndian.PutUint64(block[userUpdateAt:], micros(u.UpdateTime))
	binary.LittleEndian.PutUint64(block[userDeleteAt:], micros(u.DeleteTime))
	return block
}

// letContent gives up what a user's content refers to.
func (s *Store) letContent(content userBlock) {
	p := content.parts()
	s.words.release(p.tenant)
	s.roles.release(content.roles(&p))
	s.limits.release(p.limits)
}

// rewriteUser puts new content in place of what a user has.
func (s *Store) rewriteUser(r ref, content userBlock) error {
	block, old := s.userAt(r), s.userContent(r)
	var moved ref
	if len(content) > len(block) {
		var err error
		if moved, err = s.newUserBlock(content); err != nil {
			s.letContent(content)
			return err
		}
	}
	was, gone := old.present(), block.moved()
	let := append(userBlock(nil), old...)

	lock := s.userLock(r)
	lock.Lock()
	if moved == 0 {
		refs := block.u32(userRefsAt)
		copy(block[userFlagsAt:], content[userFlagsAt:])
		block.setU32(userRefsAt, refs)
	}
	block.setU32(userMovedAt, uint32(moved))
	lock.Unlock()

	s.letContent(let)
	if gone != 0 {
		s.arena.release(gone, len(let))
	}
	if !was {
		s.userCount++
	}
	return nil
}
