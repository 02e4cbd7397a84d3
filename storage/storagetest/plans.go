package storagetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/keystile/keystile/storage"
)

func planID(p *storage.Plan) string { return p.ID }

// testPlans reads plans in every way there is.
func testPlans(t *testing.T, s *suite) {
	s.populateDirectory(t)
	gold, iron, other := newPlan("acme", "gold"), newPlan("acme", "iron"), newPlan("zeta", "gold")
	capital := newPlan("acme", "Gold")
	iron.DisplayName, iron.Limits = "", storage.Limits{}
	before := s.position(t)
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.CreatePlan(iron), tx.CreatePlan(gold), tx.CreatePlan(other), tx.CreatePlan(capital))
	})
	all := []*storage.Plan{capital, gold, iron, other}
	for _, want := range all {
		if want.Version != 1 || want.CreateTime.IsZero() || want.UpdateTime != want.CreateTime {
			t.Errorf("plan %s: got version %d, times %v %v", want.ID, want.Version, want.CreateTime, want.UpdateTime)
		}
		got, err := s.store.GetPlan(t.Context(), want.Ref())
		wantError(t, "GetPlan", err, nil)
		same(t, "plan", got, want)
		s.write(t, func(tx storage.Tx) error {
			got, err := tx.GetPlan(want.Ref())
			wantError(t, "Tx.GetPlan", err, nil)
			same(t, "plan in Tx", got, want)
			return nil
		})
	}
	s.write(t, func(tx storage.Tx) error {
		got, err := tx.ListTenantPlans("acme")
		wantError(t, "ListTenantPlans", err, nil)
		same(t, "plans of acme", got, all[:3])
		return nil
	})
	records, _, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	same(t, "plans of the snapshot", records.Plans, all)
	changed := map[storage.PlanRef]*storage.Plan{}
	for _, p := range s.changes(t, before).Records.Plans {
		changed[p.Ref()] = p
	}
	same(t, "plans of the changes", changed, map[storage.PlanRef]*storage.Plan{
		gold.Ref(): gold, iron.Ref(): iron, other.Ref(): other, capital.Ref(): capital,
	})
	for _, id := range []string{"none", "", "nul\x00byte", "bad \xff utf-8", strings.Repeat("x", 2<<20), "' OR 1=1 --"} {
		_, err := s.store.GetPlan(t.Context(), storage.PlanRef{TenantID: "acme", ID: id})
		wantError(t, "GetPlan", err, storage.ErrNotFound)
		s.write(t, func(tx storage.Tx) error {
			_, err := tx.GetPlan(storage.PlanRef{TenantID: id, ID: "gold"})
			wantError(t, "Tx.GetPlan", err, storage.ErrNotFound)
			wantError(t, "DeletePlan", tx.DeletePlan(storage.PlanRef{TenantID: "acme", ID: id}), storage.ErrNotFound)
			return nil
		})
	}
	before = s.position(t)
	s.write(t, func(tx storage.Tx) error { return tx.DeletePlan(gold.Ref()) })
	same(t, "gone", s.changes(t, before).Gone, []storage.ChangeRef{ref(storage.ChangePlan, "acme", "gold")})
	page, err := s.store.ListPlans(t.Context(), storage.PageQuery{TenantID: "acme", Limit: 9})
	wantError(t, "ListPlans", err, nil)
	same(t, "plans that stay", names(page, planID), []string{"Gold", "iron"})
}

func testPlanUpdates(t *testing.T, s *suite) {
	s.populateDirectory(t)
	p := newPlan("acme", "gold")
	s.write(t, func(tx storage.Tx) error { return tx.CreatePlan(p) })
	stale, before := *p, s.position(t)
	for _, limits := range []storage.Limits{{}, {Quotas: wholeLimits().Quotas}, {RateLimits: wholeLimits().RateLimits[:1]}} {
		p.DisplayName, p.Limits = p.DisplayName+"!", limits
		s.write(t, func(tx storage.Tx) error { return tx.UpdatePlan(p) })
		got, err := s.store.GetPlan(t.Context(), p.Ref())
		wantError(t, "GetPlan", err, nil)
		same(t, "plan", got, p)
	}
	if p.Version != 4 {
		t.Errorf("got version %d, want 4", p.Version)
	}
	same(t, "changes", s.changes(t, before).Records.Plans, []*storage.Plan{p})
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdatePlan(&stale) })
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.UpdatePlan(newPlan("zeta", "gold")) })
}

