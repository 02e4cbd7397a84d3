package slab_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/keystile/keystile/server/mirror/slab"
	"github.com/keystile/keystile/storage"
)

// The keys of a changing fleet say in each field which version wrote it.
const (
	changing = 16
	staying  = 2000
	passing  = 5000
)

func changingKey(n, version uint64) *storage.Key {
	text := fmt.Sprintf("version %d", version)
	k := newFleet().key(n)
	k.Version, k.DisplayName, k.RevokeNote = int64(version), text+strings.Repeat("!", int(version%90)), text
	k.Scopes, k.Labels = []string{text, "b"}, map[string]string{"version": text}
	k.UserID = fmt.Sprintf("changing-%d", version%4)
	k.Secrets = []storage.Secret{
		{Digest: digestOf(1<<50 + n), LastFour: fmt.Sprintf("%04d", version%10_000)},
		{Digest: digestOf(1<<51 + n), Prefix: text},
	}
	if version%3 == 0 {
		k.Secrets = append(k.Secrets, storage.Secret{Digest: digestOf(1<<52 + n)})
	}
	return k
}

func changingUser(n, version uint64) *storage.User {
	text := fmt.Sprintf("version %d", version)
	u := newFleet().user(n)
	u.ID, u.Version, u.DisplayName, u.Roles = fmt.Sprintf("changing-%d", n), int64(version), text+strings.Repeat("?", int(version%200)), []string{text}
	return u
}

// whole tells what of a key and its user is not of one version.
func whole(f *slab.Found) error {
	k, text := &f.Key, fmt.Sprintf("version %d", f.Key.Version)
	secrets := 2
	if k.Version%3 == 0 {
		secrets = 3
	}
	switch {
	case strings.TrimRight(k.DisplayName, "!") != text || k.RevokeNote != text,
		!slices.Equal(k.Scopes, []string{text, "b"}) || k.Labels["version"] != text,
		k.UserID != fmt.Sprintf("changing-%d", k.Version%4),
		len(k.Secrets) != secrets || k.Secrets[1].Prefix != text || k.Secrets[0].LastFour != fmt.Sprintf("%04d", k.Version%10_000):
		return fmt.Errorf("half a key: %+v", k)
	}
	u, text := &f.User, fmt.Sprintf("version %d", f.User.Version)
	if f.HasUser && (strings.TrimRight(u.DisplayName, "?") != text || !slices.Equal(u.Roles, []string{text}) || u.ID != k.UserID || f.Roles.IDs[0] != text) {
		return fmt.Errorf("half a user: %+v", u)
	}
	return nil
}

// TestReadersSeeChangesWholeOrNotAtAll reads while a writer changes keys and users,
// and while others come and go around keys that stay. Under the race detector it
// watches the records themselves.
func TestReadersSeeChangesWholeOrNotAtAll(t *testing.T) {
	s, f := slab.New(slab.Options{OnHeap: true}), newFleet()
	for i := range uint64(staying) {
		if err := s.Put(f.key(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(changing) {
		if err := s.Put(changingKey(i, 1)); err != nil {
			t.Fatal(err)
		}
	}
	var done atomic.Bool
	var readers sync.WaitGroup
	for r := range uint64(3) {
		readers.Go(func() {
			var found slab.Found
			for i := r; !done.Load(); i++ {
				n := mix(i) % changing
				var last int64
				// A change that was seen under one secret is seen under the others.
				for _, salt := range []uint64{1 << 50, 1 << 51, 1 << 50, 1 << 51} {
					if !s.Lookup(digestOf(salt+n), &found) {
						t.Errorf("changing key %d is not there", n)
						return
					}
					if err := whole(&found); err != nil || found.Key.Version < last {
						t.Errorf("after version %d: %v", last, err)
						return
					}
					last = found.Key.Version
				}
				if !s.ByID(idOf(n), &found) || found.Key.Version < last {
					t.Errorf("by id after version %d: version %d", last, found.Key.Version)
					return
				}
				if n = mix(i) % staying; n >= changing && (!s.Lookup(digestOf(n), &found) || found.Key.ID != idOf(n)) {
					t.Errorf("key %d is not there", n)
					return
				}
			}
		})
	}
	for v := uint64(2); v < 4000 && !t.Failed(); v++ {
		n := v % changing
		err := s.Put(changingKey(n, v))
		if v%5 == 0 {
			s.DeleteUser(changingUser(v%4, v).Ref())
		} else if err == nil {
			err = s.PutUser(changingUser(v%4, v))
		}
		// These come and go, and make tables grow and close holes.
		for i := range uint64(4) {
			at := staying + (4*v+i)%passing
			if v/(passing/4)%2 == 0 && err == nil {
				err = s.Put(f.key(at))
			} else {
				s.Delete(idOf(at))
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	done.Store(true)
	readers.Wait()
}

// TestLookupsGoOnDuringARound replaces everything by itself.
func TestLookupsGoOnDuringARound(t *testing.T) {
	s, f := slab.New(slab.Options{OnHeap: true}), newFleet()
	put := func(from, to uint64) {
		for i := from; i < to; i++ {
			if err := s.Put(f.key(i)); err != nil {
				t.Error(err)
			}
		}
	}
	put(0, 4000)
	var done atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		var found slab.Found
		for i := uint64(0); !done.Load(); i++ {
			if n := 1000 + mix(i)%3000; !s.Lookup(digestOf(n), &found) || found.Key.ID != idOf(n) {
				t.Errorf("key %d is not there", n)
				return
			}
		}
	})
	for range 5 {
		s.BeginRound()
		put(1000, 5000)
		s.Sweep()
		if got := s.Stats().Keys; got != 4000 {
			t.Errorf("%d keys after the round, want 4000", got)
		}
		put(0, 1000)
	}
	done.Store(true)
	reader.Wait()
}
