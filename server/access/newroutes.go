package access

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/keystile/keystile/storage"
)

const (
	// MaxRouteHosts is how many hosts one route may name.
	MaxRouteHosts = 32
	// MaxRouteMethods is how many methods it may name.
	MaxRouteMethods = 32
	// maxPlaces bounds what one API takes of memory: each host of a route takes a
	// place for each segment and each method. Without it a small record could
	// unfold into a thousand times its size.
	maxPlaces = 1 << 15
)

// NewRoutes indexes the routes of one tenant's APIs, and lists what is wrong
// with them, in the order of the APIs' ids and of their routes. A write whose
// APIs have faults is to be refused. A record that is stored all the same is no
// error here: a route with a fault lets nothing through. It keeps its place,
// closed, wherever it names one that can be read, so that a less specific route
// does not take over what was meant for it. Of routes that tie, none wins, and
// each has a fault.
func NewRoutes(apis []*storage.API) (*Routes, []RouteFault) {
	sorted := slices.DeleteFunc(slices.Clone(apis), func(a *storage.API) bool { return a == nil })
	// What ties with what is told alike, whatever order the records came in.
	slices.SortStableFunc(sorted, func(a, b *storage.API) int {
		return compareRefs(a.Ref(), b.Ref())
	})
	b := builder{routes: &Routes{roots: map[string]*node{}}}
	for _, api := range sorted {
		validID := ValidAPIID(api.ID)
		if !validID {
			b.fault(api, noRoute, "id", "must match [a-z][a-z0-9_-]{0,62}, and not begin with keystile")
		}
		read, write := api.ID+".read", api.ID+".write"
		b.places = 0
		for i := range api.Routes {
			b.add(&route{api: api, index: i, read: read, write: write, faulty: !validID}, &api.Routes[i])
		}
	}
	slices.SortStableFunc(b.faults, func(a, b RouteFault) int {
		return cmp.Or(compareRefs(a.API, b.API), cmp.Compare(a.Route, b.Route))
	})
	return b.routes, b.faults
}

func compareRefs(a, b storage.APIRef) int {
	return cmp.Or(strings.Compare(a.TenantID, b.TenantID), strings.Compare(a.ID, b.ID))
}

type builder struct {
	routes *Routes
	faults []RouteFault
	// places are those that the API at hand has taken.
	places int
}

// add looks at a route as a whole before it takes its places, so that a fault
// closes all of them.
func (b *builder) add(r *route, record *storage.Route) {
	before := len(b.faults)
	hosts := b.readHosts(r, record.Hosts)
	methods := b.readMethods(r, record.Methods)
	path, problem := parsePattern(record.Path)
	if problem != "" {
		b.fault(r.api, r.index, "path", problem)
	}
	if record.Permission != "" && !ValidRoutePermission(r.api.ID, record.Permission) {
		b.fault(r.api, r.index, "permission", "must be a single permission that begins with the API's own id and a dot")
	}
	b.places += len(hosts) * (len(path.parts) + len(methods))
	if b.places > maxPlaces {
		b.fault(r.api, r.index, "hosts", "make the API too large: hosts, times segments and methods, summed over its routes, may be 32768; use fewer hosts, or *")
		return
	}
	r.faulty = r.faulty || len(b.faults) > before
	r.pattern, r.explicit = record.Path, record.Permission
	if problem != "" {
		return
	}
	r.kinds = path.kinds()
	for i := range path.parts {
		if name := path.parts[i].name; name != "" {
			r.variables = append(r.variables, variable{name, i})
		}
	}
	b.routes.slashed = b.routes.slashed || path.tail == tailSlash
	for _, host := range hosts {
		end := b.nodeFor(host, path.parts)
		for _, method := range methods {
			b.claim(&end.ends[path.tail], claim{method: method, route: r, nearness: hostNearness(host), closed: r.faulty})
		}
	}
}

// readHosts gives those of a route's hosts that have a place in the index.
func (b *builder) readHosts(r *route, hosts []string) []string {
	if len(hosts) == 0 || len(hosts) > MaxRouteHosts {
		b.fault(r.api, r.index, "hosts", "must name 1 to 32 hosts; * is every host that leads to the tenant")
		return nil
	}
	out := make([]string, 0, len(hosts))
	for i, text := range hosts {
		host, ok := NormalHostPattern(text)
		switch {
		case !ok:
			b.fault(r.api, r.index, element("hosts", i), "must be a host name, *.suffix, or *, without a port")
			continue
		case host != text:
			b.fault(r.api, r.index, element("hosts", i), "must be in lower case, without a trailing dot")
		}
		if slices.Contains(out, host) {
			b.fault(r.api, r.index, element("hosts", i), "is named twice")
			continue
		}
		out = append(out, host)
	}
	return out
}

// readMethods gives those of a route's methods that have a place in the index.
func (b *builder) readMethods(r *route, methods []string) []string {
	if len(methods) == 0 || len(methods) > MaxRouteMethods {
		b.fault(r.api, r.index, "methods", "must name 1 to 32 methods; * is every method")
		return nil
	}
	out := make([]string, 0, len(methods))
	for i, method := range methods {
		switch {
		case !ValidRouteMethod(method):
			b.fault(r.api, r.index, element("methods", i), "must be an HTTP method in upper case, or *")
		case slices.Contains(out, method):
			b.fault(r.api, r.index, element("methods", i), "is named twice")
		default:
			out = append(out, method)
		}
	}
	return out
}

func (b *builder) nodeFor(host string, parts []part) *node {
	n := b.routes.roots[hostKey(host)]
	if n == nil {
		n = &node{}
		b.routes.roots[hostKey(host)] = n
	}
	for _, p := range parts {
		n = n.child(p)
	}
	return n
}

// child gives the node that a segment leads to, and makes it if there is none.
// The variables' names make no difference.
func (n *node) child(p part) *node {
	if p.name != "" {
		if n.variable == nil {
			n.variable = &node{}
		}
		return n.variable
	}
	next := n.literals[p.literal]
	if next == nil {
		if n.literals == nil {
			n.literals = map[string]*node{}
		}
		next = &node{}
		n.literals[p.literal] = next
	}
	return next
}

// claim takes a place, or closes it when it is taken.
func (b *builder) claim(claims *[]claim, c claim) {
	i, taken := findClaim(*claims, c.method)
	if !taken {
		*claims = slices.Insert(*claims, i, c)
		return
	}
	first := &(*claims)[i]
	first.closed = true
	b.tie(first.route, c.route)
	b.tie(c.route, first.route)
}

// tie tells of a route that another one has the same host, path and method. It
// does so once for each route, whose places and rivals may be many.
func (b *builder) tie(r, other *route) {
	if r.tied {
		return
	}
	r.tied = true
	b.fault(r.api, r.index, "path",
		"ties with route "+strconv.Itoa(other.index)+" of API "+quoted(other.api.ID)+": the same host, path and method, variables' names aside")
}

func (b *builder) fault(api *storage.API, index int, field, problem string) {
	b.faults = append(b.faults, RouteFault{API: api.Ref(), Route: index, Field: field, Problem: problem})
}

// findClaim gives where the claim for a method is, or belongs: they are sorted.
func findClaim(claims []claim, method string) (int, bool) {
	return slices.BinarySearchFunc(claims, method, func(c claim, m string) int { return strings.Compare(c.method, m) })
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
