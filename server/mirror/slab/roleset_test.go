package slab_test

import (
	"testing"

	"github.com/keystile/keystile/server/mirror/slab"
)

func TestUsersOfTheSameRolesShareAMemo(t *testing.T) {
	s, f := slab.New(slab.Options{}), newFleet()
	roles := func(n uint64) *slab.RoleSet {
		var found slab.Found
		if err := s.PutUser(f.user(n)); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(f.key(10 * n)); err != nil {
			t.Fatal(err)
		}
		if !s.Lookup(digestOf(10*n), &found) {
			t.Fatal("not there")
		}
		return found.Roles
	}
	one, same, other := roles(5), roles(1005), roles(105)
	if one != same || one == other {
		t.Errorf("%p %p %p", one, same, other)
	}
	if _, ok := one.Memo(0); ok {
		t.Error("a memo before there is one")
	}
	one.SetMemo(1, "made")
	if made, ok := same.Memo(1); !ok || made != "made" {
		t.Error(made, ok)
	}
	if _, ok := same.Memo(2); ok {
		t.Error("a memo of the generation before")
	}
}
