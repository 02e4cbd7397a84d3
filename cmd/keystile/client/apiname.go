package client

import (
	"strings"
)

// namedAPI reads an API's name, "orders" or "acme/orders", beside a flag that
// may name its tenant as well.
func namedAPI(name, tenant string) (apiTenant, id string, err error) {
	before, after, found := strings.Cut(name, "/")
	switch {
	case !found:
		return tenant, name, nil
	case before == "" || after == "":
		return "", "", usagef("--api: an API is ID or TENANT/ID")
	case tenant != "" && tenant != before:
		return "", "", usagef("--api and --api-tenant name different tenants")
	}
	return before, after, nil
}
