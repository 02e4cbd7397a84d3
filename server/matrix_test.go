package server_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
	"github.com/keystile/keystile/server"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
	"github.com/keystile/keystile/storage/sqlstore"
)

func asFault(err error, f **server.Fault) bool { return errors.As(err, f) }

// scene is a state of the world: a key with all that stands around it.
type scene struct {
	tenant storage.TenantState
	user   storage.UserState
	roles  []string
	key    storage.Key
	// apis and subscriptions stand beside it; those without a tenant are of the
	// key's own.
	apis          []storage.API
	subscriptions []storage.Subscription
	// hosts are the key's tenant's.
	hosts []string
	// previous asks with the secret before the one in use, which ends then.
	previous time.Time
}

// matrixCase is a state, a question, and the one answer that every door gives.
type matrixCase struct {
	name  string
	scene func(now time.Time) scene
	ask   asking
	// present, when given, is presented in place of the scene's secret.
	present func(secret string) string
	want    access.Reason
	// spent is how often the question was asked before, and allowed.
	spent int
	// route is the route that is found, of the key's own tenant's API orders
	// unless api says another.
	route string
	api   string
}

func usual(time.Time) scene { return scene{} }

func spoiled(change func(s *scene, now time.Time)) func(time.Time) scene {
	return func(now time.Time) scene {
		s := scene{}
		change(&s, now)
		return s
	}
}

// matrix has every reason that needs neither an API nor a subscription, and the
// order in which they come.
var matrix = []matrixCase{
	{name: "good key", scene: usual, want: access.Allowed},
	{name: "permission held", scene: usual, ask: asking{permission: "orders.read"}, want: access.Allowed},
	{name: "no key", scene: usual, present: func(string) string { return "" }, want: access.KeyMissing},
	{name: "too short", scene: usual, present: func(s string) string { return s[:12] }, want: access.KeyMalformed},
	{name: "too long", scene: usual, present: func(s string) string { return s + strings.Repeat("a", 512) }, want: access.KeyMalformed},
	{name: "unprintable", scene: usual, present: func(s string) string { return s[:20] + "\x01" + s[20:] }, want: access.KeyMalformed},
	{name: "not ASCII", scene: usual, present: func(s string) string { return s[:20] + "é" + s[20:] }, want: access.KeyMalformed},
	{name: "mistyped", scene: usual, present: swapCase, want: access.KeyMalformed},
	{name: "unknown", scene: usual, present: func(string) string { return "sk-foreign-0123456789abcdef" }, want: access.KeyNotFound},
	{name: "deleted", scene: spoiled(func(s *scene, now time.Time) { s.key.DeleteTime = now }), want: access.KeyNotFound},
	{name: "of another tenant", scene: usual, ask: asking{keyTenant: "beta"}, want: access.KeyNotFound},
	{name: "tenant suspended", scene: spoiled(func(s *scene, _ time.Time) { s.tenant = storage.TenantSuspended }), want: access.TenantSuspended},
	{name: "tenant deleted", scene: spoiled(func(s *scene, _ time.Time) { s.tenant = storage.TenantDeleted }), want: access.TenantSuspended},
	{name: "user suspended", scene: spoiled(func(s *scene, _ time.Time) { s.user = storage.UserSuspended }), want: access.InvalidUser},
	{name: "user deleted", scene: spoiled(func(s *scene, _ time.Time) { s.user = storage.UserDeleted }), want: access.InvalidUser},
	{name: "suspended user of a suspended tenant", scene: spoiled(func(s *scene, _ time.Time) {
		s.tenant, s.user = storage.TenantSuspended, storage.UserSuspended
	}), want: access.TenantSuspended},
	{name: "revoked", scene: spoiled(func(s *scene, now time.Time) {
		s.key.State, s.key.RevokeReason, s.key.RevokeTime = storage.KeyRevoked, storage.RevokeKeyCompromise, now
	}), want: access.KeyRevoked},
	{name: "revoked and expired", scene: spoiled(func(s *scene, now time.Time) {
		s.key.State, s.key.RevokeTime, s.key.ExpireTime = storage.KeyRevoked, now, now.Add(-time.Hour)
	}), want: access.KeyRevoked},
	{name: "disabled", scene: spoiled(func(s *scene, _ time.Time) { s.key.State = storage.KeyDisabled }), want: access.KeyDisabled},
	{name: "previous secret in grace", scene: spoiled(func(s *scene, now time.Time) { s.previous = now.Add(time.Hour) }), want: access.Allowed},
	{name: "previous secret after its grace", scene: spoiled(func(s *scene, now time.Time) { s.previous = now.Add(-time.Second) }), want: access.KeySuperseded},
	{name: "not yet valid", scene: spoiled(func(s *scene, now time.Time) { s.key.StartTime = now.Add(time.Hour) }), want: access.KeyNotYetValid},
	{name: "expired", scene: spoiled(func(s *scene, now time.Time) { s.key.ExpireTime = now.Add(-time.Second) }), want: access.KeyExpired},
	{name: "expires soon", scene: spoiled(func(s *scene, now time.Time) { s.key.ExpireTime = now.Add(time.Hour) }), want: access.Allowed},
	{name: "address allowed", scene: bound, ask: asking{clientIP: "203.0.113.7"}, want: access.Allowed},
	{name: "address denied", scene: bound, ask: asking{clientIP: "198.51.100.7"}, want: access.ClientIPDenied},
	{name: "address unknown", scene: bound, want: access.ClientIPDenied},
	{name: "address denied and permission missing", scene: bound, ask: asking{clientIP: "198.51.100.7", permission: access.PermKeysCreate}, want: access.ClientIPDenied},
	{name: "role lacks the permission", scene: spoiled(func(s *scene, _ time.Time) { s.roles = []string{access.RoleGuest} }), ask: asking{permission: "orders.read"}, want: access.PermissionDenied},
	{name: "scope lacks the permission", scene: spoiled(func(s *scene, _ time.Time) { s.key.Scopes = []string{"billing.*"} }), ask: asking{permission: "orders.read"}, want: access.PermissionDenied},
	{name: "rate limit spent", scene: limited(storage.Limits{RateLimits: []storage.RateLimit{{Name: "m", Requests: 2, Period: 24 * time.Hour, Burst: 2}}}), spent: 2, want: access.RateLimited},
	{name: "quota spent", scene: limited(storage.Limits{Quotas: []storage.Quota{{Name: "q", Limit: 1, Period: storage.QuotaTotal}}}), spent: 1, want: access.QuotaExceeded},
	{name: "rate limit spent and permission missing", scene: spoiled(func(s *scene, _ time.Time) {
		s.roles = []string{access.RoleGuest}
		s.key.Limits.RateLimits = []storage.RateLimit{{Name: "m", Requests: 1, Period: time.Hour, Burst: 1}}
	}), ask: asking{permission: "orders.read"}, want: access.PermissionDenied},
	{name: "developer does not manage keys", scene: usual, ask: asking{permission: access.PermKeysCreate}, want: access.PermissionDenied},
}

