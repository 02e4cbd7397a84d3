package server

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/keystile/keystile/api/keystile/v1"
	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

// The bounds of what a key holds.
const (
	maxName       = 256
	maxNote       = 1024
	maxScopes     = 64
	maxCIDRs      = 64
	maxLabels     = 64
	maxLabelName  = 63
	maxLabelValue = 256
	maxKeyAPIs    = 64
)

// readKeyFields checks every field of a key that its owner chooses, and gives,
// by the name that a field mask uses, what sets it.
func readKeyFields(v *violations, in *pb.Key) map[string]func(*storage.Key) {
	name := in.GetDisplayName()
	v.text("key.displayName", name, maxName)
	scopes := readScopes(v, "key.scopes", in.GetScopes())
	networks := readNetworks(v, "key.allowedCidrs", in.GetAllowedCidrs())
	readLabels(v, "key.labels", in.GetLabels())
	apis := readAPINames(v, "key.apis", in.GetApis())
	start := readTime(v, "key.startTime", in.GetStartTime())
	end := readTime(v, "key.expireTime", in.GetExpireTime())
	var limits storage.Limits
	readLimits(v, "key.", in, &limits, nil)
	return map[string]func(*storage.Key){
		"display_name":  func(k *storage.Key) { k.DisplayName = name },
		"scopes":        func(k *storage.Key) { k.Scopes = scopes },
		"allowed_cidrs": func(k *storage.Key) { k.AllowedCIDRs = networks },
		"labels":        func(k *storage.Key) { k.Labels = maps.Clone(in.GetLabels()) },
		"start_time":    func(k *storage.Key) { k.StartTime = start },
		"expire_time":   func(k *storage.Key) { k.ExpireTime = end },
		"apis":          func(k *storage.Key) { k.APIs = ownAPIs(apis, k.TenantID) },
		maskRateLimits:  func(k *storage.Key) { k.Limits.RateLimits = limits.RateLimits },
		maskQuotas:      func(k *storage.Key) { k.Limits.Quotas = limits.Quotas },
	}
}

// outputOnly refuses what only the server sets: silently dropping it would let
// a client believe that it took effect.
func outputOnly(v *violations, in *pb.Key) {
	refuse := func(set bool, field string) {
		if set {
			v.add("key."+field, "is set by the server; leave it out")
		}
	}
	refuse(in.GetId() != "", "id")
	refuse(in.GetState() != pb.Key_STATE_UNSPECIFIED, "state")
	refuse(in.GetRevokeReason() != pb.Key_REVOKE_REASON_UNSPECIFIED, "revokeReason")
	refuse(in.GetRevokeNote() != "", "revokeNote")
	refuse(in.GetRevokeTime() != nil, "revokeTime")
	refuse(in.GetCurrentSecret() != nil, "currentSecret")
	refuse(in.GetPreviousSecret() != nil, "previousSecret")
	refuse(in.GetEtag() != "", "etag")
	refuse(in.GetCreateTime() != nil, "createTime")
	refuse(in.GetUpdateTime() != nil, "updateTime")
	refuse(in.GetDeleteTime() != nil, "deleteTime")
	refuse(in.GetCreatedBy() != "", "createdBy")
	refuse(in.GetLastUsedTime() != nil, "lastUsedTime")
}

func readScopes(v *violations, field string, in []string) []string {
	if len(in) > maxScopes {
		v.add(field, "must hold at most %d scopes", maxScopes)
		return nil
	}
	var out []string
	for i, s := range in {
		if !access.ValidPattern(s) {
			v.add(fmt.Sprintf("%s[%d]", field, i), "must be a permission such as orders.read, or a wildcard such as orders.* or *")
			continue
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// readNetworks takes prefixes and single addresses. Host bits are cut off, and
// IPv4 networks written in IPv6 become IPv4 networks.
func readNetworks(v *violations, field string, in []string) []netip.Prefix {
	if len(in) > maxCIDRs {
		v.add(field, "must hold at most %d networks", maxCIDRs)
		return nil
	}
	var out []netip.Prefix
	for i, text := range in {
		n, ok := readNetwork(text)
		if !ok {
			v.add(fmt.Sprintf("%s[%d]", field, i), "must be a network such as 203.0.113.0/24 or 2001:db8::/32, or one address")
			continue
		}
		if !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func readNetwork(text string) (netip.Prefix, bool) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	n, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if n.Addr().Is4In6() {
		if n.Bits() < 96 {
			return netip.Prefix{}, false
		}
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), true
}

func readLabels(v *violations, field string, in map[string]string) {
	if len(in) > maxLabels {
		v.add(field, "must hold at most %d labels", maxLabels)
		return
	}
	for i, name := range slices.Sorted(maps.Keys(in)) {
		if !validLabelName(name) {
			// The name is the client's, so the place among the sorted names
			// stands for it.
			v.add(fmt.Sprintf("%s[%d]", field, i), "must be named by 1 to %d lower-case letters, digits and '.', '_', '/', '-', beginning and ending with a letter or digit", maxLabelName)
			continue
		}
		v.text(field+"."+name, in[name], maxLabelValue)
	}
}

func validLabelName(name string) bool {
	if name == "" || len(name) > maxLabelName {
		return false
	}
	alnum := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' }
	for i := range len(name) {
		if !alnum(name[i]) && strings.IndexByte("._/-", name[i]) < 0 {
			return false
		}
	}
	return alnum(name[0]) && alnum(name[len(name)-1])
}

func readTime(v *violations, field string, in *timestamppb.Timestamp) time.Time {
	if in == nil {
		return time.Time{}
	}
	if err := in.CheckValid(); err != nil {
		v.add(field, "must be a time between the years 1 and 9999")
		return time.Time{}
	}
	t := timeFromProto(in)
	if t.Year() < 1970 {
		v.add(field, "must be after 1970")
		return time.Time{}
	}
	return t
}

// wantFuture wants a key that is not over before it begins.
func wantFuture(v *violations, field string, in *timestamppb.Timestamp, now time.Time) {
	if in != nil && in.CheckValid() == nil && !timeFromProto(in).After(now) {
		v.add(field, "must be in the future; revoke the key to end it now")
	}
}

func wantOrder(v *violations, field string, start, end time.Time) {
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		v.add(field, "must be after startTime")
	}
}

// readAPINames reads names of APIs: "orders" of the key's own tenant, whose id
// is left open here, or "acme/orders".
func readAPINames(v *violations, field string, in []string) []storage.APIRef {
	if len(in) > maxKeyAPIs {
		v.add(field, "must hold at most %d APIs", maxKeyAPIs)
		return nil
	}
	var out []storage.APIRef
	for i, text := range in {
		ref := storage.APIRef{ID: text}
		if tenant, id, ok := strings.Cut(text, "/"); ok {
			ref = storage.APIRef{TenantID: tenant, ID: id}
		}
		if !access.ValidAPIID(ref.ID) || ref.TenantID == "" && ref.ID != text || ref.TenantID != "" && !validTenantID(ref.TenantID) {
			v.add(fmt.Sprintf("%s[%d]", field, i), "must be an API's id, or for another tenant's TENANT/API")
			continue
		}
		out = append(out, ref)
	}
	return out
}

// ownAPIs fills in the key's own tenant.
func ownAPIs(refs []storage.APIRef, tenant string) []storage.APIRef {
	var out []storage.APIRef
	for _, ref := range refs {
		if ref.TenantID == "" {
			ref.TenantID = tenant
		}
		if !slices.Contains(out, ref) {
			out = append(out, ref)
		}
	}
	return out
}
