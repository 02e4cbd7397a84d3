package rest

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxShownName bounds what an error repeats of a name that the client made up.
// It is shorter than any secret of ours.
const maxShownName = 32

type parameter struct{ name, value string }

// readQuery splits a query into its parameters, in their order.
func readQuery(raw string) ([]parameter, *Problem) {
	if strings.Contains(raw, ";") {
		return nil, invalid("query", "must not hold a semicolon")
	}
	var found []parameter
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, invalid("query", "must be percent-encoded correctly")
		}
		value, err = url.QueryUnescape(value)
		if err != nil {
			return nil, invalid(shownName(name), "must be percent-encoded correctly")
		}
		found = append(found, parameter{name, value})
	}
	return found, nil
}

// clearQuery refuses what the route does not take, and gives the rest in a form
// that the generated code can read in one way only: full paths from the RPC's
// request, so that no name can mean another branch of it.
func clearQuery(raw string, t *route, params map[string]string) (string, *Problem) {
	given, p := readQuery(raw)
	if p != nil {
		return "", p
	}
	clean := url.Values{}
	for _, g := range given {
		shown := shownName(g.name)
		if !t.takesQuery() {
			return "", invalid(shown, "is not a query parameter of this call; it takes none")
		}
		field := scalarNamed(t.queried(), g.name)
		if field == nil {
			return "", invalid(shown, "is not a query parameter of this call; it takes "+namesOf(t, params))
		}
		full := string(field.Name())
		if t.branch != "" {
			full = t.branch + "." + full
		}
		if _, bound := params[full]; bound {
			return "", invalid(field.JSONName(), "is given by the path")
		}
		if _, twice := clean[full]; twice {
			return "", invalid(field.JSONName(), "must be given once at most")
		}
		if wrong := wrongValue(field, g.value); wrong != "" {
			return "", invalid(field.JSONName(), wrong)
		}
		// An empty number is a form's blank, and means "not given".
		if g.value != "" {
			clean.Set(full, g.value)
		} else {
			clean[full] = nil
		}
	}
	return clean.Encode(), nil
}

// scalarNamed finds a field that a query can hold.
func scalarNamed(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	f := fieldNamed(m, name)
	if f == nil || !isQueryScalar(f) {
		return nil
	}
	return f
}

func isQueryScalar(f protoreflect.FieldDescriptor) bool {
	if f.IsList() || f.IsMap() {
		return false
	}
	switch f.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind, protoreflect.Int64Kind:
		return true
	default:
		return false
	}
}

// wrongValue says what a parameter's value should have been, or nothing.
func wrongValue(f protoreflect.FieldDescriptor, value string) string {
	ok := true
	switch f.Kind() {
	case protoreflect.BoolKind:
		ok = value == "true" || value == "false"
	case protoreflect.Int32Kind:
		_, err := strconv.ParseInt(value, 10, 32)
		ok = err == nil || value == ""
	case protoreflect.Int64Kind:
		_, err := strconv.ParseInt(value, 10, 64)
		ok = err == nil || value == ""
	default:
		if !utf8.ValidString(value) {
			return "must be UTF-8"
		}
	}
	if ok {
		return ""
	}
	return expected(f)
}

// namesOf lists the parameters that a route takes.
func namesOf(t *route, params map[string]string) string {
	fields := t.queried().Fields()
	var names []string
	for i := range fields.Len() {
		f := fields.Get(i)
		full := string(f.Name())
		if t.branch != "" {
			full = t.branch + "." + full
		}
		if _, bound := params[full]; !bound && isQueryScalar(f) {
			names = append(names, f.JSONName())
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// shownName makes a client's name fit to be repeated: short and printable.
func shownName(name string) string {
	cut := len(name) > maxShownName
	if cut {
		name = name[:maxShownName]
	}
	name = strings.Map(func(c rune) rune {
		word := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if word || strings.ContainsRune("_-.$@[]", c) {
			return c
		}
		return '?'
	}, name)
	if cut {
		name += "..."
	}
	if name == "" {
		return "(empty)"
	}
	return name
}
