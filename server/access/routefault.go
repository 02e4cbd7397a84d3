package access

import (
	"strconv"
	"strings"

	"github.com/keystile/keystile/storage"
)

// RouteFault says what is wrong with a route, for the one who writes it.
type RouteFault struct {
	API storage.APIRef
	// Route says which of the API's routes it is; negative for the API itself.
	Route int
	// Field is "hosts", "hosts[0]", "methods", "path" or "permission"; of the API
	// itself, "id".
	Field string
	// Problem is one line that reads on from the field's name. It repeats no
	// value of the request.
	Problem string
}

// noRoute is the Route of a fault that is the API's own.
const noRoute = -1

// Path names the field as it stands in the API: "routes[2].hosts[0]".
func (f RouteFault) Path() string {
	if f.Route < 0 {
		return f.Field
	}
	return "routes[" + strconv.Itoa(f.Route) + "]." + f.Field
}

// String tells of the fault in one line.
func (f RouteFault) String() string {
	return "API " + quoted(f.API.ID) + ": " + f.Path() + " " + f.Problem
}

// quoted keeps an id that is not valid from breaking a line.
func quoted(id string) string {
	if ValidAPIID(id) {
		return id
	}
	return strconv.Quote(id)
}

// ValidAPIID tells whether text can be an API's id: [a-z][a-z0-9_-]{0,62}, and
// not beginning with "keystile", which is reserved.
func ValidAPIID(text string) bool {
	if text == "" || len(text) > 63 || Reserved(text) {
		return false
	}
	for i := range len(text) {
		c := text[i]
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || c != '_' && c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// ValidRoutePermission tells whether a route of this API may ask for the
// permission. Its first part must be the API's id: a key that is restricted to
// named APIs, and a scope such as "orders.*", mean nothing else.
func ValidRoutePermission(apiID, permission string) bool {
	rest, ok := strings.CutPrefix(permission, apiID+".")
	return ok && rest != "" && ValidPermission(permission) && !Reserved(permission)
}
