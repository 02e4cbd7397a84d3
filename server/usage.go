package server

import (
	"context"
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/mirror"
	"github.com/keystile/keystile/storage"
)

// How coarse times of use are, how often they are written, and how many keys may
// wait for it.
const (
	usageGrain = time.Minute
	usageFlush = 15 * time.Second
	maxUsage   = 20_000
	usageBatch = 5000
	// usageRecent is a power of two, of at most 16 bits.
	usageRecent = 1 << 14
)

// usage notes when keys were last used, coarsely and in bounded memory. Beyond
// the bound a use goes unnoted until there is room: it is a hint, and no record.
type usage struct {
	mu sync.Mutex
	// seen are the minutes in which digests were last presented. There are no
	// pointers in it, so that the collector does not look at it; nor does it at what
	// comes after the last pointer.
	seen map[storage.Digest]int64

	// full is true while there is no room: with a million keys in use a note for each
	// of them would cost more than the checks.
	full atomic.Bool

	// recent remembers, in a place that the presented digest leads to, what was
	// noted there last: nearly every use is one of many in the same minute.
	recent [usageRecent]atomic.Uint64
}

func newUsage() *usage { return &usage{seen: make(map[storage.Digest]int64)} }

// minuteOf numbers the minutes since the Unix epoch.
func minuteOf(now time.Time) int64 { return now.Unix() / int64(usageGrain/time.Second) }

// fresh tells whether a use is not known to have been noted in this minute. Two
// digests that agree in 40 bits besides their place cost a use its note.
func (u *usage) fresh(digest *storage.Digest, minute int64) bool {
	place := &u.recent[binary.LittleEndian.Uint16(digest[0:])%usageRecent]
	mark := binary.LittleEndian.Uint64(digest[2:])&^0xffffff | uint64(minute)&0xffffff //nolint:gosec // cut on purpose
	if place.Load() == mark {
		return false
	}
	place.Store(mark)
	return true
}

func (u *usage) note(digest *storage.Digest, now time.Time) {
	minute := minuteOf(now)
	if u.full.Load() || !u.fresh(digest, minute) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.seen) >= maxUsage {
		u.full.Store(true)
		return
	}
	u.seen[*digest] = max(u.seen[*digest], minute)
}

// take gives what was noted, and forgets it.
func (u *usage) take() map[storage.Digest]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.seen
	u.seen = make(map[storage.Digest]int64)
	u.full.Store(false)
	return seen
}

// usedSince gives the keys that were used, by what is known of them now: the later
// time where two secrets of one were presented. Those that are gone are left out.
func (s *Service) usedSince(seen map[storage.Digest]int64) []storage.Used {
	out := make([]storage.Used, 0, len(seen))
	places := make(map[string]int, len(seen))
	var (
		aim  access.Aim
		room mirror.Room
		g    access.Grant
	)
	for digest, minute := range seen {
		if !s.keys.Lookup(&digest, &aim, &room, &g) {
			continue
		}
		k, now := g.Key, time.Unix(minute*int64(usageGrain/time.Second), 0).UTC()
		if i, ok := places[k.ID]; ok {
			if now.After(out[i].Time) {
				out[i].Time = now
			}
			continue
		}
		places[k.ID] = len(out)
		out = append(out, storage.Used{KeyID: k.ID, User: storage.UserRef{TenantID: k.TenantID, ID: k.UserID}, Time: now})
	}
	return out
}

// flushUsage writes what was noted; what can't be written is let go.
func (s *Service) flushUsage(ctx context.Context) {
	used := s.usedSince(s.usage.take())
	for len(used) > 0 {
		n := min(len(used), usageBatch)
		if err := s.store.MarkUsed(ctx, used[:n]); err != nil {
			s.log.WarnContext(ctx, "times of last use are not noted", "keys", len(used), "error", err)
			return
		}
		used = used[n:]
	}
}
