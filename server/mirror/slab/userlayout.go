package slab

import (
	"encoding/binary"

	"github.com/keystile/keystile/storage"
)

// The head of a user's block. A user is known by the place of its block, which
// keys hold, so that the block stays where it is for as long as the user is
// there or has keys. Its content is written anew in place while its lock is held,
// or, when it has become too long, stands in another block that this one leads to.
const (
	userSizeAt    = 0  // of the block, in 24 bits
	userFlagsAt   = 4  //
	userRefsAt    = 8  // how many keys lead here; readers never look
	userMovedAt   = 12 // the block that holds the content, or 0
	userRoundAt   = 16 // the round that wrote it; readers never look
	userRolesAt   = 20 // the number of the role set, 0 or carried
	userVersionAt = 24
	userCreateAt  = 32
	userUpdateAt  = 40
	userDeleteAt  = 48
	userHead      = 56
)

// The flags of a user's content. The lowest four bits are state and kind.
const (
	userKindBit = 2
	// userPresent is missing where a key refers to a user that is not there.
	userPresent = 1 << 4
	// userHasLimits says that limits follow.
	userHasLimits = 1 << 5
)

// userBlock is a block in its whole size. After the head stand the tenant, which
// is shared, the id, the display name, a role set that is carried, and limits.
type userBlock []byte

func (s *Store) userAt(r ref) userBlock {
	block := s.arena.at(r)
	return block[:binary.LittleEndian.Uint32(block)]
}

// userContent gives the block that holds the content of a user.
func (s *Store) userContent(r ref) userBlock {
	block := s.userAt(r)
	if moved := block.moved(); moved != 0 {
		return s.userAt(moved)
	}
	return block
}

func (b userBlock) u32(at int) uint32       { return binary.LittleEndian.Uint32(b[at:]) }
func (b userBlock) u64(at int) uint64       { return binary.LittleEndian.Uint64(b[at:]) }
func (b userBlock) setU32(at int, v uint32) { binary.LittleEndian.PutUint32(b[at:], v) }
func (b userBlock) moved() ref              { return ref(b.u32(userMovedAt)) }
func (b userBlock) present() bool           { return b.u32(userFlagsAt)&userPresent != 0 }
func (b userBlock) roles(p *userParts) shared {
	switch n := b.u32(userRolesAt); n {
	case carried:
		return shared{own: p.roles}
	default:
		return shared{number: n}
	}
}

// userParts is what follows a block's head, taken apart.
type userParts struct {
	tenant shared
	id     []byte
	name   []byte
	// roles is the role set's encoding, when it is carried.
	roles  []byte
	limits shared
}

func (b userBlock) parts() (p userParts) {
	c := cursor{b[userHead:]}
	p.tenant = c.shared()
	p.id = c.text()
	p.name = c.text()
	if b.u32(userRolesAt) == carried {
		p.roles = c.text()
	}
	if b.u32(userFlagsAt)&userHasLimits != 0 {
		p.limits = c.shared()
	}
	return p
}

// isUser tells whether a block is a user's.
func (s *Store) isUser(r ref, who *storage.UserRef) bool {
	lock := s.userLock(r)
	lock.RLock()
	defer lock.RUnlock()
	p := s.userContent(r).parts()
	return string(p.id) == who.ID && s.words.resolve(p.tenant) == who.TenantID
}
