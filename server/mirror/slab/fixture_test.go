package slab_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/keystile/keystile/storage"
)

const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// fleet makes keys as a large deployment has them: ten for each user, names of 16
// bytes, 1,000 sets of scopes, labels and roles, one in a hundred with networks and
// another with a secret in its grace.
type fleet struct{ begin time.Time }

func newFleet() fleet { return fleet{time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)} }

// mix spreads a number over 64 bits (Steele, Lea and Flood 2014, SplitMix64).
func mix(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

func digestOf(n uint64) (d storage.Digest) {
	for i := range uint64(4) {
		binary.LittleEndian.PutUint64(d[8*i:], mix(4*n+i))
	}
	return d
}

func idOf(n uint64) string {
	id := []byte("key_")
	for i := range uint64(26) {
		id = append(id, idAlphabet[mix(n*26+i)%32])
	}
	return string(id)
}

func (f fleet) user(n uint64) *storage.User {
	return &storage.User{
		TenantID: fmt.Sprintf("tenant-%d", n%100), ID: fmt.Sprintf("user-%011d", n), DisplayName: fmt.Sprintf("User %011d", n),
		Kind: storage.UserServiceAccount, State: storage.UserActive,
		Roles: []string{"developer", fmt.Sprintf("role-%d", n%1000/100)}, Version: 1,
		CreateTime: f.begin, UpdateTime: f.begin.Add(time.Hour),
	}
}

func (f fleet) key(n uint64) *storage.Key {
	user, set := n/10, n%1000
	k := &storage.Key{
		ID: idOf(n), TenantID: fmt.Sprintf("tenant-%d", user%100), UserID: fmt.Sprintf("user-%011d", user),
		DisplayName: fmt.Sprintf("Key %012d", n),
		Scopes:      []string{fmt.Sprintf("api-%d.read", set), fmt.Sprintf("api-%d.write", set)},
		Labels:      map[string]string{"team": fmt.Sprintf("team-%d", set), "env": "production"},
		State:       storage.KeyActive, Version: 2,
		CreateTime: f.begin.Add(time.Duration(n) * time.Millisecond),
		UpdateTime: f.begin.Add(time.Duration(n)*time.Millisecond + time.Hour),
		ExpireTime: f.begin.AddDate(1, 0, 0),
		CreatedBy:  storage.UserRef{TenantID: fmt.Sprintf("tenant-%d", user%100), ID: "admin"},
	}
	k.Secrets = []storage.Secret{{Digest: digestOf(n), Prefix: "ks", LastFour: "a1b2", CreateTime: k.CreateTime, PepperID: "2026"}}
	if n%100 == 1 {
		k.AllowedCIDRs = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), 0}), 24)}
	}
	if n%100 == 2 {
		k.Secrets = append(k.Secrets, storage.Secret{
			Digest: digestOf(n | 1<<40), Prefix: "ks", LastFour: "c3d4", PepperID: "2026", CreateTime: k.CreateTime, EndTime: f.begin.AddDate(0, 1, 0),
		})
		k.Secrets[0].CreateTime = k.UpdateTime
	}
	return k
}
