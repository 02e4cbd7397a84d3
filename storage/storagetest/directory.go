package storagetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/keystile/keystile/storage"
)

// directory is one record of each kind around a key.
type directory struct {
	tenant       *storage.Tenant
	role         *storage.Role
	api          *storage.API
	subscription *storage.Subscription
	wholesale    *storage.Subscription
}

// populateDirectory makes tenants acme and zeta with users ada and zoe, and acme's
// API orders, to which zoe and the whole of zeta subscribe.
func (s *suite) populateDirectory(t *testing.T) directory {
	t.Helper()
	d := directory{tenant: wholeTenant("acme"), role: newRole("acme", "reader"), api: wholeAPI("acme", "orders")}
	d.subscription = wholeSubscription("sub_1", "zeta", "zoe", d.api.Ref())
	d.wholesale = newSubscription("sub_2", "zeta", "", d.api.Ref())
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(
			tx.CreateTenant(newTenant(storage.SystemTenant)), tx.CreateTenant(d.tenant), tx.CreateTenant(newTenant("zeta")),
			tx.CreateUser(newUser("acme", "ada")), tx.CreateUser(newUser("zeta", "zoe")), tx.CreateRole(d.role), tx.CreateAPI(d.api),
			tx.CreateSubscription(d.subscription), tx.CreateSubscription(d.wholesale),
		)
	})
	return d
}

// read reads the directory's records again, in three ways, which must agree.
func (s *suite) read(t *testing.T, d directory) {
	t.Helper()
	tenant, err := s.store.GetTenant(t.Context(), d.tenant.ID)
	wantError(t, "GetTenant", err, nil)
	same(t, "tenant", tenant, d.tenant)
	role, err := s.store.GetRole(t.Context(), d.role.Ref())
	wantError(t, "GetRole", err, nil)
	same(t, "role", role, d.role)
	api, err := s.store.GetAPI(t.Context(), d.api.Ref())
	wantError(t, "GetAPI", err, nil)
	same(t, "API", api, d.api)
	s.write(t, func(tx storage.Tx) error {
		tenant, err := tx.GetTenant(d.tenant.ID)
		wantError(t, "Tx.GetTenant", err, nil)
		same(t, "tenant in Tx", tenant, d.tenant)
		roles, err := tx.ListTenantRoles("acme")
		wantError(t, "ListTenantRoles", err, nil)
		same(t, "roles", roles, []*storage.Role{d.role})
		api, err := tx.GetAPI(d.api.Ref())
		wantError(t, "Tx.GetAPI", err, nil)
		same(t, "API in Tx", api, d.api)
		apis, err := tx.ListTenantAPIs("acme")
		wantError(t, "ListTenantAPIs", err, nil)
		same(t, "APIs", apis, []*storage.API{d.api})
		return nil
	})
	subs := []*storage.Subscription{d.subscription, d.wholesale}
	for _, want := range subs {
		got, err := s.store.GetSubscription(t.Context(), want.ID)
		wantError(t, "GetSubscription", err, nil)
		same(t, "subscription", got, want)
		s.write(t, func(tx storage.Tx) error {
			got, err := tx.GetSubscription(want.ID)
			wantError(t, "Tx.GetSubscription", err, nil)
			same(t, "subscription in Tx", got, want)
			return nil
		})
	}
	records, position, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	changes := s.changes(t, storage.Position{StoreID: position.StoreID})
	for what, all := range map[string]*storage.Records{"snapshot": &records, "changes": &changes.Records} {
		same(t, "roles of the "+what, all.Roles, []*storage.Role{d.role})
		same(t, "APIs of the "+what, all.APIs, []*storage.API{d.api})
		same(t, "subscriptions of the "+what, all.Subscriptions, subs)
		for _, tenant := range all.Tenants {
			if tenant.ID == "acme" {
				same(t, "tenant of the "+what, tenant, d.tenant)
			}
		}
		if len(all.Tenants) != 3 || all.Unreadable != 0 {
			t.Errorf("%s: got %d tenants, %d unreadable; want 3 and 0", what, len(all.Tenants), all.Unreadable)
		}
	}
	same(t, "gone", changes.Gone, []storage.ChangeRef{})
}

