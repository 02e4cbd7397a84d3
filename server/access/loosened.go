package access

import (
	"math/bits"

	"github.com/keystile/keystile/storage"
)

// Loosened tells whether limits allow in any respect more than the ones before: one
// is gone, or lets more through. A renamed one is gone, since it begins anew. Where
// that is hard to say, as with a quota of another period, it is taken for more.
func Loosened(before, after *storage.Limits) bool {
	for i := range before.RateLimits {
		if !keptRate(&before.RateLimits[i], after.RateLimits) {
			return true
		}
	}
	for i := range before.Quotas {
		if !keptQuota(&before.Quotas[i], after.Quotas) {
			return true
		}
	}
	return false
}

func keptRate(was *storage.RateLimit, now []storage.RateLimit) bool {
	for i := range now {
		if is := &now[i]; is.Name == was.Name {
			return is.Burst <= was.Burst && (is.Exact || !was.Exact) && noFaster(is, was)
		}
	}
	return false
}

// noFaster compares requests a period without dividing.
func noFaster(a, b *storage.RateLimit) bool {
	if a.Requests < 0 || b.Requests < 0 || a.Period <= 0 || b.Period <= 0 {
		return false
	}
	aHigh, aLow := bits.Mul64(uint64(a.Requests), uint64(b.Period))
	bHigh, bLow := bits.Mul64(uint64(b.Requests), uint64(a.Period))
	return aHigh < bHigh || aHigh == bHigh && aLow <= bLow
}

func keptQuota(was *storage.Quota, now []storage.Quota) bool {
	for i := range now {
		if is := &now[i]; is.Name == was.Name {
			return is.Limit <= was.Limit && is.Period == was.Period && is.TimeZone == was.TimeZone &&
				(is.Refill == was.Refill || is.Refill == storage.QuotaReplace)
		}
	}
	return false
}
