package access_test

import (
	"net/netip"
	"time"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// good gives a grant that every step lets through: a developer's key in acme.
func decide(now time.Time, g access.Grant, req access.Request) access.Verdict {
	return access.Decide(now, &g, &req)
}

func good() access.Grant { return grantOf(access.RoleDeveloper) }

func grantOf(roles ...string) access.Grant {
	g := access.Grant{
		Key: &storage.Key{
			ID: "key_1", TenantID: "acme", UserID: "ada", State: storage.KeyActive,
			Secrets: []storage.Secret{{Digest: storage.Digest{1}, CreateTime: noon.Add(-time.Hour)}},
		},
		User:   &storage.User{TenantID: "acme", ID: "ada", State: storage.UserActive, Roles: roles},
		Tenant: &storage.Tenant{ID: "acme", State: storage.TenantActive},
	}
	for _, id := range roles {
		r, ok := access.BuiltInRole(id)
		if !ok {
			panic("no built-in role " + id)
		}
		g.Roles = append(g.Roles, r)
	}
	return g
}

func with(change func(g *access.Grant)) access.Grant {
	g := good()
	change(&g)
	return g
}

func asked(permission string) access.Request {
	return access.Request{Form: access.WellFormed, Permission: permission}
}

func from(ip string) access.Request {
	return access.Request{Form: access.WellFormed, ClientIP: netip.MustParseAddr(ip)}
}

func networks(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}
