package access

import (
	"strings"
	"time"

	"github.com/keystile/keystile/storage"
)

func refuseMalformedRequest(c *call) Reason {
	if c.request.Aim.Malformed {
		return RequestMalformed
	}
	return NoReason
}

func refuseUnknownAPI(c *call) Reason {
	if c.grant.Target.API == nil {
		return APINotFound
	}
	return NoReason
}

func refuseRetired(c *call) Reason {
	if api := c.grant.Target.API; api == nil || !answers(api, c.now) {
		return APIRetired
	}
	return NoReason
}

// answers tells whether an API still answers: a sunset time that was announced
// needs nobody to carry it out.
func answers(api *storage.API, now time.Time) bool {
	switch api.State {
	case storage.APIPublished:
		return true
	case storage.APIDeprecated:
		return api.SunsetTime.IsZero() || now.Before(api.SunsetTime)
	case storage.APIRetired:
	}
	return false
}

// refuseKeyAPI holds a key to the APIs it is restricted to. A permission that is
// asked alone belongs to the API of the key's own tenant that it begins with.
func refuseKeyAPI(c *call) Reason {
	allowed := c.grant.Key.APIs
	if len(allowed) == 0 {
		return NoReason
	}
	var asked storage.APIRef
	if api := c.grant.Target.API; api != nil {
		asked = api.Ref()
	} else {
		asked.TenantID = c.grant.Key.TenantID
		asked.ID, _, _ = strings.Cut(c.request.Permission, ".")
	}
	for _, api := range allowed {
		if api == asked {
			return NoReason
		}
	}
	return KeyAPIDenied
}

func refusePermission(c *call) Reason {
	asked := c.request.Permission
	if asked == "" {
		asked = c.grant.Target.Permission
	}
	if asked == "" {
		return refuseNamedAPI(c)
	}
	*c.missing = Lack{Permission: asked, From: FromRole}
	if !ValidPermission(asked) || !rolesCover(c.grant.Roles, asked) && !guestMay(c) {
		return PermissionDenied
	}
	c.missing.From = FromScope
	if scopes := Permissions(c.grant.Key.Scopes); len(scopes) > 0 && !scopes.Cover(asked) {
		return PermissionDenied
	}
	*c.missing = Lack{}
	return NoReason
}

// refuseNamedAPI judges an API that was named without saying what is done with
// it: roles and scopes must hold something of it at all.
func refuseNamedAPI(c *call) Reason {
	all := ""
	if api := c.grant.Target.API; api != nil {
		all = api.ID + ".*"
	}
	touches := func(p Permissions) bool {
		for _, pattern := range p {
			if covers(pattern, all) || covers(all, pattern) {
				return true
			}
		}
		return false
	}
	*c.missing = Lack{Permission: all, From: FromRole}
	if all == "" || !touches(RolePermissions(c.grant.Roles)) && !guestMay(c) {
		return PermissionDenied
	}
	c.missing.From = FromScope
	if scopes := c.grant.Key.Scopes; len(scopes) > 0 && !touches(scopes) {
		return PermissionDenied
	}
	*c.missing = Lack{}
	return NoReason
}

// guestMay tells whether the call is one of those that a guest may make: by a
// safe method, to a public API.
func guestMay(c *call) bool {
	api := c.grant.Target.API
	return api != nil && api.Visibility == storage.VisibilityPublic && c.request.Aim.HTTP &&
		SafeMethod(c.request.Aim.Method) && rolesCover(c.grant.Roles, publicSafe)
}

func rolesCover(roles []Role, permission string) bool {
	for i := range roles {
		if roles[i].Permissions.Cover(permission) {
			return true
		}
	}
	return false
}

// refuseSubscription wants a right to call an API that requires one, or that
// belongs to another tenant and is not public. Of several subscriptions one
// that holds is enough; else the one nearest to holding gives the reason.
func refuseSubscription(c *call) Reason {
	api := c.grant.Target.API
	if api == nil {
		return SubscriptionRequired
	}
	if !WantsSubscription(c.grant.Key, api) {
		return NoReason
	}
	reason := SubscriptionRequired
	for _, s := range c.grant.Target.Subscriptions {
		if !subscribes(s, c.grant.Key, api) {
			continue
		}
		switch r := judgeSubscription(s, c.now); {
		case r == NoReason:
			return NoReason
		case nearness(r) > nearness(reason):
			reason = r
		}
	}
	return reason
}

// WantsSubscription tells whether a key may call an API only by a subscription.
func WantsSubscription(key *storage.Key, api *storage.API) bool {
	return api.SubscriptionRequired || api.TenantID != key.TenantID && api.Visibility != storage.VisibilityPublic
}

// subscribes tells whether a subscription is a key's, to an API.
func subscribes(s *storage.Subscription, key *storage.Key, api *storage.API) bool {
	return s.API == api.Ref() && s.TenantID == key.TenantID && (s.UserID == "" || s.UserID == key.UserID)
}

// PlanOf gives the subscription by which a key may call its target, with the plan
// that it names; nil when there is none. Of several that hold it is the first whose
// plan exists.
func PlanOf(now time.Time, g *Grant) (*storage.Subscription, *storage.Plan) {
	api := g.Target.API
	if g.Key == nil || api == nil {
		return nil, nil
	}
	for _, s := range g.Target.Subscriptions {
		if s.Plan == "" || !subscribes(s, g.Key, api) || judgeSubscription(s, now) != NoReason {
			continue
		}
		if plan := g.Target.Plans[s.Plan]; plan != nil {
			return s, plan
		}
	}
	return nil, nil
}

func judgeSubscription(s *storage.Subscription, now time.Time) Reason {
	switch s.State {
	case storage.SubscriptionApproved:
		if !s.ExpireTime.IsZero() && !now.Before(s.ExpireTime) {
			return SubscriptionExpired
		}
		return NoReason
	case storage.SubscriptionPaused:
		return SubscriptionPaused
	case storage.SubscriptionPending:
		return SubscriptionPending
	case storage.SubscriptionRejected:
		return SubscriptionRejected
	}
	return SubscriptionRequired
}

// nearness orders the reasons by how little is missing.
func nearness(r Reason) int {
	switch r {
	case SubscriptionPaused:
		return 4
	case SubscriptionExpired:
		return 3
	case SubscriptionPending:
		return 2
	case SubscriptionRejected:
		return 1
	default:
		return 0
	}
}
