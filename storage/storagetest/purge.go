package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keystile/keystile/storage"
)

func ref(kind storage.ChangeKind, tenantID, id string) storage.ChangeRef {
	return storage.ChangeRef{Kind: kind, TenantID: tenantID, ID: id}
}

// testPurge purges a tenant, a user and a key, each with what belongs to it, and
// nothing of what is live, of another, or deleted too lately.
func testPurge(t *testing.T, s *suite) {
	early, bound, late := kept(day), kept(day.Add(time.Hour)), kept(day.Add(2*time.Hour))
	tenant := func(id string, deleted time.Time) *storage.Tenant {
		r := newTenant(id)
		if !deleted.IsZero() {
			r.State, r.DeleteTime = storage.TenantDeleted, deleted
		}
		return r
	}
	user := func(tenantID, id string, deleted time.Time) *storage.User {
		u := newUser(tenantID, id)
		if !deleted.IsZero() {
			u.State, u.DeleteTime = storage.UserDeleted, deleted
		}
		return u
	}
	key := func(tenantID, userID, id string, deleted time.Time) *storage.Key {
		k := newKey(tenantID, userID, id)
		k.DeleteTime = deleted
		return k
	}
	never := time.Time{}
	orders, bills := storage.APIRef{TenantID: "acme", ID: "orders"}, storage.APIRef{TenantID: "old", ID: "bills"}
	s.write(t, func(tx storage.Tx) error {
		tx.Audit("old", day, []byte(`{"n":1}`))
		tx.Audit("acme", day, []byte(`{"n":1}`))
		return errors.Join(
			tx.CreateTenant(tenant("acme", never)), tx.CreateTenant(tenant("old", early)), tx.CreateTenant(tenant("lately", late)),
			tx.CreateTenant(tenant("bound", bound)), tx.CreateTenant(tenant(storage.SystemTenant, early)),
			tx.CreateUser(user("acme", "ada", never)), tx.CreateUser(user("acme", "bob", early)), tx.CreateUser(user("acme", "cyd", late)),
			tx.CreateUser(user("old", "ada", never)), tx.CreateUser(user("old", "bob", late)), tx.CreateUser(user("lately", "ada", late)),
			tx.CreateUser(user(storage.SystemTenant, "admin", never)),
			tx.CreateRole(newRole("acme", "reader")), tx.CreateRole(newRole("old", "reader")),
			tx.CreateAPI(newAPI("acme", "orders")), tx.CreateAPI(newAPI("old", "bills")),
			tx.CreatePlan(newPlan("acme", "gold")), tx.CreatePlan(newPlan("old", "gold")),
			tx.CreateSubscription(newSubscription("s1", "acme", "ada", orders)),
			tx.CreateSubscription(newSubscription("s2", "acme", "ada", bills)),
			tx.CreateSubscription(newSubscription("s3", "acme", "bob", orders)),
			tx.CreateSubscription(newSubscription("s4", "old", "", orders)),
			tx.CreateSubscription(newSubscription("s5", "old", "ada", bills)),
			tx.CreateKey(key("acme", "ada", "live", never)), tx.CreateKey(key("acme", "ada", "early", early)),
			tx.CreateKey(key("acme", "ada", "bound", bound)), tx.CreateKey(key("acme", "ada", "late", late)),
			tx.CreateKey(key("acme", "bob", "of bob", never)), tx.CreateKey(key("old", "ada", "of old", never)),
			tx.CreateKey(key("old", "bob", "of old bob", late)), tx.CreateKey(key(storage.SystemTenant, "admin", "admin's", never)),
			tx.PutReply(storage.ReplyID{Caller: storage.UserRef{TenantID: "acme", ID: "bob"}, RequestID: "r"}, storage.Reply{Time: day}),
			tx.PutReply(storage.ReplyID{Caller: storage.UserRef{TenantID: "acme", ID: "ada"}, RequestID: "r"}, storage.Reply{Time: day}),
		)
	})
	err := s.store.MarkUsed(t.Context(), []storage.Used{
		{KeyID: "live", User: storage.UserRef{TenantID: "acme", ID: "ada"}, Time: day},
		{KeyID: "early", User: storage.UserRef{TenantID: "acme", ID: "ada"}, Time: day},
		{KeyID: "of bob", User: storage.UserRef{TenantID: "acme", ID: "bob"}, Time: day},
	})
	wantError(t, "MarkUsed", err, nil)
	before := s.position(t)
	var count storage.PurgeCount
	s.write(t, func(tx storage.Tx) (err error) {
		count, err = tx.Purge(bound)
		return err
	})
	same(t, "counts", count, storage.PurgeCount{Tenants: 1, Users: 3, Keys: 4})

	changes := s.changes(t, before)
	gone := map[storage.ChangeRef]bool{}
	for _, each := range changes.Gone {
		gone[each] = true
	}
	want := map[storage.ChangeRef]bool{}
	for _, each := range []storage.ChangeRef{
		ref(storage.ChangeTenant, "", "old"), ref(storage.ChangeUser, "old", "ada"), ref(storage.ChangeUser, "old", "bob"),
		ref(storage.ChangeUser, "acme", "bob"), ref(storage.ChangeRole, "old", "reader"), ref(storage.ChangeAPI, "old", "bills"),
		ref(storage.ChangePlan, "old", "gold"),
		ref(storage.ChangeSubscription, "", "s2"), ref(storage.ChangeSubscription, "", "s3"), ref(storage.ChangeSubscription, "", "s4"),
		ref(storage.ChangeSubscription, "", "s5"), ref(storage.ChangeKey, "", "early"), ref(storage.ChangeKey, "", "of bob"),
		ref(storage.ChangeKey, "", "of old"), ref(storage.ChangeKey, "", "of old bob"),
	} {
		want[each] = true
	}
	same(t, "gone", gone, want)
	records, _, _, err := storage.Whole(t.Context(), s.store)
	wantError(t, "Snapshot", err, nil)
	same(t, "keys that stay", slices.Sorted(slices.Values(keyIDs(records.Keys))), []string{"admin's", "bound", "late", "live"})
	same(t, "users that stay", slices.Sorted(slices.Values(names(records.Users, func(u *storage.User) string { return u.TenantID + "/" + u.ID }))),
		[]string{"acme/ada", "acme/cyd", "lately/ada", "system/admin"})
	same(t, "tenants that stay", names(records.Tenants, func(t *storage.Tenant) string { return t.ID }), []string{"acme", "bound", "lately", "system"})
	if len(records.Roles) != 1 || len(records.APIs) != 1 || len(records.Plans) != 1 || len(records.Subscriptions) != 1 {
		t.Errorf("what stays: got %d roles, %d APIs, %d plans, %d subscriptions; want one each",
			len(records.Roles), len(records.APIs), len(records.Plans), len(records.Subscriptions))
	}
	used, err := s.store.LastUsed(t.Context(), []string{"live", "early", "of bob"})
	wantError(t, "LastUsed", err, nil)
	same(t, "uses", used, map[string]time.Time{"live": kept(day)})
	used, err = s.store.UsersLastUsed(t.Context(), "acme", []string{"ada", "bob"})
	wantError(t, "UsersLastUsed", err, nil)
	same(t, "users' uses", used, map[string]time.Time{"ada": kept(day)})

	// The trail stays, and what had an id or a digest may come again.
	for _, tenantID := range []string{"old", "acme"} {
		head, err := s.store.AuditHead(t.Context(), tenantID)
		if err != nil || head.Sequence != 1 {
			t.Errorf("audit head of %s: got %+v, %v", tenantID, head, err)
		}
	}
	s.write(t, func(tx storage.Tx) error {
		bob := storage.UserRef{TenantID: "acme", ID: "bob"}
		_, err := tx.GetReply(storage.ReplyID{Caller: bob, RequestID: "r"})
		wantError(t, "GetReply of the purged user", err, storage.ErrNotFound)
		_, err = tx.GetReply(storage.ReplyID{Caller: storage.UserRef{TenantID: "acme", ID: "ada"}, RequestID: "r"})
		wantError(t, "GetReply", err, nil)
		_, err = tx.FindKey(digest("of bob"))
		wantError(t, "FindKey of the purged key", err, storage.ErrNotFound)
		return errors.Join(tx.CreateTenant(newTenant("old")), tx.CreateUser(newUser("acme", "bob")), tx.CreateKey(newKey("acme", "bob", "early")))
	})
	position := s.position(t)
	s.write(t, func(tx storage.Tx) error {
		count, err := tx.Purge(bound)
		same(t, "counts of a second time", count, storage.PurgeCount{})
		return err
	})
	if after := s.position(t); after != position {
		t.Errorf("position after nothing was purged: got %v, want %v", after, position)
	}
}

