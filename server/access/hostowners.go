package access

import (
	"slices"
)

// HostOwners finds the tenant that a host belongs to, in time that depends on
// the host's depth and not on how many tenants there are. The zero HostOwners
// has none. It is not safe for concurrent use while it is changed.
type HostOwners struct {
	// claims maps a pattern's key to the tenants that claim it. Writes keep them apart;
	// should the store hold two all the same, then neither owns the pattern.
	claims map[string][]string
	// held maps a tenant to the keys of its valid patterns.
	held map[string][]string
}

// Set says which patterns a tenant has from now on; none forgets the tenant.
// Patterns that are not valid are left out and own nothing.
func (o *HostOwners) Set(tenantID string, patterns []string) {
	for _, key := range o.held[tenantID] {
		left := slices.DeleteFunc(o.claims[key], func(t string) bool { return t == tenantID })
		if len(left) == 0 {
			delete(o.claims, key)
		} else {
			o.claims[key] = left
		}
	}
	delete(o.held, tenantID)
	for _, p := range patterns {
		key := hostKey(p)
		if !ValidHostPattern(p) || slices.Contains(o.claims[key], tenantID) {
			continue
		}
		if o.claims == nil {
			o.claims, o.held = map[string][]string{}, map[string][]string{}
		}
		o.claims[key] = append(o.claims[key], tenantID)
		o.held[tenantID] = append(o.held[tenantID], key)
	}
}

// Owner gives the tenant whose patterns cover a host, as ReadHost gives it: by
// the exact name first, then by the longest suffix, then by "*". A host that is
// not known belongs to nobody.
func (o *HostOwners) Owner(host string) (tenantID string, ok bool) {
	if host == "" {
		return "", false
	}
	for key := host; ; key = widerHostKey(key) {
		// Where two claim the same, nobody owns what lies there.
		if claims := o.claims[key]; len(claims) > 0 {
			return soleClaim(claims)
		}
		if key == "" {
			return "", false
		}
	}
}

func soleClaim(claims []string) (string, bool) {
	if len(claims) != 1 {
		return "", false
	}
	return claims[0], true
}
