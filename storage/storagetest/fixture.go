package storagetest

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/keystile/keystile/storage"
)

// day is when the tests' records say that things happened, with more digits
// than a store keeps.
var day = time.Date(2026, 11, 24, 7, 8, 9, 123456789, time.FixedZone("elsewhere", 3600)) //nolint:gochecknoglobals // a constant, but for its type

// kept is a time as a store gives it back.
func kept(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

func digest(text string) storage.Digest { return sha256.Sum256([]byte(text)) }

func newTenant(id string) *storage.Tenant {
	return &storage.Tenant{ID: id, DisplayName: "Tenant " + id, State: storage.TenantActive, SecretPrefix: "ks"}
}

func newUser(tenantID, id string) *storage.User {
	return &storage.User{
		TenantID: tenantID, ID: id, DisplayName: "User " + id, Kind: storage.UserPerson, State: storage.UserActive,
		Roles: []string{"developer"},
	}
}

func newKey(tenantID, userID, id string) *storage.Key {
	return &storage.Key{
		ID: id, TenantID: tenantID, UserID: userID, DisplayName: "Key " + id, State: storage.KeyActive,
		Secrets: []storage.Secret{newSecret(id)},
	}
}

func newSecret(text string) storage.Secret {
	return storage.Secret{Digest: digest(text), Prefix: "ks", LastFour: "wxyz", CreateTime: kept(day)}
}

// wholeKey has every field.
func wholeKey(tenantID, userID, id string) *storage.Key {
	k := newKey(tenantID, userID, id)
	k.Scopes = []string{"orders.read", "orders.*"}
	k.AllowedCIDRs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	k.Labels = map[string]string{"env": "prod", "ünïcode": "<&>\" ' \\ \u2028", "empty": ""}
	k.State = storage.KeyRevoked
	k.StartTime, k.ExpireTime, k.RevokeTime, k.DeleteTime = day, day.Add(time.Hour), day.Add(2*time.Hour), day.Add(3*time.Hour)
	k.RevokeReason, k.RevokeNote = storage.RevokeKeyCompromise, "found in a repository"
	k.APIs = []storage.APIRef{{TenantID: "acme", ID: "orders"}, {TenantID: "zeta", ID: "Orders"}}
	k.SecretPrefix, k.Limits = "acme_live", wholeLimits()
	k.CreatedBy = storage.UserRef{TenantID: storage.SystemTenant, ID: "admin"}
	before := newSecret(id + " before")
	before.EndTime, before.PepperID = day.Add(time.Minute), "pepper-1"
	k.Secrets = append(k.Secrets, before)
	return k
}

// wholeTenant has every field.
func wholeTenant(id string) *storage.Tenant {
	tenant := newTenant(id)
	tenant.Limits = wholeLimits()
	tenant.Hosts = []string{"api." + id + ".test", "*." + id + ".test", "*"}
	tenant.KeyPolicy = storage.KeyPolicy{
		MaxLifetime: 90*24*time.Hour + time.Nanosecond, DefaultLifetime: time.Hour, ExpiryRequired: true,
		AllowedPrefixes: []string{"ks", "live"}, MaxKeysPerUser: 7, RequiredLabels: []string{"env", "<&>"},
	}
	return tenant
}

func newRole(tenantID, id string) *storage.Role {
	return &storage.Role{TenantID: tenantID, ID: id, DisplayName: "Role " + id, Permissions: []string{"orders.read", "orders.*"}}
}

func newAPI(tenantID, id string) *storage.API {
	return &storage.API{
		TenantID: tenantID, ID: id, DisplayName: "API " + id, Visibility: storage.VisibilityPrivate, State: storage.APIPublished,
	}
}

// wholeAPI has every field.
func wholeAPI(tenantID, id string) *storage.API {
	a := newAPI(tenantID, id)
	a.Visibility, a.State = storage.VisibilityPublic, storage.APIDeprecated
	a.SubscriptionRequired, a.AllowPreflight = true, true
	a.DeprecateTime, a.SunsetTime = kept(day), kept(day.Add(time.Hour))
	a.Routes = []storage.Route{
		{Hosts: []string{"api.acme.test", "*"}, Methods: []string{"GET", "HEAD"}, Path: "/orders/{id}", Permission: "orders.read"},
		{Hosts: []string{"*.acme.test"}, Methods: []string{"*"}, Path: "/ünïcode<&>/**", Limits: wholeLimits()},
	}
	a.Limits = wholeLimits()
	return a
}

func newPlan(tenantID, id string) *storage.Plan {
	return &storage.Plan{TenantID: tenantID, ID: id, DisplayName: "Plan " + id, Limits: wholeLimits()}
}

// wholeLimits have every field, and every period.
func wholeLimits() storage.Limits {
	return storage.Limits{
		RateLimits: []storage.RateLimit{
			{Name: "second", Requests: 10, Period: time.Second + time.Millisecond, Burst: 25, Exact: true},
			{Name: "minute", Requests: 1_000_000_000, Period: time.Minute, Burst: 1},
		},
		Quotas: []storage.Quota{
			{Name: "hour", Limit: 1, Period: storage.QuotaHour, Refill: storage.QuotaReplace},
			{Name: "day", Limit: 1_000_000_000_000_000, Period: storage.QuotaDay, TimeZone: "Europe/Berlin", Refill: storage.QuotaAdd},
			{Name: "month", Limit: 2, Period: storage.QuotaMonth, TimeZone: "<&>", Refill: storage.QuotaReplace},
			{Name: "total", Limit: 3, Period: storage.QuotaTotal, Refill: storage.QuotaReplace},
		},
	}
}

func newSubscription(id, tenantID, userID string, api storage.APIRef) *storage.Subscription {
	return &storage.Subscription{ID: id, TenantID: tenantID, UserID: userID, API: api, State: storage.SubscriptionPending}
}

// wholeSubscription has every field.
func wholeSubscription(id, tenantID, userID string, api storage.APIRef) *storage.Subscription {
	s := newSubscription(id, tenantID, userID, api)
	s.State, s.ExpireTime = storage.SubscriptionApproved, kept(day)
	s.Note, s.Plan, s.Reason = "please", "gold", "since you ask"
	return s
}

// keptKey is a key as a store gives it back.
func keptKey(k *storage.Key) *storage.Key {
	copied := *k
	for _, each := range []*time.Time{
		&copied.StartTime, &copied.ExpireTime, &copied.RevokeTime, &copied.DeleteTime, &copied.CreateTime, &copied.UpdateTime,
	} {
		*each = kept(*each)
	}
	copied.Secrets = nil
	for _, s := range k.Secrets {
		s.CreateTime, s.EndTime = kept(s.CreateTime), kept(s.EndTime)
		copied.Secrets = append(copied.Secrets, s)
	}
	return &copied
}

// write runs a transaction that must succeed.
func (s *suite) write(t *testing.T, change func(storage.Tx) error) int64 {
	t.Helper()
	revision, err := s.store.Write(t.Context(), change)
	if err != nil {
		t.Fatalf("Write: %v", err)
	}
	return revision
}

// changes are what was written after a position.
func (s *suite) changes(t *testing.T, since storage.Position) storage.Changes {
	t.Helper()
	changes, err := s.store.ChangesSince(t.Context(), since)
	if err != nil || changes.Reset {
		t.Fatalf("ChangesSince(%v): got reset %v, %v", since, changes.Reset, err)
	}
	return changes
}

// refuse runs a transaction that must end in an error.
func (s *suite) refuse(t *testing.T, want error, change func(storage.Tx) error) {
	t.Helper()
	if _, err := s.store.Write(t.Context(), change); !errors.Is(err, want) {
		t.Errorf("Write: got error %v, want %v", err, want)
	}
}

// populate makes tenant acme with user ada and the named keys.
func (s *suite) populate(t *testing.T, keys ...string) {
	t.Helper()
	s.write(t, func(tx storage.Tx) error {
		if err := errors.Join(tx.CreateTenant(newTenant("acme")), tx.CreateUser(newUser("acme", "ada"))); err != nil {
			return err
		}
		for _, id := range keys {
			if err := tx.CreateKey(newKey("acme", "ada", id)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) key(t *testing.T, id string) *storage.Key {
	t.Helper()
	k, err := s.store.GetKey(t.Context(), id)
	if err != nil {
		t.Fatalf("GetKey(%q): %v", id, err)
	}
	return k
}

func (s *suite) position(t *testing.T) storage.Position {
	t.Helper()
	_, position, _, err := storage.Whole(t.Context(), s.store)
	if err != nil {
		t.Fatalf("Snapshot: %v", err)
	}
	return position
}

// same compares records; no list and an empty list are the same.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}
