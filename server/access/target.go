package access

import "github.com/keystile/keystile/storage"

// HTTPCall is a request as a gateway got it from its client. The zero HTTPCall
// is none.
type HTTPCall struct {
	Method string
	Host   string
	// Path is the request target with its query, undecoded.
	Path string
	// Unrouted is true when the gateway has said which permission is asked. The
	// request is then not matched to routes; what stays is that it must be
	// readable in one way only, and that guests may only read.
	Unrouted bool
	// Preflight is the method that a CORS preflight asks for
	// (Access-Control-Request-Method); empty when the request is none.
	Preflight string
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
	Unrouted  bool
	Method    string
	Host      string
	Path      Path
	// Preflight is the method that a CORS preflight asks for; empty for all other
	// requests. Its route is the one of that method.
	Preflight string
}

// NewAim reads what is asked for. A request that could be read in more than one
// way is not repaired: its aim is malformed.
func NewAim(tenant string, api storage.APIRef, call *HTTPCall) Aim {
	a := Aim{Tenant: tenant, API: api, Asked: api.ID != ""}
	if call == nil {
		return a
	}
	var hostOK, pathOK bool
	a.HTTP, a.Unrouted, a.Method = true, call.Unrouted, call.Method
	a.Asked = a.Asked || !a.Unrouted
	a.Host, hostOK = ReadHost(call.Host)
	a.Path, pathOK = ReadPath(call.Path)
	a.Malformed = !hostOK || !pathOK || !ValidMethod(call.Method)
	if call.Method == methodOptions {
		a.Preflight = call.Preflight
	}
	return a
}

// RoutedMethod is the method by which the aim's route is found: a preflight's is
// the one it asks for.
func (a *Aim) RoutedMethod() string {
	if a.Preflight != "" {
		return a.Preflight
	}
	return a.Method
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
	// Route is the route that matched, as the API has it; nil when the API was only
	// named.
	Route *storage.Route
	// Subscriptions are those to the API that the key's user, or its whole
	// tenant, has, if it wants one at all.
	Subscriptions []*storage.Subscription
	// Plans are those of the API's tenant, by id: what a subscription's Plan may
	// name. They are there where Subscriptions are.
	Plans map[string]*storage.Plan
}
