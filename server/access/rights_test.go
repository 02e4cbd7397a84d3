package access_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

var (
	patterns = []string{
		"*", "orders.*", "orders.read", "orders.items.*", "orders.items.read", "billing.*", "billing.read",
		"keystile.*", "keystile.keys.*", "keystile.keys.create", "keystile.tenants.reach", "keystilex.read",
	}
	permissions = []string{
		"orders.read", "orders.items.read", "orders", "billing.read", "other.thing",
		"keystile.keys.create", "keystile.keys.read", "keystile.tenants.reach", "keystilex.read",
	}
)

func drawGrant(t *rapid.T, name string) access.Grant {
	g := good()
	g.Roles = nil
	for _, id := range rapid.SliceOfN(rapid.SampledFrom([]string{"admin", "developer", "guest"}), 0, 2).Draw(t, name+" roles") {
		r, _ := access.BuiltInRole(id)
		g.Roles = append(g.Roles, r)
	}
	if own := rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 3).Draw(t, name+" own role"); len(own) > 0 {
		g.Roles = append(g.Roles, access.Role{ID: "own", Permissions: own})
	}
	g.Key.Scopes = rapid.SliceOfN(rapid.SampledFrom(patterns), 0, 3).Draw(t, name+" scopes")
	return g
}

func allowed(g access.Grant, permission string) bool {
	return decide(noon, g, asked(permission)).Allowed()
}

// What Rights says and what Decide allows are one and the same.
func TestRightsAreWhatDecideAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrant(t, "key")
		p := rapid.SampledFrom(permissions).Draw(t, "permission")
		if rights := g.Rights().Cover(p); rights != allowed(g, p) {
			t.Fatalf("rights %v say %t of %s, the decision says %t", g.Rights(), rights, p, !rights)
		}
	})
}

// Removing a role never allows more.
func TestRemovingARoleNeverAllowsMore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrant(t, "key")
		p := rapid.SampledFrom(permissions).Draw(t, "permission")
		if len(g.Roles) == 0 {
			return
		}
		less := g
		cut := rapid.IntRange(0, len(g.Roles)-1).Draw(t, "cut")
		less.Roles = slices.Delete(slices.Clone(g.Roles), cut, cut+1)
		if allowed(less, p) && !allowed(g, p) {
			t.Fatalf("without role %d, %s is allowed", cut, p)
		}
	})
}

// Scopes only narrow: adding one to a scoped key never exceeds the user's
// roles, removing one of several never allows more, and scoping an unscoped key
// never does either.
func TestScopesOnlyNarrow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrant(t, "key")
		p := rapid.SampledFrom(permissions).Draw(t, "permission")
		unscoped := with(func(u *access.Grant) { u.Roles = g.Roles })
		wider := with(func(u *access.Grant) {
			u.Roles = g.Roles
			u.Key.Scopes = append(slices.Clone(g.Key.Scopes), rapid.SampledFrom(patterns).Draw(t, "another scope"))
		})
		for _, k := range []access.Grant{g, wider} {
			if allowed(k, p) && !allowed(unscoped, p) {
				t.Fatalf("scopes %v allow %s beyond the roles", k.Key.Scopes, p)
			}
		}
		if len(g.Key.Scopes) > 0 && allowed(g, p) && !allowed(wider, p) {
			t.Fatalf("removing a scope from %v allows %s", wider.Key.Scopes, p)
		}
	})
}

// Whoever outranks a key is allowed all that the key is.
func TestOutranking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		strong, weak := drawGrant(t, "strong"), drawGrant(t, "weak")
		if !strong.Outranks(&weak) {
			return
		}
		for _, p := range permissions {
			if allowed(weak, p) && !allowed(strong, p) {
				t.Fatalf("%v outranks %v, but lacks %s", strong.Rights(), weak.Rights(), p)
			}
		}
	})
}

func TestNobodyOutranksAcrossTenants(t *testing.T) {
	admin, other := grantOf(access.RoleAdmin), grantOf(access.RoleGuest)
	other.Key.TenantID = "beta"
	if admin.Outranks(&other) {
		t.Error("an admin of acme outranks a guest of beta")
	}
	admin.Key.TenantID = storage.SystemTenant
	if !admin.Outranks(&other) {
		t.Error("the operator's admin does not outrank a guest of beta")
	}
	admin.Key.Scopes = []string{"keystile.keys.*", "*"}
	if admin.Outranks(&other) {
		t.Error("a key scoped without the reach acts in another tenant")
	}
	if (&access.Grant{}).Outranks(&other) || admin.Outranks(&access.Grant{}) {
		t.Error("the zero Grant outranks, or is outranked")
	}
}

func TestGuestsRightIsComparable(t *testing.T) {
	guest, developer, own := grantOf(access.RoleGuest), grantOf(access.RoleDeveloper), grantOf()
	own.Roles = []access.Role{{ID: "own", Permissions: access.Permissions{"orders.*"}}}
	if !developer.Outranks(&guest) {
		t.Error("a developer does not outrank a guest")
	}
	if own.Outranks(&guest) {
		t.Error("a role for orders outranks a guest, who may call every public API")
	}
	if guest.Outranks(&developer) {
		t.Error("a guest outranks a developer")
	}
}

func TestExpiryIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := good()
		g.Key.ExpireTime = noon.Add(time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "expiry")))
		early := noon.Add(time.Duration(rapid.Int64Range(-1e12, 1e12).Draw(t, "early")))
		late := early.Add(time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "later by")))
		if !decide(early, g, asked("")).Allowed() && decide(late, g, asked("")).Allowed() {
			t.Fatalf("refused at %s, allowed at %s", early, late)
		}
	})
}

func TestValidPattern(t *testing.T) {
	for _, ok := range []string{"*", "a.*", "a.b", "orders.read", "a.b.c.*", "keystile.keys.read", "a", "A-b_9.c"} {
		if !access.ValidPattern(ok) {
			t.Errorf("%q is refused", ok)
		}
	}
	for _, bad := range []string{"", ".", "a.", ".a", "a..b", "**", "a*", "a.*.b", "*.a", "<public-safe>", "a b", "a.\x00", "ä.b"} {
		if access.ValidPattern(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
}
