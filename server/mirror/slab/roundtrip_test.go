package slab_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/mirror/slab"
	"github.com/keystile/keystile/storage"
)

// same tells records apart to the last field, nil lists from empty ones included.
var same = cmp.Options{cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

// Generators of records as a store may hold them.
var (
	texts = rapid.OneOf(rapid.Just(""), rapid.StringN(1, 40, -1), rapid.StringN(0, 400, -1))
	times = rapid.OneOf(rapid.Just(time.Time{}), rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-1<<55, 1<<57).Draw(t, "microseconds")).UTC()
	}))
	lists    = rapid.OneOf(rapid.Just([]string(nil)), rapid.SliceOfN(texts, 0, 5))
	versions = rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64())
	ids      = rapid.OneOf(rapid.Custom(func(t *rapid.T) string {
		return "key_" + rapid.StringOfN(rapid.RuneFrom([]rune(idAlphabet)), 26, 26, -1).Draw(t, "characters")
	}), rapid.StringMatching("key_[0-9a-z]{26}"), texts)
	prefixes = rapid.Custom(func(t *rapid.T) netip.Prefix {
		switch rapid.IntRange(0, 3).Draw(t, "family") {
		case 0:
			return netip.Prefix{}
		case 1:
			addr := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"))
			return netip.PrefixFrom(netip.AddrFrom4(addr), rapid.IntRange(0, 32).Draw(t, "bits")).Masked()
		default:
			addr := [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address"))
			return netip.PrefixFrom(netip.AddrFrom16(addr), rapid.IntRange(0, 128).Draw(t, "bits"))
		}
	})
	apis = rapid.Custom(func(t *rapid.T) storage.APIRef {
		return storage.APIRef{TenantID: texts.Draw(t, "tenant"), ID: texts.Draw(t, "id")}
	})
	numbers    = rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64())
	rateLimits = rapid.Custom(func(t *rapid.T) storage.RateLimit {
		return storage.RateLimit{
			Name: texts.Draw(t, "name"), Requests: numbers.Draw(t, "requests"), Period: time.Duration(numbers.Draw(t, "period")),
			Burst: numbers.Draw(t, "burst"), Exact: rapid.Bool().Draw(t, "exact"),
		}
	})
	quotas = rapid.Custom(func(t *rapid.T) storage.Quota {
		return storage.Quota{
			Name: texts.Draw(t, "name"), Limit: numbers.Draw(t, "limit"), Period: storage.QuotaPeriod(texts.Draw(t, "period")),
			TimeZone: texts.Draw(t, "zone"), Refill: storage.QuotaRefill(texts.Draw(t, "refill")),
		}
	})
	limits = rapid.OneOf(rapid.Just(storage.Limits{}), rapid.Custom(func(t *rapid.T) storage.Limits {
		return storage.Limits{
			RateLimits: rapid.OneOf(rapid.Just([]storage.RateLimit(nil)), rapid.SliceOfN(rateLimits, 1, 4)).Draw(t, "rate limits"),
			Quotas:     rapid.OneOf(rapid.Just([]storage.Quota(nil)), rapid.SliceOfN(quotas, 1, 4)).Draw(t, "quotas"),
		}
	}))
	digests = rapid.Custom(func(t *rapid.T) storage.Digest {
		return storage.Digest(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest"))
	})
	keys = rapid.Custom(func(t *rapid.T) *storage.Key {
		k := &storage.Key{
			ID: ids.Draw(t, "id"), TenantID: texts.Draw(t, "tenant"), UserID: texts.Draw(t, "user"), DisplayName: texts.Draw(t, "name"),
			Scopes:       lists.Draw(t, "scopes"),
			AllowedCIDRs: rapid.OneOf(rapid.Just([]netip.Prefix(nil)), rapid.SliceOfN(prefixes, 0, 4)).Draw(t, "networks"),
			Labels:       rapid.OneOf(rapid.Just(map[string]string(nil)), rapid.MapOfN(texts, texts, 0, 4)).Draw(t, "labels"),
			APIs:         rapid.OneOf(rapid.Just([]storage.APIRef(nil)), rapid.SliceOfN(apis, 0, 3)).Draw(t, "apis"),
			SecretPrefix: texts.Draw(t, "prefix"), Limits: limits.Draw(t, "limits"),
			State: rapid.SampledFrom([]storage.KeyState{"", storage.KeyActive, storage.KeyDisabled, storage.KeyRevoked}).Draw(t, "state"),
			RevokeReason: rapid.SampledFrom([]storage.RevokeReason{
				"", storage.RevokeKeyCompromise, storage.RevokeCessation, storage.RevokeSuperseded, storage.RevokePrivilegeWithdrawn,
			}).Draw(t, "reason"),
			RevokeNote: texts.Draw(t, "note"), Version: versions.Draw(t, "version"),
			StartTime: times.Draw(t, "start"), ExpireTime: times.Draw(t, "expire"), RevokeTime: times.Draw(t, "revoke"),
			CreateTime: times.Draw(t, "create"), UpdateTime: times.Draw(t, "update"), DeleteTime: times.Draw(t, "delete"),
			CreatedBy: storage.UserRef{TenantID: texts.Draw(t, "creator's tenant"), ID: texts.Draw(t, "creator")},
		}
		if rapid.Bool().Draw(t, "never updated") {
			k.UpdateTime = k.CreateTime
		}
		for range rapid.IntRange(1, 8).Draw(t, "secrets") {
			k.Secrets = append(k.Secrets, storage.Secret{
				Digest: digests.Draw(t, "digest"), PepperID: texts.Draw(t, "pepper"), Prefix: texts.Draw(t, "prefix"),
				LastFour:   rapid.OneOf(rapid.StringMatching("[0-9A-Za-z]{4}"), texts).Draw(t, "last four"),
				CreateTime: rapid.OneOf(rapid.Just(k.CreateTime), times).Draw(t, "create"), EndTime: times.Draw(t, "end"),
			})
		}
		return k
	})
	users = rapid.Custom(func(t *rapid.T) *storage.User {
		return &storage.User{
			TenantID: texts.Draw(t, "tenant"), ID: texts.Draw(t, "id"), DisplayName: texts.Draw(t, "name"),
			Kind:  rapid.SampledFrom([]storage.UserKind{"", storage.UserPerson, storage.UserServiceAccount}).Draw(t, "kind"),
			State: rapid.SampledFrom([]storage.UserState{"", storage.UserActive, storage.UserSuspended, storage.UserDeleted}).Draw(t, "state"),
			Roles: lists.Draw(t, "roles"), Limits: limits.Draw(t, "limits"), Version: versions.Draw(t, "version"),
			CreateTime: times.Draw(t, "create"), UpdateTime: times.Draw(t, "update"), DeleteTime: times.Draw(t, "delete"),
		}
	})
)

func TestAKeyComesBackAsItWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := slab.New(slab.Options{})
		want, user := keys.Draw(t, "key"), users.Draw(t, "user")
		user.TenantID, user.ID = want.TenantID, want.UserID
		if err := s.Put(want); err != nil {
			t.Fatal(err)
		}
		var got slab.Found
		for i, secret := range want.Secrets {
			if !s.Lookup(secret.Digest, &got) || got.Key.Secrets[got.SecretIndex].Digest != secret.Digest || got.SecretIndex < i {
				t.Fatalf("secret %d: %+v", i, got)
			}
			if diff := cmp.Diff(want, &got.Key, same); diff != "" || got.HasUser {
				t.Fatal(diff, got.HasUser)
			}
		}
		if err := s.PutUser(user); err != nil {
			t.Fatal(err)
		}
		if !s.ByID(want.ID, &got) || !got.HasUser || got.SecretIndex != 0 {
			t.Fatalf("by id: %+v", got)
		}
		if diff := cmp.Diff(want, &got.Key, same) + cmp.Diff(user, &got.User); diff != "" {
			t.Fatal(diff)
		}
		s.DeleteUser(user.Ref())
		s.Delete(want.ID)
		if s.ByID(want.ID, &got) || s.Live() != 0 || s.Stats().Shared != 0 {
			t.Fatalf("%d bytes are left: %+v", s.Live(), s.Stats())
		}
	})
}

func TestAUserComesBackAsItWasPut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := slab.New(slab.Options{})
		name := users.Draw(t, "user").Ref()
		// Longer and shorter ones in turn, in place and not.
		for range 5 {
			want := users.Draw(t, "user")
			want.TenantID, want.ID = name.TenantID, name.ID
			if err := s.PutUser(want); err != nil {
				t.Fatal(err)
			}
			var got storage.User
			if !s.User(name, &got) {
				t.Fatal("not there")
			}
			if diff := cmp.Diff(want, &got); diff != "" {
				t.Fatal(diff)
			}
		}
		s.DeleteUser(name)
		if s.User(name, new(storage.User)) || s.Live() != 0 || s.Stats().Shared != 0 {
			t.Fatalf("%d bytes are left: %+v", s.Live(), s.Stats())
		}
	})
}

