package slab

import "sync/atomic"

// RoleSet is a list of role ids in a tenant, shared by the users who hold just
// those. It must not be changed.
type RoleSet struct {
	TenantID string
	IDs      []string

	memo atomic.Pointer[memo]
}

// memo is what somebody made of the ids as of a generation.
type memo struct {
	generation uint64
	made       any
}

// Memo gives what SetMemo was last given, if it was for this generation. So
// whoever knows what the ids mean need not find it anew for each user; when the
// meaning changes, it counts the generation up.
func (r *RoleSet) Memo(generation uint64) (made any, ok bool) {
	if m := r.memo.Load(); m != nil && m.generation == generation {
		return m.made, true
	}
	return nil, false
}

// SetMemo keeps what was made of the ids as of a generation.
func (r *RoleSet) SetMemo(generation uint64, made any) {
	r.memo.Store(&memo{generation, made})
}