func testDirectory(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	for what, version := range map[string]int64{
		"tenant": d.tenant.Version, "role": d.role.Version, "API": d.api.Version, "subscription": d.subscription.Version,
	} {
		if version != 1 {
			t.Errorf("%s: got version %d, want 1", what, version)
		}
	}
	if d.api.CreateTime.IsZero() || d.api.UpdateTime != d.api.CreateTime || d.role.CreateTime.IsZero() || d.subscription.CreateTime.IsZero() {
		t.Errorf("times: got %v %v %v", d.api.CreateTime, d.role.CreateTime, d.subscription.CreateTime)
	}
	s.read(t, d)
	for _, id := range []string{"none", "", "nul\x00byte", "bad \xff utf-8", strings.Repeat("x", 2<<20), "' OR 1=1 --"} {
		_, err := s.store.GetRole(t.Context(), storage.RoleRef{TenantID: "acme", ID: id})
		wantError(t, "GetRole", err, storage.ErrNotFound)
		_, err = s.store.GetAPI(t.Context(), storage.APIRef{TenantID: id, ID: "orders"})
		wantError(t, "GetAPI", err, storage.ErrNotFound)
		_, err = s.store.GetSubscription(t.Context(), id)
		wantError(t, "GetSubscription", err, storage.ErrNotFound)
		s.write(t, func(tx storage.Tx) error {
			_, err := tx.GetAPI(storage.APIRef{TenantID: "acme", ID: id})
			wantError(t, "Tx.GetAPI", err, storage.ErrNotFound)
			_, err = tx.GetSubscription(id)
			wantError(t, "Tx.GetSubscription", err, storage.ErrNotFound)
			wantError(t, "DeleteRole", tx.DeleteRole(storage.RoleRef{TenantID: id, ID: "reader"}), storage.ErrNotFound)
			wantError(t, "DeleteAPI", tx.DeleteAPI(storage.APIRef{TenantID: "acme", ID: id}), storage.ErrNotFound)
			wantError(t, "DeleteSubscription", tx.DeleteSubscription(id), storage.ErrNotFound)
			return nil
		})
	}
	// A caller may go on after what is no error of the store.
	s.write(t, func(tx storage.Tx) error {
		wantError(t, "CreateRole", tx.CreateRole(newRole("acme", "reader")), storage.ErrExists)
		wantError(t, "CreateAPI", tx.CreateAPI(newAPI("acme", "orders")), storage.ErrExists)
		wantError(t, "CreateSubscription", tx.CreateSubscription(newSubscription("sub_1", "acme", "ada", d.api.Ref())), storage.ErrExists)
		wantError(t, "UpdateTenant", tx.UpdateTenant(newTenant("none")), storage.ErrNotFound)
		wantError(t, "UpdateRole", tx.UpdateRole(newRole("zeta", "reader")), storage.ErrNotFound)
		wantError(t, "UpdateAPI", tx.UpdateAPI(newAPI("zeta", "orders")), storage.ErrNotFound)
		wantError(t, "UpdateSubscription", tx.UpdateSubscription(newSubscription("none", "zeta", "zoe", d.api.Ref())), storage.ErrNotFound)
		return nil
	})
	s.read(t, d)
}

