package slab

import (
	"encoding/binary"
	"time"

	"github.com/keystile/keystile/storage"
)

// appendLimits encodes limits of which there are some. Nothing of them is left
// out, be it as odd as it may: what they mean is not this package's business.
func appendLimits(out []byte, limits *storage.Limits) []byte {
	out = binary.AppendUvarint(out, uint64(len(limits.RateLimits)))
	for i := range limits.RateLimits {
		rate := &limits.RateLimits[i]
		out = appendText(out, rate.Name)
		out = binary.AppendVarint(out, rate.Requests)
		out = binary.AppendVarint(out, int64(rate.Period))
		out = binary.AppendVarint(out, rate.Burst)
		exact := byte(0)
		if rate.Exact {
			exact = 1
		}
		out = append(out, exact)
	}
	out = binary.AppendUvarint(out, uint64(len(limits.Quotas)))
	for i := range limits.Quotas {
		quota := &limits.Quotas[i]
		out = appendText(out, quota.Name)
		out = binary.AppendVarint(out, quota.Limit)
		out = appendText(out, string(quota.Period))
		out = appendText(out, quota.TimeZone)
		out = appendText(out, string(quota.Refill))
	}
	return out
}

func decodeLimits(encoding []byte) (limits storage.Limits) {
	c := cursor{encoding}
	for range c.count() {
		limits.RateLimits = append(limits.RateLimits, storage.RateLimit{
			Name: string(c.text()), Requests: c.signed(), Period: time.Duration(c.signed()), Burst: c.signed(), Exact: c.u8() != 0,
		})
	}
	for range c.count() {
		limits.Quotas = append(limits.Quotas, storage.Quota{
			Name: string(c.text()), Limit: c.signed(), Period: storage.QuotaPeriod(c.text()), TimeZone: string(c.text()),
			Refill: storage.QuotaRefill(c.text()),
		})
	}
	return limits
}

func (c *cursor) signed() int64 {
	v, width := binary.Varint(c.rest)
	c.rest = c.rest[width:]
	return v
}
