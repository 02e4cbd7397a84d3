package sqlstore

import (
	"fmt"

	"github.com/keystile/keystile/storage"
)

// jsonLimits writes limits. No limits are written as an empty object, since a
// missing one is spoilt when read.
func jsonLimits(limits *storage.Limits) (string, error) {
	if err := checkLimits(limits); err != nil {
		return "", err
	}
	return jsonText(limits)
}

// limits gives a spoilt field as none: the record that bears it gets no state.
func (f *fields) limits(text string) storage.Limits {
	if text == "{}" {
		return storage.Limits{}
	}
	var limits *storage.Limits
	if !strict(text, &limits) || limits == nil || checkLimits(limits) != nil {
		f.spoilt = true
		return storage.Limits{}
	}
	writeOut(limits)
	return *limits
}

// writeOut puts what was left out in its place.
func writeOut(limits *storage.Limits) {
	for i := range limits.RateLimits {
		if rate := &limits.RateLimits[i]; rate.Burst == 0 {
			rate.Burst = rate.Requests
		}
	}
	for i := range limits.Quotas {
		if quota := &limits.Quotas[i]; quota.Refill == "" {
			quota.Refill = storage.QuotaReplace
		}
	}
}

// checkLimits refuses what can't be counted with, when it is written and when it
// is read. How much is allowed is not its business: bounds may come to be others.
func checkLimits(limits *storage.Limits) error {
	names := make(map[string]bool, len(limits.RateLimits)+len(limits.Quotas))
	named := func(name string) bool {
		taken := names[name]
		names[name] = true
		return name != "" && !taken && checkText(name) == nil
	}
	for _, rate := range limits.RateLimits {
		if !named(rate.Name) || rate.Requests <= 0 || rate.Period <= 0 || rate.Burst < 0 {
			return fmt.Errorf("%w: rate limit %.80q can't be counted with", storage.ErrInvalid, rate.Name)
		}
	}
	for _, quota := range limits.Quotas {
		if !named(quota.Name) || quota.Limit <= 0 || !knownPeriod(quota.Period) || !knownRefill(quota.Refill) || checkText(quota.TimeZone) != nil {
			return fmt.Errorf("%w: quota %.80q can't be counted with", storage.ErrInvalid, quota.Name)
		}
	}
	return nil
}

func knownPeriod(period storage.QuotaPeriod) bool {
	switch period {
	case storage.QuotaHour, storage.QuotaDay, storage.QuotaMonth, storage.QuotaTotal:
		return true
	default:
		return false
	}
}

func knownRefill(refill storage.QuotaRefill) bool {
	switch refill {
	case "", storage.QuotaReplace, storage.QuotaAdd:
		return true
	default:
		return false
	}
}