func testPlanReferences(t *testing.T, s *suite) {
	s.populateDirectory(t)
	s.write(t, func(tx storage.Tx) error { return tx.CreatePlan(newPlan("acme", "gold")) })
	before := s.position(t)
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.CreatePlan(newPlan("none", "gold")) })
	s.refuse(t, storage.ErrInvalid, func(tx storage.Tx) error { return tx.CreatePlan(newPlan("acme", "")) })
	s.write(t, func(tx storage.Tx) error {
		// A caller may go on.
		wantError(t, "CreatePlan", tx.CreatePlan(newPlan("acme", "gold")), storage.ErrExists)
		return nil
	})
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}

// testCountPlanned counts those that a plan bounds now, or when they are resumed.
func testCountPlanned(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	bills := newAPI("acme", "bills")
	s.write(t, func(tx storage.Tx) error {
		d.subscription.State, d.subscription.Plan = storage.SubscriptionApproved, ""
		errs := []error{
			tx.CreatePlan(newPlan("acme", "gold")), tx.CreateAPI(bills), tx.CreateAPI(newAPI("zeta", "orders")), tx.UpdateSubscription(d.subscription),
		}
		for id, of := range map[string]struct {
			state storage.SubscriptionState
			plan  string
			api   storage.APIRef
		}{
			"counts":      {storage.SubscriptionApproved, "gold", d.api.Ref()},
			"counts too":  {storage.SubscriptionPaused, "gold", bills.Ref()},
			"is pending":  {storage.SubscriptionPending, "gold", d.api.Ref()},
			"is rejected": {storage.SubscriptionRejected, "gold", d.api.Ref()},
			"of another":  {storage.SubscriptionApproved, "Gold", d.api.Ref()},
			"elsewhere":   {storage.SubscriptionApproved, "gold", storage.APIRef{TenantID: "zeta", ID: "orders"}},
		} {
			sub := newSubscription(id, "zeta", "zoe", of.api)
			sub.State, sub.Plan = of.state, of.plan
			errs = append(errs, tx.CreateSubscription(sub))
		}
		return errors.Join(errs...)
	})
	s.write(t, func(tx storage.Tx) error {
		for of, want := range map[storage.PlanRef]int64{
			{TenantID: "acme", ID: "gold"}: 2, {TenantID: "zeta", ID: "gold"}: 1, {TenantID: "acme", ID: "Gold"}: 1,
			{TenantID: "acme", ID: "none"}: 0, {TenantID: "acme"}: 0, {ID: "gold"}: 0,
		} {
			if got, err := tx.CountPlanned(of); err != nil || got != want {
				t.Errorf("CountPlanned(%v): got %d, %v; want %d", of, got, err, want)
			}
		}
		return nil
	})
}

// testPlanGoesOrIsGiven: while some give a plan to a subscription, another removes
// it if it has none. Whoever is first, no subscription is left with a plan that is gone.
func testPlanGoesOrIsGiven(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	d.subscription.Plan = ""
	s.write(t, func(tx storage.Tx) error { return tx.UpdateSubscription(d.subscription) })
	gold := storage.PlanRef{TenantID: "acme", ID: "gold"}
	for range 10 {
		s.write(t, func(tx storage.Tx) error { return tx.CreatePlan(newPlan("acme", "gold")) })
		together(2, func(i int) {
			_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
				if _, err := tx.GetPlan(gold); err != nil {
					return err
				}
				if i == 0 {
					if planned, err := tx.CountPlanned(gold); err != nil || planned > 0 {
						return err
					}
					return tx.DeletePlan(gold)
				}
				sub, err := tx.GetSubscription(d.subscription.ID)
				if err != nil {
					return err
				}
				sub.Plan = gold.ID
				return tx.UpdateSubscription(sub)
			})
			if err != nil && !errors.Is(err, storage.ErrNotFound) {
				t.Error(err)
			}
		})
		_, err := s.store.GetPlan(t.Context(), gold)
		sub, errSub := s.store.GetSubscription(t.Context(), d.subscription.ID)
		wantError(t, "GetSubscription", errSub, nil)
		if there := err == nil; there != (sub.Plan != "") {
			t.Fatalf("the plan is there: %v; the subscription has %q", there, sub.Plan)
		}
		s.write(t, func(tx storage.Tx) error {
			sub.Plan = ""
			if err == nil {
				return errors.Join(tx.UpdateSubscription(sub), tx.DeletePlan(gold))
			}
			return tx.UpdateSubscription(sub)
		})
	}
}
