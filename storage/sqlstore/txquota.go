package sqlstore

import (
	"fmt"
	"slices"

	"github.com/keystile/keystile/storage"
)

// GrantCredits adds credits to a quota's period, which it begins if it has to.
func (t *tx) GrantCredits(to storage.QuotaDraw, credits int64) (storage.QuotaDrawn, error) {
	if credits <= 0 || credits > mostUnits || !sensibleTerms(&to) {
		return storage.QuotaDrawn{}, fmt.Errorf("granting %d credits: %w", credits, storage.ErrInvalid)
	}
	to.Want, to.Least, to.Share = 1, 1, 1
	for range writeTries {
		a, err := t.standingQuota(&to)
		switch {
		case err != nil:
			return storage.QuotaDrawn{}, fmt.Errorf("quota: %w", err)
		case a.Untimely:
			return storage.QuotaDrawn{Untimely: true}, fmt.Errorf("quota: the period is over, or has not begun: %w", storage.ErrConflict)
		case a.Granted > mostGranted-credits:
			return storage.QuotaDrawn{}, fmt.Errorf("granting %d credits to a period that has %d: %w", credits, a.Granted, storage.ErrInvalid)
		}
		a.Granted += credits
		a.Allowance += credits
		a.Left = max(0, a.Allowance-a.Spent)
		written, err := t.putQuota(&to, &a)
		if err != nil {
			return storage.QuotaDrawn{}, fmt.Errorf("quota: %w", err)
		}
		if written {
			return a.drawn(), nil
		}
	}
	return storage.QuotaDrawn{}, fmt.Errorf("quota: %w", storage.ErrConflict)
}

// standingQuota reads and locks a quota's counter.
func (t *tx) standingQuota(d *storage.QuotaDraw) (quotaAnswer, error) {
	c := &counting{dialect: t.dialect, moment: t.now, lock: true}
	c.standingQuotas([]*storage.QuotaDraw{d})
	c.add(quotasStanding)
	answers, err := all[quotaAnswer](t.session, c)
	if err != nil {
		return quotaAnswer{}, err
	}
	return answers[0], nil
}

// putQuota writes a counter that is locked, or adds it; false when another has added it
// meanwhile.
func (t *tx) putQuota(d *storage.QuotaDraw, a *quotaAnswer) (written bool, err error) {
	var rows int64
	if a.Kept {
		rows, err = t.exec("UPDATE quota_counters SET period = $2, taken = $3, carried = $4, granted = $5, keep_until = $6 WHERE id = $1",
			d.ID[:], d.Period, a.Spent, a.Carried, a.Granted, keepUntil(d))
	} else {
		rows, err = t.exec("INSERT INTO quota_counters ("+quotaColumns+") VALUES "+tuples(1, 7)+" ON CONFLICT (id) DO NOTHING", a.row(d)...)
	}
	return rows > 0, err
}

// ResetQuotas forgets what was taken of quotas' periods.
func (t *tx) ResetQuotas(resets []storage.QuotaReset) error {
	resets = slices.SortedFunc(slices.Values(resets), func(a, b storage.QuotaReset) int { return slices.Compare(a.ID[:], b.ID[:]) })
	for _, r := range resets {
		if _, err := t.exec("UPDATE quota_counters SET taken = 0 WHERE id = $1 AND period = $2", r.ID[:], r.Period); err != nil {
			return fmt.Errorf("quota: %w", err)
		}
	}
	return nil
}
