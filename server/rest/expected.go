package rest

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// expected says what a field's value (or each of its elements) must be, in words
// that fit behind the field's name.
func expected(f protoreflect.FieldDescriptor) string {
	if f.IsMap() {
		return "must be an object of names and values, each name once, each value such that it " + expected(f.MapValue())
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		return "must be a string of Unicode text"
	case protoreflect.BytesKind:
		return "must be a string in base64"
	case protoreflect.BoolKind:
		return "must be true or false"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "must be a whole number from -2147483648 to 2147483647"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "must be a whole number from 0 to 4294967295"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "must be a whole number of at most 64 bits"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "must be a whole number of at most 64 bits, not negative"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "must be a number"
	case protoreflect.EnumKind:
		return "must be one of " + enumNames(f.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return expectedMessage(f.Message().FullName())
	}
	return "must be of another type"
}

func expectedMessage(name protoreflect.FullName) string {
	switch name {
	case "google.protobuf.Timestamp":
		return "must be a time as in RFC 3339, such as \"2030-01-31T12:00:00Z\""
	case "google.protobuf.Duration":
		return "must be a duration in seconds, such as \"3600s\""
	case "google.protobuf.FieldMask":
		return "must be the names of fields in one string, such as \"displayName,expireTime\""
	default:
		return "must be a JSON object"
	}
}

func enumNames(e protoreflect.EnumDescriptor) string {
	var names []string
	for i := range e.Values().Len() {
		// The zero value stands for "not given" and is no choice to recommend.
		if v := e.Values().Get(i); v.Number() != 0 {
			names = append(names, string(v.Name()))
		}
	}
	return strings.Join(names, ", ")
}
