package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keystile/keystile/storage"
)

// ids are names in the order of their bytes, which no collation for people has.
func ids() []string {
	return []string{"A", "B", "Z", "_", "a", "a-b", "a.b", "aB", "ab", "b", "z", "é"}
}

// testPagesByID reads every listing by id page by page, while a record is added
// behind and before the place that has been reached.
func testPagesByID(t *testing.T, s *suite) {
	s.write(t, func(tx storage.Tx) error {
		errs := []error{tx.CreateTenant(newTenant("acme~")), tx.CreateTenant(newTenant("zeta~"))}
		all := ids()
		slices.Reverse(all)
		for _, id := range all {
			errs = append(errs, tx.CreateTenant(newTenant(id)), tx.CreateUser(newUser("acme~", id)),
				tx.CreateRole(newRole("acme~", id)), tx.CreateAPI(newAPI("acme~", id)), tx.CreatePlan(newPlan("acme~", id)))
		}
		return errors.Join(append(errs, tx.CreateUser(newUser("zeta~", "of another")), tx.CreateRole(newRole("zeta~", "of another")),
			tx.CreateAPI(newAPI("zeta~", "of another")), tx.CreatePlan(newPlan("zeta~", "of another")))...)
	})
	for _, listing := range []struct {
		name string
		list func(storage.PageQuery) ([]string, error)
		add  func(storage.Tx, string) error
		// tenants are listed whatever the query's tenant is.
		tenants bool
	}{
		{"tenants", func(q storage.PageQuery) ([]string, error) {
			q.TenantID = ""
			found, err := s.store.ListTenants(t.Context(), q)
			return names(found, func(r *storage.Tenant) string { return r.ID }), err
		}, func(tx storage.Tx, id string) error { return tx.CreateTenant(newTenant(id)) }, true},
		{"users", func(q storage.PageQuery) ([]string, error) {
			found, err := s.store.ListUsers(t.Context(), q)
			return names(found, func(r *storage.User) string { return r.ID }), err
		}, func(tx storage.Tx, id string) error { return tx.CreateUser(newUser("acme~", id)) }, false},
		{"roles", func(q storage.PageQuery) ([]string, error) {
			found, err := s.store.ListRoles(t.Context(), q)
			return names(found, func(r *storage.Role) string { return r.ID }), err
		}, func(tx storage.Tx, id string) error { return tx.CreateRole(newRole("acme~", id)) }, false},
		{"APIs", func(q storage.PageQuery) ([]string, error) {
			found, err := s.store.ListAPIs(t.Context(), q)
			return names(found, func(r *storage.API) string { return r.ID }), err
		}, func(tx storage.Tx, id string) error { return tx.CreateAPI(newAPI("acme~", id)) }, false},
		{"plans", func(q storage.PageQuery) ([]string, error) {
			found, err := s.store.ListPlans(t.Context(), q)
			return names(found, func(r *storage.Plan) string { return r.ID }), err
		}, func(tx storage.Tx, id string) error { return tx.CreatePlan(newPlan("acme~", id)) }, false},
	} {
		t.Run(listing.name, func(t *testing.T) {
			want := ids()
			if listing.tenants {
				want = append(want, "acme~", "zeta~")
				slices.Sort(want)
			}
			for _, limit := range []int{1, 5, len(want), 100} {
				same(t, fmt.Sprintf("pages of %d", limit), pages(t, limit, listing.list, func(int) {}), want)
			}
			same(t, "pages while records are added", pages(t, 4, listing.list, func(n int) {
				if n == 0 {
					s.write(t, func(tx storage.Tx) error { return errors.Join(listing.add(tx, "0"), listing.add(tx, "zz")) })
				}
			}), append(slices.Clone(want[:slices.Index(want, "é")]), "zz", "é"))
			if _, err := listing.list(storage.PageQuery{TenantID: "acme~"}); !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("without a limit: got error %v, want %v", err, storage.ErrInvalid)
			}
		})
	}
	s.write(t, func(tx storage.Tx) error {
		tenant, errTenant := tx.GetTenant("B")
		user, errUser := tx.GetUser(storage.UserRef{TenantID: "acme~", ID: "B"})
		if err := errors.Join(errTenant, errUser); err != nil {
			return err
		}
		tenant.State, tenant.DeleteTime = storage.TenantDeleted, day
		user.State, user.DeleteTime = storage.UserDeleted, day
		return errors.Join(tx.UpdateTenant(tenant), tx.UpdateUser(user))
	})
	for _, show := range []bool{true, false} {
		query := storage.PageQuery{TenantID: "acme~", ShowDeleted: show, Limit: 100}
		users, err := s.store.ListUsers(t.Context(), query)
		if got := slices.ContainsFunc(users, func(u *storage.User) bool { return u.ID == "B" }); got != show || err != nil {
			t.Errorf("deleted user: listed %v, %v; want %v", got, err, show)
		}
		tenants, err := s.store.ListTenants(t.Context(), query)
		if got := slices.ContainsFunc(tenants, func(u *storage.Tenant) bool { return u.ID == "B" }); got != show || err != nil {
			t.Errorf("deleted tenant: listed %v, %v; want %v", got, err, show)
		}
	}
}