// TestValuesBeyondTheBoundStayWhole: more different sets than are shared.
func TestValuesBeyondTheBoundStayWhole(t *testing.T) {
	s := slab.New(slab.Options{})
	const n = 70_000
	made := func(i int) (*storage.Key, *storage.User) {
		name := fmt.Sprintf("%d", i)
		k := newFleet().key(uint64(i))
		k.TenantID, k.UserID, k.CreatedBy = "t"+name, "u"+name, storage.UserRef{TenantID: "t" + name, ID: "u" + name}
		k.Scopes, k.Labels, k.APIs = []string{name + ".a", name + ".b"}, map[string]string{"a": name}, []storage.APIRef{{TenantID: name, ID: "x"}}
		k.SecretPrefix, k.Secrets[0].PepperID, k.Secrets[0].Prefix = "p"+name, "q"+name, "r"+name
		k.AllowedCIDRs = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i)}), 24)}
		k.Limits = storage.Limits{Quotas: []storage.Quota{{Name: name, Limit: 1, Period: storage.QuotaDay}}}
		return k, &storage.User{TenantID: "t" + name, ID: "u" + name, Roles: []string{"role" + name}, Limits: k.Limits}
	}
	for i := range n {
		k, u := made(i)
		if err := errors.Join(s.Put(k), s.PutUser(u)); err != nil {
			t.Fatal(err)
		}
	}
	var got slab.Found
	for i := 0; i < n; i += 7 {
		k, u := made(i)
		if !s.Lookup(k.Secrets[0].Digest, &got) || !got.HasUser {
			t.Fatalf("key %d is not there", i)
		}
		if diff := cmp.Diff(k, &got.Key, same) + cmp.Diff(u, &got.User); diff != "" || got.Roles.TenantID != k.TenantID {
			t.Fatal(diff)
		}
	}
	if most := 8 << 16; s.Stats().Shared > most {
		t.Errorf("%d values are shared, want at most %d", s.Stats().Shared, most)
	}
	for i := range n {
		k, u := made(i)
		s.DeleteUser(u.Ref())
		s.Delete(k.ID)
	}
	if s.Live() != 0 || s.Stats().Shared != 0 {
		t.Errorf("%d bytes are left: %+v", s.Live(), s.Stats())
	}
}

func TestWhatCannotBeKeptIsGone(t *testing.T) {
	s := slab.New(slab.Options{})
	f := newFleet()
	k, u := f.key(2), f.user(0)
	if err := errors.Join(s.Put(k), s.PutUser(u)); err != nil {
		t.Fatal(err)
	}
	gone := func(what string, err, want error) {
		t.Helper()
		var found slab.Found
		if !errors.Is(err, want) || s.ByID(k.ID, &found) || s.Lookup(k.Secrets[0].Digest, &found) || s.Lookup(k.Secrets[1].Digest, &found) {
			t.Errorf("%s: %v, and found %+v", what, err, found)
		}
	}
	large := f.key(2)
	large.RevokeNote = strings.Repeat("x", 2<<20)
	gone("a huge note", s.Put(large), slab.ErrTooLarge)
	crowded := f.key(2)
	crowded.Secrets = make([]storage.Secret, 300)
	gone("300 secrets", s.Put(crowded), slab.ErrTooLarge)

	if err := s.Put(k); err != nil {
		t.Fatal(err)
	}
	huge := f.user(0)
	huge.DisplayName = large.RevokeNote
	err := s.PutUser(huge)
	var found slab.Found
	if !errors.Is(err, slab.ErrTooLarge) || !s.ByID(k.ID, &found) || found.HasUser || found.Key.User() != u.Ref() {
		t.Errorf("a huge user: %v, and found %+v", err, found)
	}

	noMemory := errors.New("no memory")
	s.FailAfter(1, noMemory)
	for i := uint64(10); ; i++ {
		k = f.key(i)
		if err = s.Put(k); err != nil {
			break
		}
	}
	if !errors.Is(err, noMemory) || s.ByID(k.ID, &found) || !s.ByID(f.key(10).ID, &found) {
		t.Errorf("without memory: %v", err)
	}
}

func TestDigestsAreComparedWhole(t *testing.T) {
	s, k := slab.New(slab.Options{}), newFleet().key(2)
	if err := s.Put(k); err != nil {
		t.Fatal(err)
	}
	for _, secret := range k.Secrets {
		if !s.Matches(k.ID, secret.Digest) {
			t.Error("its own digest does not match")
		}
		for i := range secret.Digest {
			for bit := range 8 {
				other := secret.Digest
				other[i] ^= 1 << bit
				if s.Matches(k.ID, other) || s.Lookup(other, new(slab.Found)) {
					t.Errorf("a digest that differs in bit %d of byte %d matches", bit, i)
				}
			}
		}
	}
}

// TestLimitsCostOnlyThoseWhoBearThem: empty limits take no room, and those with the
// same ones share them.
func TestLimitsCostOnlyThoseWhoBearThem(t *testing.T) {
	bearing := func(limits storage.Limits) (live, shared int) {
		s, f := slab.New(slab.Options{}), newFleet()
		for i := range uint64(10) {
			k, u := f.key(i), f.user(i)
			k.Limits, u.Limits = limits, limits
			if err := errors.Join(s.Put(k), s.PutUser(u)); err != nil {
				t.Fatal(err)
			}
		}
		return s.Live(), s.Stats().Shared
	}
	live, shared := bearing(storage.Limits{})
	if empty, _ := bearing(storage.Limits{RateLimits: []storage.RateLimit{}, Quotas: []storage.Quota{}}); empty != live {
		t.Errorf("empty limits: got %d bytes, want %d", empty, live)
	}
	_, some := bearing(storage.Limits{RateLimits: []storage.RateLimit{{Name: "m", Requests: 1, Period: time.Minute, Burst: 1}}})
	if some != shared+1 {
		t.Errorf("the same limits on all: got %d shared values, want %d and one", some, shared)
	}
}