// testPurgeGoesOn purges a tenant with more keys than one transaction removes.
func testPurgeGoesOn(t *testing.T, s *suite) {
	const many = 4_500
	old := newTenant("old")
	old.State, old.DeleteTime = storage.TenantDeleted, day
	s.populate(t, "k1")
	s.write(t, func(tx storage.Tx) error {
		keys := make([]*storage.Key, many)
		for i := range keys {
			keys[i] = newKey("old", "ada", fmt.Sprintf("old%d", i))
		}
		if err := errors.Join(tx.CreateTenant(old), tx.CreateUser(newUser("old", "ada"))); err != nil {
			return err
		}
		_, err := tx.CreateKeys(keys)
		return err
	})
	var total storage.PurgeCount
	before := s.position(t)
	gone, calls := map[storage.ChangeRef]bool{}, 0
	for more := true; more; calls++ {
		s.write(t, func(tx storage.Tx) error {
			count, err := tx.Purge(day.Add(time.Second))
			total.Tenants, total.Users, total.Keys = total.Tenants+count.Tenants, total.Users+count.Users, total.Keys+count.Keys
			more = count.More
			return err
		})
		// A follower forgets one by one, and never takes a snapshot for it.
		changes := s.changes(t, before)
		before = changes.Now
		for _, each := range changes.Gone {
			gone[each] = true
		}
	}
	same(t, "total", total, storage.PurgeCount{Tenants: 1, Users: 1, Keys: many})
	if calls < 2 || calls > 50 || len(gone) != many+2 {
		t.Errorf("got %d calls and %d refs; want a few, and %d", calls, len(gone), many+2)
	}
	records, _, _, err := storage.Whole(t.Context(), s.store)
	if err != nil || len(records.Keys) != 1 || len(records.Tenants) != 1 || len(records.Users) != 1 {
		t.Errorf("what stays: got %d keys, %d tenants, %d users, %v", len(records.Keys), len(records.Tenants), len(records.Users), err)
	}
}
