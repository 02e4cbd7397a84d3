package storagetest

import (
	"testing"

	"github.com/keystile/keystile/storage"
)

// testUnreadableDirectory spoils a record of each kind around a key.
func testUnreadableDirectory(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	before := s.position(t)
	s.write(t, func(tx storage.Tx) error {
		for _, update := range []func() error{
			func() error { return tx.UpdateTenant(d.tenant) }, func() error { return tx.UpdateRole(d.role) },
			func() error { return tx.UpdateAPI(d.api) }, func() error { return tx.UpdateSubscription(d.subscription) },
		} {
			if err := update(); err != nil {
				return err
			}
		}
		return nil
	})
	for _, each := range []storage.ChangeRef{
		{Kind: storage.ChangeTenant, ID: "acme"}, {Kind: storage.ChangeRole, TenantID: "acme", ID: "reader"},
		{Kind: storage.ChangeAPI, TenantID: "acme", ID: "orders"}, {Kind: storage.ChangeSubscription, ID: "sub_1"},
	} {
		s.Spoil(t, s.store, each)
	}
	snapshot, _, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	changes := s.changes(t, before)
	for what, records := range map[string]*storage.Records{"snapshot": &snapshot, "changes": &changes.Records} {
		if records.Unreadable != 4 || len(records.Roles) != 1 || len(records.Roles[0].Permissions) != 0 ||
			len(records.APIs) != 1 || records.APIs[0].State != "" {
			t.Errorf("%s: got %d unreadable, roles %+v, APIs %+v; want 4, and none with a right or a state",
				what, records.Unreadable, records.Roles, records.APIs)
		}
		for _, tenant := range records.Tenants {
			if (tenant.ID == "acme") != (tenant.State == "") {
				t.Errorf("%s: tenant %s has state %q", what, tenant.ID, tenant.State)
			}
		}
		for _, sub := range records.Subscriptions {
			if (sub.ID == "sub_1") != (sub.State == "") {
				t.Errorf("%s: subscription %s has state %q", what, sub.ID, sub.State)
			}
		}
	}
	if api, err := s.store.GetAPI(t.Context(), d.api.Ref()); err != nil || api.State != "" || api.DisplayName != d.api.DisplayName {
		t.Errorf("GetAPI: got %+v, %v; want no state, and the fields that can be read", api, err)
	}
	page := storage.PageQuery{TenantID: "acme", Limit: 10}
	if apis, err := s.store.ListAPIs(t.Context(), page); err != nil || len(apis) != 1 || apis[0].State != "" {
		t.Errorf("ListAPIs: got %+v, %v", apis, err)
	}
	if roles, err := s.store.ListRoles(t.Context(), page); err != nil || len(roles) != 1 {
		t.Errorf("ListRoles: got %+v, %v", roles, err)
	}

	// What can't be read must not be lost by writing the rest back.
	s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
		tenant, err := tx.GetTenant("acme")
		wantError(t, "GetTenant", err, nil)
		tenant.State = storage.TenantActive
		return tx.UpdateTenant(tenant)
	})
	for _, read := range []func(storage.Tx) (*storage.Role, error){
		func(tx storage.Tx) (*storage.Role, error) { return first(tx.ListTenantRoles("acme")) },
		func(tx storage.Tx) (*storage.Role, error) { return first(tx.GetRoles("acme", []string{"reader"})) },
	} {
		s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
			role, err := read(tx)
			wantError(t, "reading the role", err, nil)
			return tx.UpdateRole(role)
		})
	}
	for _, read := range []func(storage.Tx) (*storage.API, error){
		func(tx storage.Tx) (*storage.API, error) { return first(tx.ListTenantAPIs("acme")) },
		func(tx storage.Tx) (*storage.API, error) { return tx.GetAPI(d.api.Ref()) },
	} {
		s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
			api, err := read(tx)
			wantError(t, "reading the API", err, nil)
			api.State = storage.APIRetired
			return tx.UpdateAPI(api)
		})
	}
	for _, read := range []func(storage.Tx) (*storage.Subscription, error){
		func(tx storage.Tx) (*storage.Subscription, error) { return tx.GetSubscription("sub_1") },
		func(tx storage.Tx) (*storage.Subscription, error) {
			return first(tx.FindSubscriptions(storage.SubscriptionQuery{TenantID: "zeta", UserID: "zoe"}))
		},
	} {
		s.refuse(t, storage.ErrUnreadable, func(tx storage.Tx) error {
			sub, err := read(tx)
			wantError(t, "reading the subscription", err, nil)
			sub.State = storage.SubscriptionApproved
			return tx.UpdateSubscription(sub)
		})
	}
	s.write(t, func(tx storage.Tx) error {
		tenant, err := tx.GetTenant("acme")
		wantError(t, "GetTenant", err, nil)
		tenant.State, tenant.DeleteTime = storage.TenantDeleted, day
		wantError(t, "DeleteSubscription", tx.DeleteSubscription("sub_1"), nil)
		wantError(t, "DeleteAPI", tx.DeleteAPI(d.api.Ref()), nil)
		wantError(t, "DeleteRole", tx.DeleteRole(d.role.Ref()), nil)
		return tx.UpdateTenant(tenant)
	})
	if got, err := s.store.GetTenant(t.Context(), "acme"); err != nil || got.State != storage.TenantDeleted {
		t.Errorf("GetTenant after deleting: got %+v, %v", got, err)
	}
}

func first[T any](records []*T, err error) (*T, error) {
	if err != nil || len(records) == 0 {
		return nil, err
	}
	return records[0], nil
}
