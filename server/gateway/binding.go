package gateway

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/keystile/keystile/server/access"
)

// maxCost is the most that one check may cost.
const maxCost = 1_000_000

// Binding is what a gateway's operator has set for a location or route. The zero
// Binding sets nothing: the request's host, method and path say what is called.
type Binding struct {
	// Tenant says whose APIs are matched, KeyTenant whose keys are accepted.
	Tenant, KeyTenant string
	// API and Permission say what is called.
	API, Permission string
	// Cost is what the call takes of limits; 1 unless set.
	Cost int64
	// RefuseLimitsAs403 has a 429 answered as 403, for a gateway that knows no
	// other refusals.
	RefuseLimitsAs403 bool
}

// ErrMisconfigured is what a question that only a gateway's configuration can
// have spoilt ends in: nothing is decided then. Its text is for the operator.
var ErrMisconfigured = errors.New("the gateway's configuration is at fault")

// misconfigured is ErrMisconfigured with what is wrong.
type misconfigured struct{ what string }

func (m misconfigured) Error() string        { return m.what }
func (m misconfigured) Is(target error) bool { return target == ErrMisconfigured }

// set sets one field by its name; a value that could silently bind nothing, or
// something else than was meant, is refused.
func (b *Binding) set(field *string, name, value string, valid func(string) bool, form string) error {
	if *field != "" {
		return misconfigured{name + " is set twice"}
	}
	if !valid(value) {
		return misconfigured{name + " must be " + form}
	}
	*field = value
	return nil
}

// bind reads one setting. Names that are not known are refused: a mistyped one
// would leave open what it was to close.
func (b *Binding) bind(name, value string, seen *uint8) error {
	const tenantForm = "a tenant's id"
	switch name {
	case "tenant":
		return b.set(&b.Tenant, name, value, access.ValidTenantID, tenantForm)
	case "keyTenant", "key_tenant":
		return b.set(&b.KeyTenant, name, value, access.ValidTenantID, tenantForm)
	case "api":
		return b.set(&b.API, name, value, access.ValidAPIID, "an API's id")
	case "permission":
		return b.set(&b.Permission, name, value, access.ValidPermission, "one permission, without a wildcard")
	case "cost":
		cost, err := strconv.ParseInt(value, 10, 64)
		if err != nil || cost < 0 || cost > maxCost || *seen&seenCost != 0 {
			return misconfigured{"cost must be given once, 0 to " + strconv.Itoa(maxCost)}
		}
		*seen |= seenCost
		b.Cost = cost
		return nil
	}
	return misconfigured{"a setting is not known; there are tenant, key tenant, api, permission and cost"}
}

// What has been set of the fields whose zero value is a value.
const (
	seenCost uint8 = 1 << iota
	seenLimitStatus
)

// readExtensions reads what Envoy's route sets in context_extensions.
func readExtensions(extensions []entry) (Binding, error) {
	b := Binding{Cost: 1}
	var seen uint8
	for _, e := range extensions {
		if e.name == "keyTenant" {
			e.name = ""
		}
		if err := b.bind(e.name, e.value, &seen); err != nil {
			return Binding{}, err
		}
	}
	return b, nil
}

// readArguments reads the query of the address that a gateway is told to ask at.
// limitStatus lets the setting of that name through.
func readArguments(query string, limitStatus bool) (Binding, error) {
	b := Binding{Cost: 1}
	if query == "" {
		return b, nil
	}
	var seen uint8
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err == nil {
			value, err = url.QueryUnescape(value)
		}
		switch {
		case err != nil:
			return Binding{}, misconfigured{"the query arguments can't be read"}
		case name == "key_tenant":
			err = b.bind("", value, &seen)
		case name == "limit_status" && limitStatus:
			err = b.limitStatus(value, &seen)
		default:
			err = b.bind(name, value, &seen)
		}
		if err != nil {
			return Binding{}, err
		}
	}
	return b, nil
}

func (b *Binding) limitStatus(value string, seen *uint8) error {
	if *seen&seenLimitStatus != 0 || value != "403" && value != "429" {
		return misconfigured{"limit_status must be given once, 403 or 429"}
	}
	*seen |= seenLimitStatus
	b.RefuseLimitsAs403 = value == "403"
	return nil
}
