package access

import (
	"net/netip"
	"time"

	"github.com/keystile/keystile/storage"
)

// call is what the steps look at.
type call struct {
	now     time.Time
	grant   *Grant
	request *Request
	missing Lack
}

// step is one question of the decision. refuse gives NoReason to go on.
type step struct {
	name   string
	refuse func(*call) Reason
}

// steps are the questions in their fixed order (DESIGN section 3). A later step
// may rely on what the earlier ones have established.
var steps = [...]step{
	{"credential present", refuseMissing},
	{"credential well formed", refuseMalformed},
	{"key known", refuseUnknown},
	{"tenant active", refuseTenant},
	{"user active", refuseUser},
	{"key not revoked", refuseRevoked},
	{"key enabled", refuseDisabled},
	{"secret in use", refuseSuperseded},
	{"key started", refuseEarly},
	{"key not expired", refuseExpired},
	{"client address allowed", refuseAddress},
	{"permission held", refusePermission},
}

func refuseMissing(c *call) Reason {
	if c.request.Form == Missing {
		return KeyMissing
	}
	return NoReason
}

func refuseMalformed(c *call) Reason {
	switch c.request.Form {
	case WellFormed:
		return NoReason
	case Mistyped:
		// A foreign key may look like ours by chance: known is known.
		if c.grant.Key != nil {
			return NoReason
		}
	case Missing, Malformed:
	}
	return KeyMalformed
}

func refuseUnknown(c *call) Reason {
	key := c.grant.Key
	if key == nil || c.grant.Secret() == (storage.Secret{}) || !key.DeleteTime.IsZero() {
		return KeyNotFound
	}
	if c.request.KeyTenant != "" && c.request.KeyTenant != key.TenantID {
		return KeyNotFound
	}
	return NoReason
}

func refuseTenant(c *call) Reason {
	if t := c.grant.Tenant; t == nil || t.State != storage.TenantActive {
		return TenantSuspended
	}
	return NoReason
}

func refuseUser(c *call) Reason {
	if u := c.grant.User; u == nil || u.State != storage.UserActive || u.Ref() != c.grant.Key.User() {
		return InvalidUser
	}
	return NoReason
}

func refuseRevoked(c *call) Reason {
	if c.grant.Key.State == storage.KeyRevoked {
		return KeyRevoked
	}
	return NoReason
}

func refuseDisabled(c *call) Reason {
	if c.grant.Key.State != storage.KeyActive {
		return KeyDisabled
	}
	return NoReason
}

func refuseSuperseded(c *call) Reason {
	end := c.grant.Secret().EndTime
	if end.IsZero() && c.grant.SecretIndex == 0 || !end.IsZero() && c.now.Before(end) {
		return NoReason
	}
	return KeySuperseded
}

func refuseEarly(c *call) Reason {
	if start := c.grant.Key.StartTime; !start.IsZero() && c.now.Before(start) {
		return KeyNotYetValid
	}
	return NoReason
}

func refuseExpired(c *call) Reason {
	if end := c.grant.Key.ExpireTime; !end.IsZero() && !c.now.Before(end) {
		return KeyExpired
	}
	return NoReason
}

func refuseAddress(c *call) Reason {
	if allowed := c.grant.Key.AllowedCIDRs; len(allowed) > 0 && !contains(allowed, c.request.ClientIP) {
		return ClientIPDenied
	}
	return NoReason
}

// contains tells whether an address lies in one of the networks. An IPv4
// address mapped into IPv6 (RFC 4291 section 2.5.5.2) is the IPv4 address.
func contains(networks []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, n := range networks {
		if n.Contains(addr) {
			return true
		}
	}
	return false
}

func refusePermission(c *call) Reason {
	asked := c.request.Permission
	if asked == "" {
		return NoReason
	}
	c.missing = Lack{Permission: asked, From: FromRole}
	if !ValidPermission(asked) || !rolesCover(c.grant.Roles, asked) {
		return PermissionDenied
	}
	c.missing.From = FromScope
	if scopes := Permissions(c.grant.Key.Scopes); len(scopes) > 0 && !scopes.Cover(asked) {
		return PermissionDenied
	}
	c.missing = Lack{}
	return NoReason
}

func rolesCover(roles []Role, permission string) bool {
	for i := range roles {
		if roles[i].Permissions.Cover(permission) {
			return true
		}
	}
	return false
}
