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
	// missing is where a refusal says what lacks. It stands outside, so that what
	// leaves with the verdict takes nothing of the grant along.
	missing *Lack
}

// step is one question of the decision.
type step uint8

// The questions in their fixed order (DESIGN section 3). A later step may rely
// on what the first three have established: that there is a key.
const (
	stepPresent step = iota
	stepWellFormed
	stepKnown
	stepTenant
	stepUser
	stepNotRevoked
	stepEnabled
	stepSecret
	stepStarted
	stepNotExpired
	stepAddress
	stepUnambiguous
	stepAPI
	stepNotRetired
	stepKeyAPI
	stepPermission
	stepSubscription
	lastStep = stepSubscription
)

// established is how many steps have to pass before there is a key that the
// later ones can look at.
const established = 3

// name says what a step asks.
func (s step) name() string {
	return [...]string{
		"credential present", "credential well formed", "key known", "tenant active", "user active", "key not revoked",
		"key enabled", "secret in use", "key started", "key not expired", "client address allowed", "request unambiguous",
		"API known", "API not retired", "API open to the key", "permission held", "subscription approved",
	}[s]
}

// asks tells whether the request calls for a step.
func (c *call) asks(s step) bool {
	switch s {
	case stepUnambiguous:
		return c.request.Aim.HTTP
	case stepAPI, stepNotRetired, stepSubscription:
		return c.request.Aim.Asked
	case stepKeyAPI, stepPermission:
		return c.request.Aim.Asked || c.request.Permission != ""
	default:
		return true
	}
}

// refuse puts a step's question; NoReason lets the call go on. A step that is
// none refuses. The calls are direct, and not through a table of functions, so
// that nothing a decision looks at has to be put on the heap.
func (c *call) refuse(s step) Reason {
	switch s {
	case stepPresent:
		return refuseMissing(c)
	case stepWellFormed:
		return refuseMalformed(c)
	case stepKnown:
		return refuseUnknown(c)
	case stepTenant:
		return refuseTenant(c)
	case stepUser:
		return refuseUser(c)
	case stepNotRevoked:
		return refuseRevoked(c)
	case stepEnabled:
		return refuseDisabled(c)
	case stepSecret:
		return refuseSuperseded(c)
	case stepStarted:
		return refuseEarly(c)
	case stepNotExpired:
		return refuseExpired(c)
	case stepAddress:
		return refuseAddress(c)
	case stepUnambiguous:
		return refuseMalformedRequest(c)
	case stepAPI:
		return refuseUnknownAPI(c)
	case stepNotRetired:
		return refuseRetired(c)
	case stepKeyAPI:
		return refuseKeyAPI(c)
	case stepPermission:
		return refusePermission(c)
	case stepSubscription:
		return refuseSubscription(c)
	}
	return StoreUnavailable
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
		if refuseUnknown(c) == NoReason {
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
