package server

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/storage"
)

// updateKey changes the fields that a mask names.
type updateKey struct{ req *pb.UpdateKey }

// masked are the fields a mask may name, as it names them.
var masked = []string{"display_name", "scopes", "allowed_cidrs", "labels", "start_time", "expire_time", "apis", maskRateLimits, maskQuotas}

const maskForm = "displayName, scopes, allowedCidrs, labels, startTime, expireTime, apis, rateLimits, quotas"

func (o updateKey) call() callOptions {
	return callOptions{
		requestID: o.req.GetRequestId(), etag: o.req.GetEtag(), validateOnly: o.req.GetValidateOnly(),
	}
}

func (o updateKey) yields() bool { return true }

// mask gives the fields to change: those named, or without a mask those given.
func (o updateKey) mask() []string {
	if paths := o.req.GetUpdateMask().GetPaths(); len(paths) > 0 {
		return paths
	}
	key := o.req.GetKey()
	var out []string
	for name, given := range limitsGiven(map[string]bool{
		"display_name":  key.GetDisplayName() != "",
		"scopes":        len(key.GetScopes()) > 0,
		"allowed_cidrs": len(key.GetAllowedCidrs()) > 0,
		"labels":        len(key.GetLabels()) > 0,
		"start_time":    key.GetStartTime() != nil,
		"expire_time":   key.GetExpireTime() != nil,
		"apis":          len(key.GetApis()) > 0,
	}, key) {
		if given {
			out = append(out, name)
		}
	}
	return out
}

func (o updateKey) validate(v *violations, now time.Time) {
	key := o.req.GetKey()
	v.id("key.id", key.GetId(), validKeyID, keyIDForm)
	mask := o.mask()
	if len(mask) == 0 {
		v.add("updateMask", "must name what to change: %s", maskForm)
	}
	for _, path := range mask {
		if !slices.Contains(masked, path) {
			v.add("updateMask", "may only name %s", maskForm)
			break
		}
	}
	readKeyFields(v, key)
	if len(o.req.GetUpdateMask().GetPaths()) == 0 && key != nil {
		// Without a mask all that is given is meant to be changed.
		given, _ := proto.Clone(key).(*pb.Key)
		given.Id = ""
		outputOnly(v, given)
	}
	if slices.Contains(mask, "expire_time") {
		wantFuture(v, "key.expireTime", key.GetExpireTime(), now)
	}
}

func (o updateKey) subject(ctx context.Context, s *Service, _ *Caller) (subject, error) {
	return existingSubject(ctx, s, o.req.GetKey().GetId())
}

func (o updateKey) apply(w *keyWork, before *storage.Key) (result, error) {
	if err := notRevoked(before, "changed"); err != nil {
		return result{}, err
	}
	after := copyKey(before)
	var v violations
	fields := readKeyFields(&v, o.req.GetKey())
	for _, path := range o.mask() {
		fields[path](after)
	}
	if t := o.req.GetKey().GetTenantId(); t != "" && t != before.TenantID {
		v.add("key.tenantId", "is not the key's tenant, which can't be changed")
	}
	if u := o.req.GetKey().GetUserId(); u != "" && u != before.UserID {
		v.add("key.userId", "is not the key's user, who can't be changed")
	}
	wantOrder(&v, "key.expireTime", after.StartTime, after.ExpireTime)
	wantDistinctLimits(&v, "key.", &after.Limits)
	if err := v.err(); err != nil {
		return result{}, err
	}
	if err := limitsInReach(w.caller, before.User(), &before.Limits, &after.Limits); err != nil {
		return result{}, err
	}
	if err := enforcePolicy(&w.tenant.KeyPolicy, after, w.now); err != nil {
		return result{}, err
	}
	return result{key: after, changed: true}, nil
}