func limited(l storage.Limits) func(time.Time) scene {
	return func(time.Time) scene { return scene{key: storage.Key{Limits: l}} }
}

func bound(time.Time) scene {
	return scene{key: storage.Key{AllowedCIDRs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}}
}

// swapCase changes one letter of a secret to the other case.
func swapCase(secret string) string {
	for i := len("ks_"); i < len(secret); i++ {
		if c := secret[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return secret[:i] + string(c^0x20) + secret[i+1:]
		}
	}
	return secret
}

func TestMatrixOnSQLite(t *testing.T) { runMatrix(t, newHouse(t, houseOptions{})) }

func TestMatrixOnPostgres(t *testing.T) {
	runMatrix(t, newHouse(t, houseOptions{store: postgresStore(t)}))
}

func postgresStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	s, err := sqlstore.OpenPostgres(t.Context(), sqlstore.PostgresConfig{URL: pgtest.NewDatabase(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func runMatrix(t *testing.T, h *house) {
	h.shop()
	matrix := append(slices.Clone(matrix), apiMatrix...)
	now := time.Now().UTC().Truncate(time.Microsecond)
	asked := map[string]int{}
	for i, c := range matrix {
		secret := h.stage(c.scene(now), i)
		if c.present != nil {
			secret = h.note(c.present(secret))
		}
		q := c.ask
		q.secret, q.apiHostTenant = secret, tenantOf(i)
		q.call = strings.ReplaceAll(q.call, "OWN", tenantOf(i))
		if q.tenant == "OWN" {
			q.tenant = tenantOf(i)
		}
		want := byTable(told{Allowed: c.want == access.Allowed, Reason: c.want.String()})
		if c.want.Identified() {
			want.Tenant, want.User, want.Key = tenantOf(i), "ada", keyOf(i)
			want.Rich = want.Allowed
		}
		if c.route != "" || c.api != "" {
			want.API, want.Route = tenantOf(i)+"/orders", c.route
		}
		if c.api != "" {
			want.API = strings.ReplaceAll(c.api, "OWN", tenantOf(i))
		}
		for range c.spent {
			if got := (serviceDoor{}).ask(t, h, q); !got.Allowed {
				t.Errorf("%s: refused before it is spent: %+v", c.name, got)
			}
		}
		for _, d := range doors() {
			if !d.carries(q) {
				continue
			}
			asked[d.name()]++
			got, want := d.ask(t, h, q), d.tells(want)
			if !strings.HasPrefix(got.Message, c.want.Entry().Message) && c.want != access.PermissionDenied {
				t.Errorf("%s at %s: message %q", c.name, d.name(), got.Message)
			}
			got.Message = ""
			if got != want {
				t.Errorf("%s at %s:\n got %+v\nwant %+v", c.name, d.name(), got, want)
			}
		}
	}
	// Envoy's HTTP service can't be told a permission, an API or a tenant; the
	// other doors carry all but a few.
	for _, d := range doors() {
		if least := len(matrix) * 3 / 5; asked[d.name()] < least {
			t.Errorf("%s was asked %d of %d questions, %d at least", d.name(), asked[d.name()], len(matrix), least)
		}
	}
}

func TestMatrixWithoutAStore(t *testing.T) {
	h := newHouse(t, houseOptions{unsynced: true})
	want := told{Reason: "STORE_UNAVAILABLE", HTTPStatus: 503, Code: "UNAVAILABLE"}
	for _, secret := range []string{"", "short", "sk-foreign-0123456789abcdef"} {
		for _, d := range doors() {
			got := d.ask(t, h, asking{secret: secret})
			got.Message = ""
			if got != want {
				t.Errorf("%q at %s: got %+v, want %+v", secret, d.name(), got, want)
			}
		}
	}
}

func tenantOf(i int) string { return "acme-" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

func keyOf(i int) string { return "key_0000000000000000000000" + tenantOf(i)[5:] + "00" }

// stage writes a scene's records, and gives the secret to present.
func (h *house) stage(s scene, i int) string {
	h.t.Helper()
	if s.tenant == "" {
		s.tenant = storage.TenantActive
	}
	if s.user == "" {
		s.user = storage.UserActive
	}
	if s.roles == nil {
		s.roles = []string{access.RoleDeveloper}
	}
	key := s.key
	key.ID, key.TenantID, key.UserID = keyOf(i), tenantOf(i), "ada"
	if key.State == "" {
		key.State = storage.KeyActive
	}
	for n := range key.APIs {
		key.APIs[n].TenantID = strings.ReplaceAll(key.APIs[n].TenantID, "OWN", tenantOf(i))
	}
	current, present := h.secret(time.Time{})
	key.Secrets = []storage.Secret{current}
	if !s.previous.IsZero() {
		var before storage.Secret
		before, present = h.secret(s.previous)
		key.Secrets = append(key.Secrets, before)
	}
	h.write(func(tx storage.Tx) error {
		k := key
		return errors.Join(
			tx.CreateTenant(&storage.Tenant{ID: tenantOf(i), State: s.tenant, SecretPrefix: "ks", Hosts: s.hosts}),
			tx.CreateUser(&storage.User{TenantID: tenantOf(i), ID: "ada", Kind: storage.UserPerson, State: s.user, Roles: s.roles}),
			tx.CreateKey(&k),
			stageAPIs(tx, &s, i),
		)
	})
	return present
}

// secret draws a secret and its record.
func (h *house) secret(end time.Time) (storage.Secret, string) {
	h.t.Helper()
	s, err := access.NewSecret(cryptoRandom, "ks")
	if err != nil {
		h.t.Fatal(err)
	}
	return storage.Secret{
		Digest: s.Sum(), Prefix: "ks", LastFour: s.LastFour(), CreateTime: time.Now().UTC().Truncate(time.Microsecond), EndTime: end,
	}, h.note(s.Reveal())
}
