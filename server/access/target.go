package access

import "github.com/keystile/keystile/storage"

// HTTPCall is a request as a gateway got it from its client. The zero HTTPCall
// is none.
type HTTPCall struct {
	Method string
	Host   string
	// Path is the request target with its query, undecoded.
	Path string
}

// Aim is what a question is about beyond the key: an API by name, an HTTP
// request, or both. The zero Aim asks for nothing.
type Aim struct {
	// Asked is true when an API or a request is asked for at all.
	Asked bool
	// Tenant says whose APIs are matched; empty leaves that to the host.
	Tenant string
	// API is what was named; its ID is empty when nothing was. Without a
	// TenantID it is Tenant's, or else the key's own tenant's.
	API storage.APIRef

	// HTTP is true when a request is asked for; the rest is its, as it was read.
	HTTP      bool
	Malformed bool
	Method    string
	Host      string
	Path      Path
}

// NewAim reads what is asked for. A request that could be read in more than one
// way is not repaired: its aim is malformed.
func NewAim(tenant string, api storage.APIRef, call *HTTPCall) Aim {
	a := Aim{Tenant: tenant, API: api, Asked: api.ID != "" || call != nil}
	if call == nil {
		return a
	}
	var hostOK, pathOK bool
	a.HTTP, a.Method = true, call.Method
	a.Host, hostOK = ReadHost(call.Host)
	a.Path, pathOK = ReadPath(call.Path)
	a.Malformed = !hostOK || !pathOK || !ValidMethod(call.Method)
	return a
}

// Target is what an aim leads to. The zero Target leads nowhere.
type Target struct {
	// API is nil when none was found, or its tenant is not active.
	API *storage.API
	// Pattern, Permission and Params are those of the route that matched; empty
	// when the API was only named.
	Pattern    string
	Permission string
	Params     []Param
	// Subscriptions are those to the API that the key's user, or its whole
	// tenant, has.
	Subscriptions []*storage.Subscription
}
