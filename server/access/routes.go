package access

import "github.com/keystile/keystile/storage"

// maxVisits bounds the nodes that one match may look at. What it costs to match
// depends on the path and on how many patterns lie across each other there, a
// few dozen nodes in practice; routes made to be walked through over and over
// end here, without a match.
const maxVisits = 1024

// Routes finds the route of one tenant that an HTTP request belongs to. It is
// immutable. The zero Routes, and nil, match nothing.
//
// It holds a tree for each host pattern, and each segment of a path goes one
// step down a tree, so that a match costs the same with many routes as with few.
type Routes struct {
	// roots are the trees by the key of their host pattern.
	roots map[string]*node
	// slashed is whether a pattern ends with a slash.
	slashed bool
}

// Match is the route that a request belongs to. The zero Match is none.
type Match struct {
	API *storage.API
	// RouteIndex says which of API.Routes it is.
	RouteIndex int
	// Pattern is the route's path, as it was written.
	Pattern string
	// Permission is what the call takes; never empty.
	Permission string
	// Params are the variables' values, in the pattern's order; nil without any.
	Params []Param
}

// Param is the value of a variable in a route's path, decoded.
type Param struct {
	Name  string
	Value string
}

// node is where the patterns that begin alike stand in a tree.
type node struct {
	literals map[string]*node
	variable *node
	// ends are the claims of the patterns that end here, by their tails.
	ends [tailRest + 1][]claim
}

// claim is one route's hold on a host pattern, a path and a method.
type claim struct {
	method string
	route  *route
	// nearness is how specific the host pattern is: the larger, the more.
	nearness int
	// closed is true when the claim must not be followed: its route is faulty,
	// or another route claims the same. It stays in the tree, and ends the search,
	// because the next route would be one that is less specific, and might ask
	// for less.
	closed bool
}

// route is what is known of a route once its pattern has matched.
type route struct {
	api     *storage.API
	index   int
	pattern string
	// kinds has a letter for each segment of the pattern and one for its end, so
	// that of two that match the same path the more specific is the lesser.
	kinds     string
	variables []variable
	// explicit is the permission that the route names; read and write are the
	// API's own, for the routes that name none.
	explicit, read, write string
	faulty                bool
	// tied is whether a tie with another route was told of.
	tied bool
}

// variable is a variable and which segment is its value.
type variable struct {
	name    string
	segment int
}

// Match gives the most specific route that takes this host, path and method,
// whatever the order they were written in: an exact host before the longer
// suffix before the shorter before "*"; then, from the left of the path, a
// literal before a variable before /**; then the method by name before "*". A
// host that is not known, the empty text, is taken by "*" alone. The host is to
// be as ReadHost gives it.
//
// Upstreams do not all read a path alike. Some drop a trailing slash or add it;
// some cut each segment at its first ';'. So such a path is matched in the other
// readings too, and where one of them leads to a more specific route, of another
// API or for another permission, nothing matches: or else /orders/admin;x, or
// /orders/admin/, would be judged as any order and answered as /orders/admin.
// Where the slash is to make a difference, write both routes out.
func (r *Routes) Match(host, method string, p Path) (Match, bool) {
	if r == nil || p == (Path{}) || !ValidMethod(method) {
		return Match{}, false
	}
	s := search{routes: r, host: host, method: method, left: maxVisits}
	found := s.find(p)
	if found == nil || found.closed {
		return Match{}, false
	}
	if (p.parameters || p.slash || r.slashed) && !s.settled(p, found) {
		return Match{}, false
	}
	return found.route.match(method, p), true
}

// search is one match under way.
type search struct {
	routes *Routes
	host   string
	method string
	slash  bool
	// left is how many nodes may still be looked at. Below zero the search has
	// failed, and nothing that it finds counts.
	left int
}

func (s *search) find(p Path) *claim {
	s.slash = p.slash
	for key := s.host; ; key = widerHostKey(key) {
		if root := s.routes.roots[key]; root != nil {
			if c := s.below(root, p.text); c != nil || s.left < 0 {
				return c
			}
		}
		if key == "" {
			return nil
		}
	}
}

// below looks for the rest of a path. Each node has one way that leads to it, so
// that none is looked at twice.
func (s *search) below(n *node, rest string) *claim {
	s.left--
	if s.left < 0 {
		return nil
	}
	if rest == "" {
		end := tailNone
		if s.slash {
			end = tailSlash
		}
		if c := byMethod(n.ends[end], s.method); c != nil {
			return c
		}
		return byMethod(n.ends[tailRest], s.method)
	}
	segment, rest := cutSegment(rest)
	if child := n.literals[segment]; child != nil {
		if c := s.below(child, rest); c != nil || s.left < 0 {
			return c
		}
	}
	if n.variable != nil {
		if c := s.below(n.variable, rest); c != nil || s.left < 0 {
			return c
		}
	}
	return byMethod(n.ends[tailRest], s.method)
}

// settled tells whether no other reading of a path asks for more than the one
// that was found.
//
// Of parameters it is enough to look at none and at all of them cut. No literal
// holds a ';', so that cutting one more only lets in routes that are more
// specific; if the same claim wins at both ends, it wins in between.
func (s *search) settled(p Path, found *claim) bool {
	cut := p
	if p.parameters {
		cut = p.withoutParameters()
		if s.find(cut) != found {
			return false
		}
	}
	if p.text == "" {
		return true
	}
	cut.slash = !cut.slash
	other := s.find(cut)
	if s.left < 0 {
		return false
	}
	if other == nil || !other.narrower(found) {
		return true
	}
	p.slash = cut.slash
	return (!p.parameters || s.find(p) == other) && found.agrees(other, s.method)
}

// narrower tells whether c is more specific than other. Both match the same
// path, but for a slash at its end, and of that and the method it takes no note.
func (c *claim) narrower(other *claim) bool {
	if c.nearness != other.nearness {
		return c.nearness > other.nearness
	}
	return c.route.kinds < other.route.kinds
}

// agrees tells whether both ask for the same permission of the same API.
func (c *claim) agrees(other *claim, method string) bool {
	return !other.closed && c.route.api == other.route.api &&
		c.route.permission(method) == other.route.permission(method)
}

// byMethod finds the claim for a method, or else the one for all methods.
func byMethod(claims []claim, method string) *claim {
	for _, m := range [...]string{method, anyMethod} {
		if i, ok := findClaim(claims, m); ok {
			return &claims[i]
		}
	}
	return nil
}

func (r *route) permission(method string) string {
	switch {
	case r.explicit != "":
		return r.explicit
	case SafeMethod(method):
		return r.read
	}
	return r.write
}

func (r *route) match(method string, p Path) Match {
	m := Match{API: r.api, RouteIndex: r.index, Pattern: r.pattern, Permission: r.permission(method)}
	if len(r.variables) == 0 {
		return m
	}
	m.Params = make([]Param, 0, len(r.variables))
	rest := p.text
	for at := 0; len(m.Params) < len(r.variables); at++ {
		var segment string
		segment, rest = cutSegment(rest)
		if v := r.variables[len(m.Params)]; v.segment == at {
			m.Params = append(m.Params, Param{v.name, segment})
		}
	}
	return m
}