func testDirectoryUpdates(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	before := s.position(t)
	stale := directory{tenant: newTenant("acme"), role: newRole("acme", "reader"), api: newAPI("acme", "orders")}
	stale.tenant.Version, stale.role.Version, stale.api.Version = 1, 1, 1
	stale.subscription = newSubscription("sub_1", "zeta", "zoe", d.api.Ref())
	stale.subscription.Version = 1

	d.tenant.DisplayName, d.tenant.State, d.tenant.SecretPrefix = "Acme Inc.", storage.TenantSuspended, "acme"
	d.tenant.Hosts, d.tenant.KeyPolicy, d.tenant.DeleteTime = nil, storage.KeyPolicy{MaxKeysPerUser: 1}, kept(day)
	d.tenant.Limits = storage.Limits{Quotas: wholeLimits().Quotas[:1]}
	d.role.DisplayName, d.role.Permissions = "Nobody", nil
	created := d.api.CreateTime
	*d.api = storage.API{
		TenantID: "acme", ID: "orders", Visibility: storage.VisibilityPrivate, State: storage.APIRetired,
		Routes: []storage.Route{{Path: "/none"}}, Version: d.api.Version,
	}
	d.subscription.UserID, d.subscription.State, d.subscription.ExpireTime = "", storage.SubscriptionPaused, kept(day.AddDate(1, 0, 0))
	d.wholesale.UserID, d.wholesale.State, d.wholesale.Reason = "zoe", storage.SubscriptionRejected, "no"
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.UpdateTenant(d.tenant), tx.UpdateRole(d.role), tx.UpdateAPI(d.api),
			tx.UpdateSubscription(d.subscription), tx.UpdateSubscription(d.wholesale), tx.UpdateSubscription(d.wholesale))
	})
	if d.tenant.Version != 2 || d.role.Version != 2 || d.api.Version != 2 || d.subscription.Version != 2 || d.wholesale.Version != 3 {
		t.Errorf("versions: got %d, %d, %d, %d, %d; want 2, 2, 2, 2, 3",
			d.tenant.Version, d.role.Version, d.api.Version, d.subscription.Version, d.wholesale.Version)
	}
	if !d.api.CreateTime.Equal(created) || d.api.UpdateTime.Before(created) {
		t.Errorf("API: got times %v and %v, created at %v", d.api.CreateTime, d.api.UpdateTime, created)
	}
	s.read(t, d)
	changed := s.changes(t, before).Records
	if len(changed.Tenants) != 1 || len(changed.Roles) != 1 || len(changed.APIs) != 1 || len(changed.Subscriptions) != 2 || len(changed.Users) != 0 {
		t.Errorf("changes: got %+v; want the five records that were written", changed)
	}
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdateTenant(stale.tenant) })
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdateRole(stale.role) })
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdateAPI(stale.api) })
	s.refuse(t, storage.ErrConflict, func(tx storage.Tx) error { return tx.UpdateSubscription(stale.subscription) })
	s.read(t, d)
}

// testAPIFlags: each flag opens or closes something of its own.
func testAPIFlags(t *testing.T, s *suite) {
	s.populate(t)
	a := newAPI("acme", "orders")
	a.AllowPreflight = true
	s.write(t, func(tx storage.Tx) error { return tx.CreateAPI(a) })
	kept := func() {
		t.Helper()
		got, err := s.store.GetAPI(t.Context(), a.Ref())
		wantError(t, "GetAPI", err, nil)
		same(t, "API", got, a)
	}
	kept()
	for _, flags := range [][2]bool{{true, false}, {false, true}, {false, false}, {true, true}} {
		a.SubscriptionRequired, a.AllowPreflight = flags[0], flags[1]
		s.write(t, func(tx storage.Tx) error { return tx.UpdateAPI(a) })
		kept()
	}
}

