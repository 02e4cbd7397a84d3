package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

const (
	maxPolicyList = 16
	maxKeyBound   = 1_000_000
	// maxPolicyTime is the longest lifetime a policy may name: a hundred years.
	maxPolicyTime = 100 * 365 * 24 * time.Hour
	reasonPolicy  = "POLICY_VIOLATION"
)

// readKeyPolicy reads a tenant's policy; none bounds nothing.
func readKeyPolicy(v *violations, in *pb.KeyPolicy) storage.KeyPolicy {
	const at = "tenant.keyPolicy."
	lifetime := func(field string, d *durationpb.Duration) time.Duration {
		if d == nil {
			return 0
		}
		if d.CheckValid() != nil || d.AsDuration() < 0 || d.AsDuration() > maxPolicyTime {
			v.add(at+field, "must be 0s to 100 years")
		}
		return d.AsDuration().Truncate(time.Microsecond)
	}
	p := storage.KeyPolicy{
		MaxLifetime:     lifetime("maxLifetime", in.GetMaxLifetime()),
		DefaultLifetime: lifetime("defaultLifetime", in.GetDefaultLifetime()),
		ExpiryRequired:  in.GetExpiryRequired(),
		AllowedPrefixes: in.GetAllowedPrefixes(),
		MaxKeysPerUser:  int(in.GetMaxKeysPerUser()),
		RequiredLabels:  in.GetRequiredLabels(),
	}
	if p.MaxLifetime > 0 && p.DefaultLifetime > p.MaxLifetime {
		v.add(at+"defaultLifetime", "must not be longer than maxLifetime")
	}
	if p.MaxKeysPerUser < 0 || p.MaxKeysPerUser > maxKeyBound {
		v.add(at+"maxKeysPerUser", "must be 0 to %d", maxKeyBound)
	}
	policyList(v, at+"allowedPrefixes", p.AllowedPrefixes, access.ValidPrefix)
	policyList(v, at+"requiredLabels", p.RequiredLabels, validLabelName)
	return p
}

func policyList(v *violations, field string, list []string, valid func(string) bool) {
	if len(list) > maxPolicyList {
		v.add(field, "must hold at most %d", maxPolicyList)
		return
	}
	for i, text := range list {
		if !valid(text) {
			v.add(fmt.Sprintf("%s[%d]", field, i), "is not valid")
		}
	}
}

func keyPolicyToProto(p *storage.KeyPolicy) *pb.KeyPolicy {
	out := &pb.KeyPolicy{
		ExpiryRequired: p.ExpiryRequired, AllowedPrefixes: p.AllowedPrefixes,
		MaxKeysPerUser: int32(p.MaxKeysPerUser), RequiredLabels: p.RequiredLabels, //nolint:gosec // bounded when read
	}
	if p.MaxLifetime > 0 {
		out.MaxLifetime = durationpb.New(p.MaxLifetime)
	}
	if p.DefaultLifetime > 0 {
		out.DefaultLifetime = durationpb.New(p.DefaultLifetime)
	}
	return out
}

// brokenRule is a rule of a policy that a key breaks.
type brokenRule struct {
	// rule is the field of KeyPolicy, field what breaks it in the key.
	rule, field, message string
}

// judgeKey holds a key to its tenant's policy. A bound on lifetime counts from
// now for a key that is written, and from its creation for one that exists.
func judgeKey(p *storage.KeyPolicy, k *storage.Key, from time.Time) []brokenRule {
	var out []brokenRule
	breaks := func(rule, field, format string, args ...any) {
		out = append(out, brokenRule{rule, field, fmt.Sprintf("the tenant's key policy %s: ", rule) + fmt.Sprintf(format, args...)})
	}
	switch {
	case k.ExpireTime.IsZero() && p.ExpiryRequired:
		breaks("expiryRequired", "key.expireTime", "a key must have an end")
	case k.ExpireTime.IsZero() && p.MaxLifetime > 0:
		breaks("maxLifetime", "key.expireTime", "a key must have an end, at most %s ahead", p.MaxLifetime)
	case p.MaxLifetime > 0 && k.ExpireTime.Sub(from) > p.MaxLifetime:
		breaks("maxLifetime", "key.expireTime", "must be at most %s ahead", p.MaxLifetime)
	}
	if len(k.Secrets) > 0 && len(p.AllowedPrefixes) > 0 && !slices.Contains(p.AllowedPrefixes, k.Secrets[0].Prefix) {
		breaks("allowedPrefixes", "key.secretPrefix", "this prefix is not allowed")
	}
	for _, name := range p.RequiredLabels {
		if _, ok := k.Labels[name]; !ok {
			breaks("requiredLabels", "key.labels."+name, "this label is required")
		}
	}
	return out
}

