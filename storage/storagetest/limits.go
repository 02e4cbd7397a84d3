package storagetest

import (
	"errors"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

// bearers write limits into a new record of each kind that bears them.
func bearers() map[string]func(storage.Tx, storage.Limits) error {
	return map[string]func(storage.Tx, storage.Limits) error{
		"tenant": func(tx storage.Tx, l storage.Limits) error {
			r := newTenant("t")
			r.Limits = l
			return tx.CreateTenant(r)
		},
		"user": func(tx storage.Tx, l storage.Limits) error {
			r := newUser("acme", "u")
			r.Limits = l
			return tx.CreateUser(r)
		},
		"key": func(tx storage.Tx, l storage.Limits) error {
			r := newKey("acme", "ada", "k")
			r.Limits = l
			return tx.CreateKey(r)
		},
		"one of many keys": func(tx storage.Tx, l storage.Limits) error {
			r := newKey("acme", "ada", "m")
			r.Limits = l
			_, err := tx.CreateKeys([]*storage.Key{r})
			return err
		},
		"API": func(tx storage.Tx, l storage.Limits) error {
			r := newAPI("acme", "a")
			r.Limits = l
			return tx.CreateAPI(r)
		},
		"route": func(tx storage.Tx, l storage.Limits) error {
			r := newAPI("acme", "r")
			r.Routes = []storage.Route{{Path: "/", Limits: l}}
			return tx.CreateAPI(r)
		},
		"plan": func(tx storage.Tx, l storage.Limits) error {
			r := newPlan("acme", "p")
			r.Limits = l
			return tx.CreatePlan(r)
		},
	}
}

// testInvalidLimits: what would spoil a record when it is read is not written.
func testInvalidLimits(t *testing.T, s *suite) {
	s.populate(t)
	before := s.position(t)
	rate := func(change func(*storage.RateLimit)) storage.Limits {
		l := wholeLimits()
		change(&l.RateLimits[0])
		return l
	}
	quota := func(change func(*storage.Quota)) storage.Limits {
		l := wholeLimits()
		change(&l.Quotas[0])
		return l
	}
	for what, limits := range map[string]storage.Limits{
		"no name":              rate(func(r *storage.RateLimit) { r.Name = "" }),
		"a name twice":         rate(func(r *storage.RateLimit) { r.Name = "minute" }),
		"a quota's name":       rate(func(r *storage.RateLimit) { r.Name = "day" }),
		"a bad name":           rate(func(r *storage.RateLimit) { r.Name = "a\x00" }),
		"no requests":          rate(func(r *storage.RateLimit) { r.Requests = 0 }),
		"negative requests":    rate(func(r *storage.RateLimit) { r.Requests = -1 }),
		"no time":              rate(func(r *storage.RateLimit) { r.Period = 0 }),
		"negative time":        rate(func(r *storage.RateLimit) { r.Period = -time.Second }),
		"a negative burst":     rate(func(r *storage.RateLimit) { r.Burst = -1 }),
		"a quota without name": quota(func(q *storage.Quota) { q.Name = "" }),
		"a quota twice":        quota(func(q *storage.Quota) { q.Name = "day" }),
		"no limit":             quota(func(q *storage.Quota) { q.Limit = 0 }),
		"no period":            quota(func(q *storage.Quota) { q.Period = "" }),
		"an unknown period":    quota(func(q *storage.Quota) { q.Period = "WEEK" }),
		"an unknown refill":    quota(func(q *storage.Quota) { q.Refill = "add" }),
		"a bad zone":           quota(func(q *storage.Quota) { q.TimeZone = "a\xff" }),
		"what is unreadable":   storage.UnreadableLimits(),
	} {
		for bearer, write := range bearers() {
			_, err := s.store.Write(t.Context(), func(tx storage.Tx) error { return write(tx, limits) })
			if !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("%s in a %s: got error %v, want %v", what, bearer, err, storage.ErrInvalid)
			}
		}
	}
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}

// testLimitsWrittenOut: a burst and a rule of refilling that were left out are
// there when the record is read.
func testLimitsWrittenOut(t *testing.T, s *suite) {
	s.populate(t)
	given := storage.Limits{
		RateLimits: []storage.RateLimit{{Name: "m", Requests: 7, Period: time.Minute}},
		Quotas:     []storage.Quota{{Name: "q", Limit: 5, Period: storage.QuotaDay}},
	}
	want := storage.Limits{
		RateLimits: []storage.RateLimit{{Name: "m", Requests: 7, Period: time.Minute, Burst: 7}},
		Quotas:     []storage.Quota{{Name: "q", Limit: 5, Period: storage.QuotaDay, Refill: storage.QuotaReplace}},
	}
	for _, write := range bearers() {
		s.write(t, func(tx storage.Tx) error { return write(tx, given) })
	}
	records, _, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	got := map[string]storage.Limits{}
	for _, r := range records.Tenants {
		got[r.ID] = r.Limits
	}
	for _, r := range records.Users {
		got[r.ID] = r.Limits
	}
	for _, r := range records.Keys {
		got[r.ID] = r.Limits
	}
	for _, r := range records.APIs {
		got[r.ID] = r.Limits
		if len(r.Routes) == 1 {
			got[r.ID] = r.Routes[0].Limits
		}
	}
	for _, r := range records.Plans {
		got[r.ID] = r.Limits
	}
	same(t, "limits", got, map[string]storage.Limits{
		"acme": {}, "ada": {}, "t": want, "u": want, "k": want, "m": want, "a": want, "r": want, "p": want,
	})
}

// testUnreadablePlan: a plan has no state to lose, so it refuses by its limits.
func testUnreadablePlan(t *testing.T, s *suite) {
	s.populate(t)
	gold, before := newPlan("acme", "gold"), s.position(t)
	s.write(t, func(tx storage.Tx) error { return tx.CreatePlan(gold) })
	s.Spoil(t, s.store, ref(storage.ChangePlan, "acme", "gold"))
	want := *gold
	want.Limits = storage.UnreadableLimits()
	snapshot, _, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	changes := s.changes(t, before)
	for what, records := range map[string]*storage.Records{"snapshot": &snapshot, "changes": &changes.Records} {
		same(t, "plans of the "+what, records.Plans, []*storage.Plan{&want})
		if records.Unreadable != 1 {
			t.Errorf("%s: got %d unreadable, want 1", what, records.Unreadable)
		}
	}
	for _, read := range []func(storage.Tx) (*storage.Plan, error){
		func(tx storage.Tx) (*storage.Plan, error) { return tx.GetPlan(gold.Ref()) },
		func(tx storage.Tx) (*storage.Plan, error) { return first(tx.ListTenantPlans("acme")) },
	} {
		s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
			p, err := read(tx)
			wantError(t, "reading the plan", err, nil)
			p.Limits = storage.Limits{}
			return tx.UpdatePlan(p)
		})
	}
	s.write(t, func(tx storage.Tx) error { return tx.DeletePlan(gold.Ref()) })
}
