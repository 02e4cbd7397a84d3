package server

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// The bounds of limits.
const (
	maxLimits     = 10
	maxLimitName  = 32
	maxRequests   = 1_000_000_000
	maxQuota      = 1_000_000_000_000_000
	minRatePeriod = time.Second
	maxRatePeriod = 31 * 24 * time.Hour
	// maxBurstTime is the longest that a burst may take to come back.
	maxBurstTime = 366 * 24 * time.Hour
	maxTimeZone  = 64
)

// The names of limits in masks.
const (
	maskRateLimits = "rate_limits"
	maskQuotas     = "quotas"
)

// limited is any message that bears limits.
type limited interface {
	GetRateLimits() []*pb.RateLimit
	GetQuotas() []*pb.Quota
}

// limitsGiven adds to what a request gives the limits it gives, as masks name them.
func limitsGiven(given map[string]bool, in limited) map[string]bool {
	given[maskRateLimits], given[maskQuotas] = len(in.GetRateLimits()) > 0, len(in.GetQuotas()) > 0
	return given
}

// readLimits checks and sets those limits that a mask names; nil is all. at is what
// bears them, as in "key.". A name may be there once among what then is set and what
// was there.
func readLimits(v *violations, at string, in limited, into *storage.Limits, mask map[string]bool) {
	if mask == nil || mask[maskRateLimits] {
		into.RateLimits = readRateLimits(v, at+"rateLimits", in.GetRateLimits())
	}
	if mask == nil || mask[maskQuotas] {
		into.Quotas = readQuotas(v, at+"quotas", in.GetQuotas())
	}
	wantDistinctLimits(v, at, into)
}

func readRateLimits(v *violations, field string, in []*pb.RateLimit) []storage.RateLimit {
	if len(in) > maxLimits {
		v.add(field, "must hold at most %d rate limits", maxLimits)
		return nil
	}
	var out []storage.RateLimit
	for i, r := range in {
		out = append(out, readRateLimit(v, fmt.Sprintf("%s[%d].", field, i), r))
	}
	return out
}

func readRateLimit(v *violations, at string, in *pb.RateLimit) storage.RateLimit {
	v.id(at+"name", in.GetName(), validLimitName, limitNameForm)
	out := storage.RateLimit{
		Name: in.GetName(), Requests: int64(in.GetRequests()), Period: readRatePeriod(v, at+"period", in.GetPeriod()),
		Burst: int64(in.GetBurst()), Exact: in.GetExact(),
	}
	if out.Requests < 1 || out.Requests > maxRequests {
		v.add(at+"requests", "must be 1 to %d", maxRequests)
		out.Requests = 0
	}
	if out.Burst == 0 {
		out.Burst = out.Requests
	}
	switch {
	case out.Burst < 0 || out.Burst > maxRequests:
		v.add(at+"burst", "must be 1 to %d, or left out to be as requests is", maxRequests)
	case out.Requests > 0 && out.Period > 0 && out.Burst > out.Requests*int64(maxBurstTime/out.Period):
		v.add(at+"burst", "must come back within 366 days: at most requests times the periods in them")
	}
	return out
}

// readRatePeriod gives a period that is out of bounds as none, so that nothing is
// derived from it.
func readRatePeriod(v *violations, field string, in *durationpb.Duration) time.Duration {
	period := in.AsDuration()
	if in.CheckValid() != nil || period < minRatePeriod || period > maxRatePeriod || period%time.Millisecond != 0 {
		v.add(field, "must be 1s to 31 days (2678400s), in whole milliseconds")
		return 0
	}
	return period
}

func readQuotas(v *violations, field string, in []*pb.Quota) []storage.Quota {
	if len(in) > maxLimits {
		v.add(field, "must hold at most %d quotas", maxLimits)
		return nil
	}
	var out []storage.Quota
	for i, q := range in {
		out = append(out, readQuota(v, fmt.Sprintf("%s[%d].", field, i), q))
	}
	return out
}

func readQuota(v *violations, at string, in *pb.Quota) storage.Quota {
	v.id(at+"name", in.GetName(), validLimitName, limitNameForm)
	out := storage.Quota{Name: in.GetName(), Limit: in.GetLimit(), TimeZone: in.GetTimeZone(), Refill: storage.QuotaReplace}
	if out.Limit < 1 || out.Limit > maxQuota {
		v.add(at+"limit", "must be 1 to %d", maxQuota)
	}
	total := in.GetPeriod() == pb.Quota_TOTAL
	if _, known := pb.Quota_Period_name[int32(in.GetPeriod())]; !known || in.GetPeriod() == pb.Quota_PERIOD_UNSPECIFIED {
		v.add(at+"period", "must be HOUR, DAY, MONTH or TOTAL")
	} else {
		out.Period = storage.QuotaPeriod(in.GetPeriod().String())
	}
	switch {
	case total && out.TimeZone != "":
		v.add(at+"timeZone", "has no meaning with the period TOTAL; leave it out")
	case !validTimeZone(out.TimeZone):
		v.add(at+"timeZone", "must be a time zone's name, such as Europe/Berlin; left out it is UTC")
	}
	switch in.GetRefill() {
	case pb.Quota_REFILL_UNSPECIFIED, pb.Quota_REPLACE:
	case pb.Quota_ADD:
		if total {
			v.add(at+"refill", "can't be ADD with the period TOTAL, which is never refilled")
		}
		out.Refill = storage.QuotaAdd
	default:
		v.add(at+"refill", "must be REPLACE or ADD")
	}
	return out
}

// wantDistinctLimits wants names that tell limits apart. A quota that has the name
// of a rate limit is named, as is the later of two of a kind.
func wantDistinctLimits(v *violations, at string, l *storage.Limits) {
	seen := map[string]bool{"": true}
	twice := func(field string, i int, name string) {
		if seen[name] && name != "" {
			v.add(fmt.Sprintf("%s%s[%d].name", at, field, i), "is the name of another limit here")
		}
		seen[name] = true
	}
	for i := range l.RateLimits {
		twice("rateLimits", i, l.RateLimits[i].Name)
	}
	for i := range l.Quotas {
		twice("quotas", i, l.Quotas[i].Name)
	}
}

const limitNameForm = "1 to 32 lower-case letters, digits, '_' and '-', beginning with a letter"

func validLimitName(name string) bool {
	if name == "" || len(name) > maxLimitName {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c != '_' && c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// validTimeZone wants a name of the IANA's, which every replica knows. Those of
// the system's own ("localtime", "posix/...") begin with a small letter.
func validTimeZone(name string) bool {
	if name == "" {
		return true
	}
	if len(name) > maxTimeZone || name == "Local" || name[0] < 'A' || name[0] > 'Z' {
		return false
	}
	if strings.IndexFunc(name, func(c rune) bool { return !zoneRune(c) }) >= 0 {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func zoneRune(c rune) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("_+-/", c)
}
