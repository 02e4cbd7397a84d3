package gateway

import (
	"strconv"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/server/limits"
)

// The headers by which clients are told how a limit stands
// (draft-ietf-httpapi-ratelimit-headers-10), as net/http writes their names.
const (
	headerRateLimit       = "Ratelimit"
	headerRateLimitPolicy = "Ratelimit-Policy"
)

// limitHeaders tell of the limit that refused, or else of the tightest one. Names of
// limits hold nothing that would have to be quoted.
func (r *Reply) limitHeaders() []Header {
	l := &r.Limit
	if l.Subject == limits.NoKind {
		return nil
	}
	stand := append([]byte{'"'}, l.Name...)
	stand = append(stand, `";r=`...)
	stand = strconv.AppendInt(stand, l.Remaining, 10)
	if l.Reset > 0 || !l.Quota {
		stand = append(stand, ";t="...)
		stand = strconv.AppendInt(stand, wholeSeconds(l.Reset), 10)
	}
	policy := append([]byte{'"'}, l.Name...)
	policy = append(policy, `";q=`...)
	if l.Quota {
		policy = strconv.AppendInt(policy, l.Limit, 10)
	} else {
		policy = strconv.AppendInt(policy, l.Requests, 10)
		policy = append(policy, ";w="...)
		policy = strconv.AppendInt(policy, wholeSeconds(l.Period), 10)
	}
	return []Header{{Name: headerRateLimit, Value: string(stand)}, {Name: headerRateLimitPolicy, Value: string(policy)}}
}

// retryAfter says when a refused call may be tried again; 0 when that is not known, or
// never.
func (r *Reply) retryAfter() time.Duration {
	if r.Verdict.Allowed() || r.Limit.Retry == access.Never {
		return 0
	}
	return r.Limit.Retry
}

// wholeSeconds rounds up, so that nobody comes back too early.
func wholeSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