func names[T any](records []*T, name func(*T) string) (names []string) {
	for _, record := range records {
		names = append(names, name(record))
	}
	return names
}

// pages reads a listing to its end, and calls between after each page.
func pages(t *testing.T, limit int, list func(storage.PageQuery) ([]string, error), between func(n int)) (all []string) {
	t.Helper()
	query := storage.PageQuery{TenantID: "acme~", Limit: limit}
	for n := 0; ; n++ {
		page, err := list(query)
		if err != nil || len(page) > limit {
			t.Fatalf("page %+v: got %v, %v", query, page, err)
		}
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		query.After = page[len(page)-1]
		between(n)
	}
}

// populateSubscriptions makes users of acme and zeta subscribe to APIs of both. Its
// ids say who subscribes to what: subscriber's tenant and user, API's tenant and id.
func (s *suite) populateSubscriptions(t *testing.T) (newestFirst []string) {
	t.Helper()
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.CreateTenant(newTenant("acme")), tx.CreateTenant(newTenant("zeta")),
			tx.CreateUser(newUser("acme", "ada")), tx.CreateUser(newUser("acme", "bob")), tx.CreateUser(newUser("zeta", "ada")),
			tx.CreateAPI(newAPI("acme", "orders")), tx.CreateAPI(newAPI("acme", "bills")), tx.CreateAPI(newAPI("zeta", "orders")))
	})
	for _, who := range []string{"acme/ada", "acme/bob", "acme/", "zeta/ada", "zeta/"} {
		// Those of one transaction share their time, so that the id has to decide.
		s.write(t, func(tx storage.Tx) error {
			var errs []error
			for _, api := range []string{"acme/bills", "acme/orders", "zeta/orders"} {
				tenantID, userID, _ := strings.Cut(who, "/")
				apiTenant, apiID, _ := strings.Cut(api, "/")
				errs = append(errs, tx.CreateSubscription(
					newSubscription(who+">"+api, tenantID, userID, storage.APIRef{TenantID: apiTenant, ID: apiID})))
				newestFirst = append(newestFirst, who+">"+api)
			}
			return errors.Join(errs...)
		})
	}
	slices.Reverse(newestFirst)
	return newestFirst
}

func subscriptionID(s *storage.Subscription) string { return s.ID }