func testDirectoryDeletes(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	other := newAPI("acme", "bills")
	kept := newSubscription("sub_3", "zeta", "zoe", other.Ref())
	s.write(t, func(tx storage.Tx) error { return errors.Join(tx.CreateAPI(other), tx.CreateSubscription(kept)) })
	gone := func(want []storage.ChangeRef, change func(storage.Tx) error) {
		t.Helper()
		before := s.position(t)
		s.write(t, change)
		same(t, "gone", s.changes(t, before).Gone, want)
	}
	gone([]storage.ChangeRef{{Kind: storage.ChangeSubscription, ID: "sub_2"}, {Kind: storage.ChangeRole, TenantID: "acme", ID: "reader"}},
		func(tx storage.Tx) error {
			return errors.Join(tx.DeleteSubscription("sub_2"), tx.DeleteRole(d.role.Ref()))
		})
	// Nobody's subscription may come to stand for another API of the same id.
	gone([]storage.ChangeRef{{Kind: storage.ChangeSubscription, ID: "sub_1"}, {Kind: storage.ChangeAPI, TenantID: "acme", ID: "orders"}},
		func(tx storage.Tx) error { return tx.DeleteAPI(d.api.Ref()) })
	before := s.position(t)
	s.write(t, func(tx storage.Tx) error {
		again := newAPI("acme", "orders")
		return errors.Join(tx.CreateAPI(again), tx.DeleteAPI(again.Ref()), tx.CreateAPI(again))
	})
	changes := s.changes(t, before)
	if len(changes.Gone) != 0 || len(changes.Records.APIs) != 1 || changes.Records.APIs[0].Version != 1 {
		t.Errorf("an API made again: got %+v, gone %v", changes.Records.APIs, changes.Gone)
	}
	records, _, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	same(t, "subscriptions", records.Subscriptions, []*storage.Subscription{kept})
	if len(records.Roles) != 0 || len(records.APIs) != 2 {
		t.Errorf("snapshot: got %d roles and %d APIs, want 0 and 2", len(records.Roles), len(records.APIs))
	}
	_, err = s.store.GetSubscription(t.Context(), "sub_1")
	wantError(t, "GetSubscription", err, storage.ErrNotFound)
	s.refuse(t, storage.ErrNotFound, func(tx storage.Tx) error { return tx.DeleteRole(d.role.Ref()) })
}

func testDirectoryReferences(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	before := s.position(t)
	for what, change := range map[string]func(storage.Tx) error{
		"a role without its tenant":         func(tx storage.Tx) error { return tx.CreateRole(newRole("none", "r")) },
		"an API without its tenant":         func(tx storage.Tx) error { return tx.CreateAPI(newAPI("none", "a")) },
		"a subscription without its tenant": func(tx storage.Tx) error { return tx.CreateSubscription(newSubscription("s", "none", "", d.api.Ref())) },
		"a subscription without its user": func(tx storage.Tx) error {
			return tx.CreateSubscription(newSubscription("s", "zeta", "ada", d.api.Ref()))
		},
		"a subscription without its API": func(tx storage.Tx) error {
			return tx.CreateSubscription(newSubscription("s", "zeta", "zoe", storage.APIRef{TenantID: "zeta", ID: "orders"}))
		},
	} {
		if _, err := s.store.Write(t.Context(), change); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: got error %v, want %v", what, err, storage.ErrNotFound)
		}
	}
	for _, bad := range []string{"a\x00b", "a\xffb", strings.Repeat("x", 1<<20+1)} {
		for what, change := range map[string]func(storage.Tx) error{
			"host": func(tx storage.Tx) error {
				return tx.CreateTenant(&storage.Tenant{ID: "t", State: "ACTIVE", Hosts: []string{bad}})
			},
			"label": func(tx storage.Tx) error {
				return tx.CreateTenant(&storage.Tenant{ID: "t", State: "ACTIVE", KeyPolicy: storage.KeyPolicy{RequiredLabels: []string{bad}}})
			},
			"permission": func(tx storage.Tx) error {
				return tx.CreateRole(&storage.Role{TenantID: "acme", ID: "r", Permissions: []string{bad}})
			},
			"path": func(tx storage.Tx) error {
				a := newAPI("acme", "a")
				a.Routes = []storage.Route{{Path: bad}}
				return tx.CreateAPI(a)
			},
			"note": func(tx storage.Tx) error {
				sub := newSubscription("s", "zeta", "zoe", d.api.Ref())
				sub.Note = bad
				return tx.CreateSubscription(sub)
			},
			"key's API": func(tx storage.Tx) error {
				k := newKey("acme", "ada", "k")
				k.APIs = []storage.APIRef{{TenantID: "acme", ID: bad}}
				return tx.CreateKey(k)
			},
		} {
			if _, err := s.store.Write(t.Context(), change); !errors.Is(err, storage.ErrInvalid) {
				t.Errorf("%s with %.5q: got error %v, want %v", what, bad, err, storage.ErrInvalid)
			}
		}
	}
	for what, change := range map[string]func(storage.Tx) error{
		"an API without a state": func(tx storage.Tx) error {
			return tx.CreateAPI(&storage.API{TenantID: "acme", ID: "a", Visibility: "PUBLIC"})
		},
		"an API without a visibility": func(tx storage.Tx) error {
			return tx.CreateAPI(&storage.API{TenantID: "acme", ID: "a", State: "PUBLISHED"})
		},
		"a subscription without a state": func(tx storage.Tx) error {
			return tx.CreateSubscription(&storage.Subscription{ID: "s", TenantID: "zeta", API: d.api.Ref()})
		},
		"a key for an API without an id": func(tx storage.Tx) error {
			k := newKey("acme", "ada", "k")
			k.APIs = []storage.APIRef{{TenantID: "acme"}}
			return tx.CreateKey(k)
		},
	} {
		if _, err := s.store.Write(t.Context(), change); !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("%s: got error %v, want %v", what, err, storage.ErrInvalid)
		}
	}
	if after := s.position(t); after != before {
		t.Errorf("position: got %v, want %v as before", after, before)
	}
}

