package server

import (
	"context"
	"encoding/binary"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	// recent remembers, in a place that the presented digest leads to, what was
	// noted there last: nearly every use is one of many in the same minute.
	recent [usageRecent]atomic.Uint64

	// full is true while there is no room: with a million keys in use a note for each
	// of them would cost more than the checks.
	full atomic.Bool

	mu   sync.Mutex
	seen map[string]storage.Used
}

func newUsage() *usage { return &usage{seen: make(map[string]storage.Used)} }

// fresh tells whether a use is not known to have been noted in this minute. Two
// digests that agree in 40 bits besides their place cost a use its note.
func (u *usage) fresh(digest *storage.Digest, now time.Time) bool {
	place := &u.recent[binary.LittleEndian.Uint16(digest[0:])%usageRecent]
	mark := binary.LittleEndian.Uint64(digest[2:])&^0xffffff | uint64(now.Unix()/int64(usageGrain/time.Second))&0xffffff //nolint:gosec // cut on purpose
	if place.Load() == mark {
		return false
	}
	place.Store(mark)
	return true
}

func (u *usage) note(k *storage.Key, digest *storage.Digest, now time.Time) {
	if u.full.Load() || !u.fresh(digest, now) {
		return
	}
	now = now.UTC().Truncate(usageGrain)
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.seen) >= maxUsage {
		u.full.Store(true)
		return
	}
	if have, ok := u.seen[k.ID]; ok && !now.After(have.Time) {
		return
	}
	// What is kept must not hold on to the rest of the record.
	id := strings.Clone(k.ID)
	u.seen[id] = storage.Used{KeyID: id, User: storage.UserRef{TenantID: strings.Clone(k.TenantID), ID: strings.Clone(k.UserID)}, Time: now}
}

func (u *usage) take() []storage.Used {
	u.mu.Lock()
	defer u.mu.Unlock()
	out := make([]storage.Used, 0, len(u.seen))
	for _, used := range u.seen {
		out = append(out, used)
	}
	clear(u.seen)
	u.full.Store(false)
	return out
}

// flushUsage writes what was noted; what can't be written is let go.
func (s *Service) flushUsage(ctx context.Context) {
	used := s.usage.take()
	for len(used) > 0 {
		n := min(len(used), usageBatch)
		if err := s.store.MarkUsed(ctx, used[:n]); err != nil {
			s.log.WarnContext(ctx, "times of last use are not noted", "keys", len(used), "error", err)
			return
		}
		used = used[n:]
	}
}
