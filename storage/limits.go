package storage

import (
	"slices"
	"time"
)

// RateLimit bounds how often something may be called.
type RateLimit struct {
	// Name is unique among the rate limits and quotas of what bears them.
	Name string `json:"name"`
	// Requests are how many calls each Period brings.
	Requests int64         `json:"requests"`
	Period   time.Duration `json:"period"`
	// Burst is how many may be made at once. Zero is as many as Requests, and is
	// read as that.
	Burst int64 `json:"burst,omitempty"`
	// Exact has replicas ask for each call alone, so that none holds any ahead.
	Exact bool `json:"exact,omitempty"`
}

// QuotaPeriod is what a quota is counted by. The zero value is none at all, and a
// quota that has it refuses.
type QuotaPeriod string

// The periods of a quota. A total one is never refilled.
const (
	QuotaHour  QuotaPeriod = "HOUR"
	QuotaDay   QuotaPeriod = "DAY"
	QuotaMonth QuotaPeriod = "MONTH"
	QuotaTotal QuotaPeriod = "TOTAL"
)

// QuotaRefill says what a new period does with what is left of the one before.
// The zero value replaces it, and is read as that.
type QuotaRefill string

// The rules of refilling.
const (
	// QuotaReplace lets what is left go.
	QuotaReplace QuotaRefill = "REPLACE"
	// QuotaAdd carries it over, up to one whole limit.
	QuotaAdd QuotaRefill = "ADD"
)

// Quota bounds how much is spent in each period of the calendar.
type Quota struct {
	// Name is unique among the rate limits and quotas of what bears them.
	Name string `json:"name"`
	// Limit is how many calls or credits each period brings.
	Limit  int64       `json:"limit"`
	Period QuotaPeriod `json:"period"`
	// TimeZone is where the calendar's periods begin and end: a name of the IANA's;
	// empty is UTC.
	TimeZone string      `json:"timeZone,omitempty"`
	Refill   QuotaRefill `json:"refill,omitempty"`
}

// Limits bound the calls to or of something. The zero value bounds nothing.
type Limits struct {
	RateLimits []RateLimit `json:"rateLimits,omitempty"`
	Quotas     []Quota     `json:"quotas,omitempty"`
}

// Empty says that there is no limit.
func (l *Limits) Empty() bool { return len(l.RateLimits) == 0 && len(l.Quotas) == 0 }

// Equal says that both bound alike, in the same order.
func (l *Limits) Equal(other *Limits) bool {
	return slices.Equal(l.RateLimits, other.RateLimits) && slices.Equal(l.Quotas, other.Quotas)
}

// UnreadableLimits stand where limits could not be read and no state says so: a
// quota without a period, which refuses every call.
func UnreadableLimits() Limits { return Limits{Quotas: []Quota{{}}} }

// PlanRef names a plan: ids are unique inside their tenant only.
type PlanRef struct {
	TenantID string
	ID       string
}

// Plan is a named set of limits that a tenant defines for the subscriptions to its
// APIs. Each subscription that has the plan is counted by itself.
type Plan struct {
	TenantID    string
	ID          string
	DisplayName string
	Limits      Limits
	Version     int64
	CreateTime  time.Time
	UpdateTime  time.Time
}

// Ref names the plan.
func (p *Plan) Ref() PlanRef { return PlanRef{TenantID: p.TenantID, ID: p.ID} }