func testDirectoryIDs(t *testing.T, s *suite) {
	d := s.populateDirectory(t)
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(
			tx.CreateRole(newRole("acme", "Reader")), tx.CreateRole(newRole("zeta", "reader")),
			tx.CreateAPI(newAPI("acme", "Orders")), tx.CreateAPI(newAPI("zeta", "orders")),
			tx.CreateSubscription(newSubscription("SUB_1", "zeta", "zoe", storage.APIRef{TenantID: "acme", ID: "Orders"})),
		)
	})
	s.write(t, func(tx storage.Tx) error {
		return errors.Join(tx.DeleteRole(storage.RoleRef{TenantID: "acme", ID: "Reader"}), tx.DeleteRole(storage.RoleRef{TenantID: "zeta", ID: "reader"}),
			tx.DeleteAPI(storage.APIRef{TenantID: "acme", ID: "Orders"}), tx.DeleteAPI(storage.APIRef{TenantID: "zeta", ID: "orders"}))
	})
	before := s.position(t)
	same(t, "gone", s.changes(t, storage.Position{StoreID: before.StoreID, Revision: before.Revision - 1}).Gone, []storage.ChangeRef{
		{Kind: storage.ChangeRole, TenantID: "acme", ID: "Reader"}, {Kind: storage.ChangeRole, TenantID: "zeta", ID: "reader"},
		{Kind: storage.ChangeSubscription, ID: "SUB_1"}, {Kind: storage.ChangeAPI, TenantID: "acme", ID: "Orders"},
		{Kind: storage.ChangeAPI, TenantID: "zeta", ID: "orders"},
	})
	for _, id := range []string{"READER", "reader ", "readеr"} {
		_, err := s.store.GetRole(t.Context(), storage.RoleRef{TenantID: "acme", ID: id})
		wantError(t, "GetRole", err, storage.ErrNotFound)
	}
	_, err := s.store.GetSubscription(t.Context(), "Sub_1")
	wantError(t, "GetSubscription", err, storage.ErrNotFound)
	if got, err := s.store.GetRole(t.Context(), d.role.Ref()); err != nil || got.ID != "reader" {
		t.Errorf("GetRole: got %v, %v", got, err)
	}
	if got, err := s.store.GetSubscription(t.Context(), "sub_1"); err != nil || got.API != d.api.Ref() {
		t.Errorf("GetSubscription: got %v, %v", got, err)
	}
}
