package main

import (
	"reflect"
	"slices"
	"sort"
	"strings"

	"google.golang.org/protobuf/proto"
)

// missingFields names the required fields that a document leaves out. In the
// Kubernetes types those are the fields without omitempty, so decoding alone
// can't tell them from empty ones: it takes what was written as well.
func missingFields(raw map[string]any, object any) []string {
	var out []string
	walkRequired("", raw, reflect.TypeOf(object), &out)
	sort.Strings(out)
	return out
}

func walkRequired(at string, raw any, t reflect.Type, out *[]string) {
	if isMessage(t) {
		return // messages know no required fields; their schema does
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch value := raw.(type) {
	case map[string]any:
		switch t.Kind() {
		case reflect.Struct:
			walkStruct(at, value, t, out)
		case reflect.Map:
			for name, element := range value {
				walkRequired(at+"."+name, element, t.Elem(), out)
			}
		default: // a type that decodes itself, from an object
		}
	case []any:
		if t.Kind() != reflect.Slice {
			return
		}
		for _, element := range value {
			walkRequired(at+"[]", element, t.Elem(), out)
		}
	}
}

func walkStruct(at string, raw map[string]any, t reflect.Type, out *[]string) {
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		flags := strings.Split(options, ",")
		switch {
		case slices.Contains(flags, "inline"):
			walkStruct(at, raw, field.Type, out)
		case name == "" || name == "-" || name == "status":
		default:
			value, written := raw[name]
			switch {
			case written:
				walkRequired(strings.TrimPrefix(at+"."+name, "."), value, field.Type, out)
			case !slices.Contains(flags, "omitempty") && !slices.Contains(flags, "omitzero"):
				*out = append(*out, strings.TrimPrefix(at+"."+name, "."))
			}
		}
	}
}

func isMessage(t reflect.Type) bool {
	message := reflect.TypeFor[proto.Message]()
	return t.Implements(message) || t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(message)
}
