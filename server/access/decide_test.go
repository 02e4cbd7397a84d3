package access_test

import (
	"testing"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

func TestDecide(t *testing.T) {
	check := func(name string, g access.Grant, req access.Request, want access.Reason) {
		t.Helper()
		v := decide(noon, g, req)
		if v.Reason != want || v.Allowed() != (want == access.Allowed) {
			t.Errorf("%s: got %s (allowed %t), want %s", name, v.Reason, v.Allowed(), want)
		}
	}
	plain := asked("")

	check("good key", good(), plain, access.Allowed)
	check("nothing presented", good(), access.Request{}, access.KeyMissing)
	check("malformed", good(), access.Request{Form: access.Malformed}, access.KeyMalformed)
	check("mistyped and unknown", access.Grant{}, access.Request{Form: access.Mistyped}, access.KeyMalformed)
	check("mistyped shape, but known", good(), access.Request{Form: access.Mistyped}, access.Allowed)
	check("form of no kind", good(), access.Request{Form: 77}, access.KeyMalformed)
	check("unknown", access.Grant{}, plain, access.KeyNotFound)
	check("key without secrets", with(func(g *access.Grant) { g.Key.Secrets = nil }), plain, access.KeyNotFound)
	check("secret index out of range", with(func(g *access.Grant) { g.SecretIndex = 9 }), plain, access.KeyNotFound)
	check("deleted", with(func(g *access.Grant) { g.Key.DeleteTime = noon }), plain, access.KeyNotFound)
	check("other tenant's", good(), access.Request{Form: access.WellFormed, KeyTenant: "beta"}, access.KeyNotFound)
	check("own tenant's", good(), access.Request{Form: access.WellFormed, KeyTenant: "acme"}, access.Allowed)
	check("tenant compared by case", good(), access.Request{Form: access.WellFormed, KeyTenant: "Acme"}, access.KeyNotFound)

	check("tenant missing", with(func(g *access.Grant) { g.Tenant = nil }), plain, access.TenantSuspended)
	check("tenant suspended", with(func(g *access.Grant) { g.Tenant.State = storage.TenantSuspended }), plain, access.TenantSuspended)
	check("tenant of no state", with(func(g *access.Grant) { g.Tenant.State = "" }), plain, access.TenantSuspended)
	check("user missing", with(func(g *access.Grant) { g.User = nil }), plain, access.InvalidUser)
	check("user suspended", with(func(g *access.Grant) { g.User.State = storage.UserSuspended }), plain, access.InvalidUser)
	check("user deleted", with(func(g *access.Grant) { g.User.State = storage.UserDeleted }), plain, access.InvalidUser)
	check("user of no state", with(func(g *access.Grant) { g.User.State = "" }), plain, access.InvalidUser)
	check("another user", with(func(g *access.Grant) { g.User.ID = "Ada" }), plain, access.InvalidUser)
	check("revoked", with(func(g *access.Grant) { g.Key.State = storage.KeyRevoked }), plain, access.KeyRevoked)
	check("disabled", with(func(g *access.Grant) { g.Key.State = storage.KeyDisabled }), plain, access.KeyDisabled)
	check("key of no state", with(func(g *access.Grant) { g.Key.State = "" }), plain, access.KeyDisabled)
	check("key of a later release's state", with(func(g *access.Grant) { g.Key.State = "FROZEN" }), plain, access.KeyDisabled)

	old := func(end time.Time) access.Grant {
		return with(func(g *access.Grant) {
			g.Key.Secrets = append(g.Key.Secrets, storage.Secret{Digest: storage.Digest{2}, EndTime: end})
			g.SecretIndex = 1
		})
	}
	check("previous secret in grace", old(noon.Add(time.Microsecond)), plain, access.Allowed)
	check("previous secret at its end", old(noon), plain, access.KeySuperseded)
	check("previous secret without an end", old(time.Time{}), plain, access.KeySuperseded)
	check("not yet valid", with(func(g *access.Grant) { g.Key.StartTime = noon.Add(1) }), plain, access.KeyNotYetValid)
	check("valid from now", with(func(g *access.Grant) { g.Key.StartTime = noon }), plain, access.Allowed)
	check("expired just now", with(func(g *access.Grant) { g.Key.ExpireTime = noon }), plain, access.KeyExpired)
	check("expires in a moment", with(func(g *access.Grant) { g.Key.ExpireTime = noon.Add(1) }), plain, access.Allowed)

	bound := with(func(g *access.Grant) { g.Key.AllowedCIDRs = networks("203.0.113.0/24", "2001:db8::/32") })
	check("address unknown", bound, plain, access.ClientIPDenied)
	check("address outside", bound, from("198.51.100.1"), access.ClientIPDenied)
	check("address inside", bound, from("203.0.113.9"), access.Allowed)
	check("IPv4 in IPv6", bound, from("::ffff:203.0.113.9"), access.Allowed)
	check("IPv6 with a zone", bound, from("2001:db8::1%eth0"), access.Allowed)

	scoped := with(func(g *access.Grant) { g.Key.Scopes = []string{"orders.*"} })
	check("scope holds", scoped, asked("orders.read"), access.Allowed)
	check("scope holds below", scoped, asked("orders.items.read"), access.Allowed)
	check("scope does not hold its own root", scoped, asked("orders"), access.PermissionDenied)
	check("scope does not hold", scoped, asked("billing.read"), access.PermissionDenied)
	check("no scopes narrow nothing", good(), asked("billing.read"), access.Allowed)
	check("a wildcard can't be asked", good(), asked("*"), access.PermissionDenied)
	check("guest holds no permission by name", grantOf(access.RoleGuest), asked("orders.read"), access.PermissionDenied)
	check("no roles hold nothing", grantOf(), asked("orders.read"), access.PermissionDenied)
	check("developer does not manage", good(), asked(access.PermKeysCreate), access.PermissionDenied)
	check("developer reads keys", good(), asked(access.PermKeysRead), access.Allowed)
	check("admin manages", grantOf(access.RoleAdmin), asked(access.PermKeysCreate), access.Allowed)
	scopedAdmin := grantOf(access.RoleAdmin)
	scopedAdmin.Key.Scopes = []string{"*"}
	check("scope * does not reach management", scopedAdmin, asked(access.PermKeysCreate), access.PermissionDenied)
	check("* does not reach near-reserved names", good(), asked("keystilex.read"), access.PermissionDenied)
}

func TestPermissionDeniedNamesWhatLacks(t *testing.T) {
	v := decide(noon, grantOf(access.RoleGuest), asked("orders.read"))
	if want := (access.Lack{Permission: "orders.read", From: access.FromRole}); v.Missing != want {
		t.Errorf("got %+v, want %+v", v.Missing, want)
	}
	g := with(func(g *access.Grant) { g.Key.Scopes = []string{"billing.read"} })
	v = decide(noon, g, asked("orders.read"))
	if want := (access.Lack{Permission: "orders.read", From: access.FromScope}); v.Missing != want {
		t.Errorf("got %+v, want %+v", v.Missing, want)
	}
	if got, want := access.Message(v, &g), "the key's scopes do not include the permission orders.read"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The earlier reason wins, for every pair of things that are wrong at once.
func TestOrder(t *testing.T) {
	faults := []struct {
		reason access.Reason
		spoil  func(g *access.Grant, r *access.Request)
	}{
		{access.KeyMissing, func(_ *access.Grant, r *access.Request) { r.Form = access.Missing }},
		{access.KeyMalformed, func(_ *access.Grant, r *access.Request) { r.Form = access.Malformed }},
		{access.KeyNotFound, func(_ *access.Grant, r *access.Request) { r.KeyTenant = "beta" }},
		{access.TenantSuspended, func(g *access.Grant, _ *access.Request) { g.Tenant.State = storage.TenantSuspended }},
		{access.InvalidUser, func(g *access.Grant, _ *access.Request) { g.User.State = storage.UserSuspended }},
		{access.KeyRevoked, func(g *access.Grant, _ *access.Request) { g.Key.State = storage.KeyRevoked }},
		{access.KeyDisabled, func(g *access.Grant, _ *access.Request) { g.Key.State = storage.KeyDisabled }},
		{access.KeySuperseded, func(g *access.Grant, _ *access.Request) { g.Key.Secrets[0].EndTime = noon }},
		{access.KeyNotYetValid, func(g *access.Grant, _ *access.Request) { g.Key.StartTime = noon.Add(time.Hour) }},
		{access.KeyExpired, func(g *access.Grant, _ *access.Request) { g.Key.ExpireTime = noon }},
		{access.ClientIPDenied, func(g *access.Grant, _ *access.Request) { g.Key.AllowedCIDRs = networks("192.0.2.0/24") }},
		{access.PermissionDenied, func(_ *access.Grant, r *access.Request) { r.Permission = access.PermKeysCreate }},
	}
	for i, first := range faults {
		for _, second := range faults[i:] {
			g, r := good(), asked("")
			second.spoil(&g, &r)
			first.spoil(&g, &r)
			// A key that is both revoked and disabled has one state; a form is
			// either missing or malformed: spoiling with the first last settles it.
			if got := decide(noon, g, r).Reason; got != first.reason {
				t.Errorf("%s and %s: got %s", first.reason, second.reason, got)
			}
		}
	}
}

func TestZeroValuesDeny(t *testing.T) {
	if (access.Verdict{}).Allowed() {
		t.Error("the zero Verdict allows")
	}
	if v := decide(time.Time{}, access.Grant{}, access.Request{}); v.Allowed() {
		t.Error("the zero Grant and Request are allowed")
	}
	if v := decide(noon, access.Grant{}, asked("")); v.Allowed() {
		t.Error("the zero Grant is allowed")
	}
	if e := access.NoReason.Entry(); e.HTTPStatus != 503 {
		t.Errorf("the zero Reason answers %d", e.HTTPStatus)
	}
}

func TestWarnings(t *testing.T) {
	g := with(func(g *access.Grant) {
		g.Key.ExpireTime = noon.Add(time.Hour)
		g.Key.Secrets = append(g.Key.Secrets, storage.Secret{Digest: storage.Digest{2}, EndTime: noon.Add(2 * time.Hour)})
		g.SecretIndex = 1
	})
	got := decide(noon, g, asked("")).Warnings
	want := []access.Warning{
		{Kind: access.ExpiresSoon, Time: noon.Add(time.Hour)},
		{Kind: access.SecretSuperseded, Time: noon.Add(2 * time.Hour)},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
	if far := with(func(g *access.Grant) { g.Key.ExpireTime = noon.Add(30 * 24 * time.Hour) }); len(decide(noon, far, asked("")).Warnings) != 0 {
		t.Error("a key that ends in a month warns")
	}
}