func testSubscriptionPages(t *testing.T, s *suite) {
	all := s.populateSubscriptions(t)
	for _, limit := range []int{1, 2, 50} {
		for _, each := range []struct {
			query storage.SubscriptionQuery
			match func(id string) bool
		}{
			{storage.SubscriptionQuery{TenantID: "acme"}, func(id string) bool { return strings.HasPrefix(id, "acme/") }},
			{storage.SubscriptionQuery{TenantID: "acme", UserID: "ada"}, func(id string) bool { return strings.HasPrefix(id, "acme/ada>") }},
			{storage.SubscriptionQuery{API: storage.APIRef{TenantID: "acme"}}, func(id string) bool { return strings.Contains(id, ">acme/") }},
			{storage.SubscriptionQuery{API: storage.APIRef{TenantID: "zeta", ID: "orders"}}, func(id string) bool { return strings.HasSuffix(id, ">zeta/orders") }},
			{
				storage.SubscriptionQuery{TenantID: "zeta", UserID: "ada", API: storage.APIRef{TenantID: "acme", ID: "bills"}},
				func(id string) bool { return id == "zeta/ada>acme/bills" },
			},
			{storage.SubscriptionQuery{TenantID: "ACME"}, func(string) bool { return false }},
			{storage.SubscriptionQuery{API: storage.APIRef{TenantID: "acme", ID: "Orders"}}, func(string) bool { return false }},
		} {
			want := []string{}
			for _, id := range all {
				if each.match(id) {
					want = append(want, id)
				}
			}
			query, got := each.query, []string{}
			query.Limit = limit
			for {
				page, err := s.store.ListSubscriptions(t.Context(), query)
				if err != nil || len(page) > limit {
					t.Fatalf("ListSubscriptions(%+v): got %d, %v", query, len(page), err)
				}
				if len(page) == 0 {
					break
				}
				got = append(got, names(page, subscriptionID)...)
				last := page[len(page)-1]
				query.After = storage.KeyCursor{CreateTime: last.CreateTime, ID: last.ID}
			}
			same(t, fmt.Sprintf("pages of %d of %+v", limit, each.query), got, want)
			s.write(t, func(tx storage.Tx) error {
				// A cursor and a limit don't count here.
				query.Limit = 1
				found, err := tx.FindSubscriptions(query)
				wantError(t, "FindSubscriptions", err, nil)
				ids := names(found, subscriptionID)
				slices.Sort(ids)
				slices.Sort(want)
				same(t, fmt.Sprintf("found by %+v", each.query), ids, want)
				return nil
			})
		}
	}
	for _, query := range []storage.SubscriptionQuery{{TenantID: "acme"}, {Limit: 5}, {UserID: "ada", API: storage.APIRef{ID: "orders"}, Limit: 5}} {
		if _, err := s.store.ListSubscriptions(t.Context(), query); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("ListSubscriptions(%+v): got error %v, want %v", query, err, storage.ErrInvalid)
		}
	}
}

// testFindSubscriptions: of several who each find no subscription, one adds it.
func testFindSubscriptions(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	api := newAPI("acme", "bills")
	s.write(t, func(tx storage.Tx) error { return tx.CreateAPI(api) })
	together(6, func(i int) {
		_, err := s.store.Write(t.Context(), func(tx storage.Tx) error {
			found, err := tx.FindSubscriptions(storage.SubscriptionQuery{TenantID: "zeta", UserID: "zoe", API: api.Ref()})
			if err != nil || len(found) > 0 {
				return err
			}
			return tx.CreateSubscription(newSubscription(fmt.Sprintf("new_%d", i), "zeta", "zoe", api.Ref()))
		})
		if err != nil {
			t.Errorf("subscriber %d: %v", i, err)
		}
	})
	s.write(t, func(tx storage.Tx) error {
		found, err := tx.FindSubscriptions(storage.SubscriptionQuery{API: api.Ref()})
		if err != nil || len(found) != 1 {
			t.Errorf("FindSubscriptions: got %v, %v; want one", names(found, subscriptionID), err)
		}
		_, err = tx.FindSubscriptions(storage.SubscriptionQuery{UserID: "zoe"})
		wantError(t, "FindSubscriptions of no tenant", err, storage.ErrInvalid)
		// One that was found may be written.
		found, err = tx.FindSubscriptions(storage.SubscriptionQuery{TenantID: "zeta", UserID: "zoe", API: d.api.Ref()})
		wantError(t, "FindSubscriptions", err, nil)
		found[0].State = storage.SubscriptionPaused
		return tx.UpdateSubscription(found[0])
	})
}
