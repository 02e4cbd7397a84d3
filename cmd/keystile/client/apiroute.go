package client

import (
	"errors"
	"slices"
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// Route is one route of an API as a flag gives it:
// "METHOD[,METHOD] HOST[,HOST] PATH [PERMISSION]".
type Route struct{ route *pb.Route }

var errRoute = errors.New(`a route is 'METHOD[,METHOD] HOST[,HOST] PATH [PERMISSION]', such as 'GET api.acme.test /orders/{id} orders.read'`)

// UnmarshalText reads a route. Whether it makes sense is the server's to say.
func (r *Route) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) < 3 || len(words) > 4 || !strings.HasPrefix(words[2], "/") {
		return errRoute
	}
	r.route = &pb.Route{Methods: strings.Split(words[0], ","), Hosts: strings.Split(words[1], ","), Path: words[2]}
	if len(words) == 4 {
		r.route.Permission = words[3]
	}
	return nil
}

func routesOf(flags []Route) []*pb.Route {
	var out []*pb.Route
	for _, f := range flags {
		out = append(out, f.route)
	}
	return out
}

// routeTable shows routes in the order of the flag's words, and their limits if any
// has some.
func routeTable(routes []*pb.Route) *table {
	out := &table{{"METHODS", "HOSTS", "PATH", "PERMISSION"}}
	bounded := slices.ContainsFunc(routes, func(r *pb.Route) bool { return limitList(r) != "" })
	if bounded {
		(*out)[0] = append((*out)[0], "LIMITS")
	}
	for _, r := range routes {
		permission := r.GetPermission()
		if permission == "" {
			permission = "by method"
		}
		cells := []string{strings.Join(r.GetMethods(), ","), strings.Join(r.GetHosts(), ","), r.GetPath(), permission}
		if bounded {
			cells = append(cells, limitList(r))
		}
		*out = append(*out, cells)
	}
	return out
}
