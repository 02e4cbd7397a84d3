package main

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/keystile/keystile/server/access"
)

func TestPopulationIsWhatTheDocumentsSay(t *testing.T) {
	const keys = 20_000
	p := population{keys: keys}
	secrets, ids, users := map[string]bool{}, map[string]bool{}, map[int]bool{}
	scopes, labels, roles := map[string]bool{}, map[string]bool{}, map[string]bool{}
	withNetworks, withPrevious := 0, 0
	for i := range keys {
		secret, id, user := secretOf(i), keyID(i), p.userOf(i)
		if form := access.ParseSecret(secret).Form(); form != access.WellFormed {
			t.Fatalf("key %d: the form of its secret is %v", i, form)
		}
		if len(id) != 30 || len(keyName(i)) != 16 || len(userName(user)) != 16 {
			t.Fatalf("key %d: id %q, name %q, user's name %q", i, id, keyName(i), userName(user))
		}
		secrets[secret], ids[id], users[user] = true, true, true
		if rotated(i) {
			withPrevious++
			secrets[previousOf(i)] = true
		}
		if limited(i) {
			withNetworks++
			if !slices.ContainsFunc(networksOf(i), func(n string) bool { return netip.MustParsePrefix(n).Contains(netip.MustParseAddr(callerIP)) }) {
				t.Errorf("key %d refuses the caller: %v", i, networksOf(i))
			}
		}
		scopes[text(scopesOf(i))], labels[text(labelsOf(i))], roles[text(rolesOf(user))] = true, true, true
	}
	if len(secrets) != keys+withPrevious || len(ids) != keys || len(users) != keys/keysOfOne {
		t.Errorf("got %d secrets, %d ids and %d users", len(secrets), len(ids), len(users))
	}
	if withNetworks != keys/100 || withPrevious != keys/100 {
		t.Errorf("got %d keys with networks and %d with a previous secret, want %d each", withNetworks, withPrevious, keys/100)
	}
	if n := len(scopes) + len(labels) + len(roles); len(scopes) != scopeSets || len(labels) != labelSets || len(roles) != roleSets || n > 1000 {
		t.Errorf("got %d sets of scopes, %d of labels, %d of roles", len(scopes), len(labels), len(roles))
	}
}
