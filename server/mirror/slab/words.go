package slab

import "github.com/keystile/keystile/storage"

// A word of a known few is kept as its place in these lists. The first is the
// zero value, which every kind of state refuses, and which a word from elsewhere
// becomes.
var (
	keyStates     = [4]storage.KeyState{1: storage.KeyActive, 2: storage.KeyDisabled, 3: storage.KeyRevoked}
	revokeReasons = [8]storage.RevokeReason{
		1: storage.RevokeKeyCompromise, 2: storage.RevokeCessation, 3: storage.RevokeSuperseded, 4: storage.RevokePrivilegeWithdrawn,
	}
	userStates = [4]storage.UserState{1: storage.UserActive, 2: storage.UserSuspended, 3: storage.UserDeleted}
	userKinds  = [4]storage.UserKind{1: storage.UserPerson, 2: storage.UserServiceAccount}
)

func codeOf[T comparable](word T, words []T) uint32 {
	for code := range uint32(len(words)) { //nolint:gosec // a few
		if words[code] == word {
			return code
		}
	}
	return 0
}
