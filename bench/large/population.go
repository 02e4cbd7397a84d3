package main

import (
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"strconv"

	"github.com/keystile/keystile/server/access"
)

// What a store holds beside its keys.
const (
	tenant    = "large"
	callHost  = "api.large.test"
	callPath  = "/orders/7"
	callerIP  = "10.1.2.3"
	keysOfOne = 10 // keys that a user has

	// Distinct sets that records share; 1,000 in all.
	scopeSets = 400
	labelSets = 400
	callers   = 20
	extras    = 10
	roleSets  = callers * extras
)

// idAlphabet is that of generated ids.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// population says which keys and users a store holds. All of it follows from
// indexes, so that who asks needs no file of secrets.
type population struct {
	keys int
}

func (p population) users() int { return max(1, p.keys/keysOfOne) }

// seedOf is where everything about a key comes from.
func seedOf(what string, i int) [sha256.Size]byte {
	var room [48]byte
	return sha256.Sum256(strconv.AppendInt(append(append(room[:0], what...), '-'), int64(i), 10))
}

// secretOf gives a key's secret in use, as it would be issued.
func secretOf(i int) string { return drawn(seedOf("bench-key", i)) }

// previousOf gives the secret before it, of a key that was rotated.
func previousOf(i int) string { return drawn(seedOf("bench-key-before", i)) }

func drawn(seed [sha256.Size]byte) string {
	secret, err := access.NewSecret(rand.NewChaCha8(seed), access.DefaultPrefix)
	if err != nil {
		panic(err) // neither the source nor the prefix can fail
	}
	return secret.Reveal()
}

// keyID gives a key's id in the form of generated ones. So the order of ids is not
// the order in which keys came, here as in any store.
func keyID(i int) string {
	seed := seedOf("bench-id", i)
	id := []byte("key_")
	for _, b := range seed[:26] {
		id = append(id, idAlphabet[b%32])
	}
	return string(id)
}

// userOf gives the number of a key's user.
func (p population) userOf(i int) int { return i % p.users() }

func userID(n int) string { return "user-" + padded(n, 9) }

// The names are 16 bytes long.
func keyName(i int) string  { return "key for app " + padded(i%10_000, 4) }
func userName(n int) string { return "someone " + padded(n, 8) }

// limited tells whether a key has a list of addresses, rotated whether it has a
// secret that is in its grace: each of them one key in a hundred.
func limited(i int) bool { return i%100 == 7 }
func rotated(i int) bool { return i%100 == 13 }

// mixed spreads indexes over sets, so that neighbours have different ones.
func mixed(i, sets int) int {
	return int(uint64(i) * 0x9e3779b97f4a7c15 >> 33 % uint64(sets)) //nolint:gosec // below sets
}

func scopesOf(i int) []string {
	n := mixed(i, scopeSets)
	return []string{"orders.read", "stock.s" + padded(n, 3) + ".read", "stock.s" + padded(n, 3) + ".write"}
}

func labelsOf(i int) map[string]string {
	n := mixed(i+1, labelSets)
	return map[string]string{"team": "team-" + padded(n/4, 3), "stage": []string{"dev", "test", "load", "live"}[n%4]}
}

func networksOf(i int) []string {
	if !limited(i) {
		return []string{}
	}
	return []string{"10.0.0.0/8", "192.168." + strconv.Itoa(mixed(i, 256)) + ".0/24"}
}

// rolesOf gives a user's roles: one that may call, and one beside it.
func rolesOf(n int) []string {
	set := mixed(n, roleSets)
	return []string{"caller-" + padded(set%callers, 2), "extra-" + padded(set/callers, 2)}
}

// roles gives every role with its permissions.
func roles() map[string][]string {
	all := map[string][]string{}
	for n := range callers {
		all["caller-"+padded(n, 2)] = []string{"orders.read", "stock.c" + padded(n, 2) + ".*"}
	}
	for n := range extras {
		all["extra-"+padded(n, 2)] = []string{"billing.e" + padded(n, 2) + ".read"}
	}
	return all
}

func padded(n, width int) string {
	text := strconv.Itoa(n)
	for len(text) < width {
		text = "0" + text
	}
	return text
}

// text gives JSON as the store keeps it.
func text(value any) string {
	written, err := json.Marshal(value)
	if err != nil {
		panic(err) // lists and maps of texts can be written
	}
	return string(written)
}