// enforcePolicy refuses a key that is written against its tenant's policy.
func enforcePolicy(p *storage.KeyPolicy, k *storage.Key, now time.Time) error {
	broken := judgeKey(p, k, now)
	if len(broken) == 0 {
		return nil
	}
	f := &Fault{Code: codes.InvalidArgument, Reason: reasonPolicy, Message: broken[0].message,
		Remedy: "Ask an administrator of the tenant what its key policy allows, or to change it."}
	for _, b := range broken {
		f.Violations = append(f.Violations, Violation{b.field, b.message})
	}
	return f
}

// roomForKeys refuses more live keys for a user than the policy allows. The
// tenant is locked, so that nobody else adds any meanwhile.
func (s *Service) roomForKeys(ctx context.Context, p *storage.KeyPolicy, user storage.UserRef, more int, now time.Time) error {
	if p.MaxKeysPerUser == 0 {
		return nil
	}
	q := storage.KeyQuery{TenantID: user.TenantID, UserID: user.ID, Limit: scanChunk}
	for n := more; ; {
		keys, err := s.store.ListKeys(ctx, q)
		if err != nil {
			return fmt.Errorf("counting the user's keys: %w", err)
		}
		if n += liveKeys(keys, now); n > p.MaxKeysPerUser {
			f := &Fault{Code: codes.FailedPrecondition, Reason: reasonPolicy,
				Message: fmt.Sprintf("the tenant's key policy maxKeysPerUser: a user may have at most %d live keys", p.MaxKeysPerUser),
				Remedy:  "Revoke or delete a key of this user first."}
			return f
		}
		if len(keys) < q.Limit {
			return nil
		}
		last := keys[len(keys)-1]
		q.After = storage.KeyCursor{CreateTime: last.CreateTime, ID: last.ID}
	}
}

// ListPolicyViolations lists keys that break a rule made after them.
func (d *DirectoryServer) ListPolicyViolations(ctx context.Context, req *pb.ListPolicyViolationsRequest) (*pb.ListPolicyViolationsResponse, error) {
	s := d.service
	var v violations
	v.id("id", req.GetId(), validTenantID, tenantIDForm)
	if err := v.err(); err != nil {
		return nil, err
	}
	if err := s.reach(ctx, req.GetId(), "tenant"); err != nil {
		return nil, err
	}
	t, err := s.store.GetTenant(ctx, req.GetId())
	if err != nil {
		return nil, tenantFault(err)
	}
	out := &pb.ListPolicyViolationsResponse{}
	keys, next, err := list(ctx, s, &v, unfiltered{req}, listing[*storage.Key, *pb.PolicyViolation]{
		query: []string{"policyViolations", t.ID},
		fetch: s.fetchKeys(storage.KeyQuery{TenantID: t.ID}),
		show:  each(func(k *storage.Key) *pb.PolicyViolation { return violationOf(t, k, s.now()) }),
		place: placeOfKey,
	})
	for _, k := range keys {
		if len(k.GetRules()) > 0 {
			out.Violations = append(out.Violations, k)
		}
	}
	out.NextPageToken = next
	return out, err
}

// unfiltered is a list request without a filter.
type unfiltered struct {
	*pb.ListPolicyViolationsRequest
}

// GetFilter gives none.
func (unfiltered) GetFilter() string { return "" }

// violationOf judges a key that exists; keys that nobody can use break nothing.
func violationOf(t *storage.Tenant, k *storage.Key, now time.Time) *pb.PolicyViolation {
	out := &pb.PolicyViolation{KeyId: k.ID, UserId: k.UserID}
	if !live(k, now) {
		return out
	}
	for _, b := range judgeKey(&t.KeyPolicy, k, k.CreateTime) {
		out.Rules = append(out.Rules, b.rule)
		out.Messages = append(out.Messages, b.message)
	}
	return out
}
