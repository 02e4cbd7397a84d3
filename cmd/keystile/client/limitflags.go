package client

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// RateLimit is a rate limit as a flag gives it: "NAME=REQUESTS/PERIOD", and after
// commas "burst=N" and "exact".
type RateLimit struct{ limit *pb.RateLimit }

// Quota is a quota as a flag gives it: "NAME=LIMIT/PERIOD", and after commas
// "zone=ZONE" and "refill=RULE".
type Quota struct{ quota *pb.Quota }

var (
	errRateLimit = errors.New("a rate limit is NAME=REQUESTS/PERIOD[,burst=N][,exact], such as m=10/60s,burst=20")
	errQuota     = errors.New("a quota is NAME=LIMIT/HOUR|DAY|MONTH|TOTAL[,zone=ZONE][,refill=REPLACE|ADD], such as q=100/DAY,zone=Europe/Berlin")
)

// limitWords takes a limit apart: its name, its two numbers, and what follows them.
func limitWords(text string) (name, count, period string, more []string) {
	words := strings.Split(text, ",")
	name, rest, _ := strings.Cut(words[0], "=")
	count, period, _ = strings.Cut(rest, "/")
	return name, count, period, words[1:]
}

// UnmarshalText reads a rate limit. Whether it makes sense is the server's to say.
func (r *RateLimit) UnmarshalText(text []byte) error {
	name, count, period, more := limitWords(string(text))
	requests, err := strconv.ParseInt(count, 10, 32)
	var span Span
	if err != nil || name == "" || span.UnmarshalText([]byte(period)) != nil {
		return errRateLimit
	}
	limit := &pb.RateLimit{Name: name, Requests: int32(requests), Period: durationpb.New(time.Duration(span))}
	for _, word := range more {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case word == "exact" && !limit.GetExact():
			limit.Exact = true
		case key == "burst" && limit.GetBurst() == 0:
			burst, err := strconv.ParseInt(value, 10, 32)
			if err != nil {
				return errRateLimit
			}
			limit.Burst = int32(burst)
		default:
			return errRateLimit
		}
	}
	r.limit = limit
	return nil
}

// UnmarshalText reads a quota. Whether it makes sense is the server's to say.
func (q *Quota) UnmarshalText(text []byte) error {
	name, count, period, more := limitWords(string(text))
	limit, err := strconv.ParseInt(count, 10, 64)
	every := pb.Quota_Period(pb.Quota_Period_value[strings.ToUpper(period)])
	if err != nil || name == "" || every == pb.Quota_PERIOD_UNSPECIFIED {
		return errQuota
	}
	quota := &pb.Quota{Name: name, Limit: limit, Period: every}
	for _, word := range more {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case key == "zone" && value != "" && quota.GetTimeZone() == "":
			quota.TimeZone = value
		case key == "refill" && quota.GetRefill() == pb.Quota_REFILL_UNSPECIFIED:
			if quota.Refill = pb.Quota_Refill(pb.Quota_Refill_value[strings.ToUpper(value)]); quota.GetRefill() == pb.Quota_REFILL_UNSPECIFIED {
				return errQuota
			}
		default:
			return errQuota
		}
	}
	q.quota = quota
	return nil
}

// LimitFlags are the limits of a record that is created.
type LimitFlags struct {
	RateLimits []RateLimit `name:"rate-limit" sep:"none" placeholder:"NAME=REQUESTS/PERIOD" group:"Limits:" help:"A rate limit, such as m=10/60s; after commas burst=20 and exact. May be given again."`
	Quotas     []Quota     `name:"quota" sep:"none" placeholder:"NAME=LIMIT/PERIOD" group:"Limits:" help:"A quota a HOUR, DAY, MONTH or in TOTAL, such as q=100/DAY; after commas zone=Europe/Berlin and refill=ADD. May be given again."`
}

// LimitChanges are the limits of a record that is changed.
type LimitChanges struct {
	RateLimits      []RateLimit `name:"rate-limit" sep:"none" xor:"rate-limits" placeholder:"NAME=REQUESTS/PERIOD" group:"Limits:" help:"A rate limit, such as m=10/60s; after commas burst=20 and exact. May be given again; together they take the place of all there were."`
	ClearRateLimits bool        `xor:"rate-limits" group:"Limits:" help:"Remove all rate limits."`
	Quotas          []Quota     `name:"quota" sep:"none" xor:"quotas" placeholder:"NAME=LIMIT/PERIOD" group:"Limits:" help:"A quota a HOUR, DAY, MONTH or in TOTAL, such as q=100/DAY; after commas zone=Europe/Berlin and refill=ADD. May be given again; together they take the place of all there were."`
	ClearQuotas     bool        `xor:"quotas" group:"Limits:" help:"Remove all quotas."`
}

// changes tells which of the limits the flags say something about.
func (c *LimitChanges) changes() []change {
	return []change{
		{"rate_limits", len(c.RateLimits) > 0 || c.ClearRateLimits},
		{"quotas", len(c.Quotas) > 0 || c.ClearQuotas},
	}
}

func rateLimitsOf(flags []RateLimit) (out []*pb.RateLimit) {
	for _, f := range flags {
		out = append(out, f.limit)
	}
	return out
}

func quotasOf(flags []Quota) (out []*pb.Quota) {
	for _, f := range flags {
		out = append(out, f.quota)
	}
	return out
}

// limited is any record that bears limits.
type limited interface {
	GetRateLimits() []*pb.RateLimit
	GetQuotas() []*pb.Quota
}

// addLimits adds the limits that there are, a line each, as flags take them.
func (s *sheet) addLimits(of limited) {
	name := "Rate limits"
	for _, r := range of.GetRateLimits() {
		s.add(name, rateText(r))
		name = ""
	}
	name = "Quotas"
	for _, q := range of.GetQuotas() {
		s.add(name, quotaText(q))
		name = ""
	}
}

// rateText is a rate limit as a flag gives it. A burst that is as many as the
// requests goes without saying.
func rateText(r *pb.RateLimit) string {
	out := r.GetName() + "=" + strconv.Itoa(int(r.GetRequests())) + "/" + period(r.GetPeriod().AsDuration())
	if r.GetBurst() != r.GetRequests() {
		out += ",burst=" + strconv.Itoa(int(r.GetBurst()))
	}
	if r.GetExact() {
		out += ",exact"
	}
	return out
}

// period is a span without the parts of it that are nothing: 1h and not 1h0m0s.
func period(d time.Duration) string {
	text := Span(d).String()
	if short, cut := strings.CutSuffix(text, "m0s"); cut {
		text = short + "m"
	}
	if short, cut := strings.CutSuffix(text, "h0m"); cut {
		text = short + "h"
	}
	return text
}

func quotaText(q *pb.Quota) string {
	out := q.GetName() + "=" + strconv.FormatInt(q.GetLimit(), 10) + "/" + q.GetPeriod().String()
	if q.GetTimeZone() != "" {
		out += ",zone=" + q.GetTimeZone()
	}
	if q.GetRefill() == pb.Quota_ADD {
		out += ",refill=ADD"
	}
	return out
}

// limitList is all limits in one cell.
func limitList(of limited) string {
	var out []string
	for _, r := range of.GetRateLimits() {
		out = append(out, rateText(r))
	}
	for _, q := range of.GetQuotas() {
		out = append(out, quotaText(q))
	}
	return strings.Join(out, " ")
}
