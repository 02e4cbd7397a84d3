package main

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schemas collects the schemas of the messages that are used.
type schemas struct {
	made *object
	// sent are messages that a client may send; in all others every field is
	// always there. received are those it may be answered with, which may gain
	// fields.
	sent, received map[protoreflect.FullName]bool
	// jsonNames are the fields' names in JSON by their names in the protos,
	// which comments use.
	jsonNames map[string]string
}

func newSchemas(rules []*rule) *schemas {
	s := &schemas{
		made: obj(), sent: map[protoreflect.FullName]bool{}, received: map[protoreflect.FullName]bool{},
		jsonNames: map[string]string{},
	}
	for _, r := range rules {
		s.mark(s.sent, r.method.Input)
		s.mark(s.received, r.method.Output)
	}
	return s
}

func (s *schemas) mark(reached map[protoreflect.FullName]bool, m *protogen.Message) {
	if reached[m.Desc.FullName()] {
		return
	}
	reached[m.Desc.FullName()] = true
	for _, f := range m.Fields {
		s.jsonNames[string(f.Desc.Name())] = f.Desc.JSONName()
		if f.Message != nil {
			s.mark(reached, f.Message)
		}
	}
}

// componentName is a type's name without its package: Key, KeyState.
func componentName(d protoreflect.Descriptor) string {
	name := strings.TrimPrefix(string(d.FullName()), string(d.ParentFile().Package())+".")
	return strings.ReplaceAll(name, ".", "")
}

func ref(name string) *object { return obj("$ref", "#/components/schemas/"+name) }

// message gives a reference to a message's schema, and sees to it that it is there.
func (s *schemas) message(m *protogen.Message) *object {
	name := componentName(m.Desc)
	if _, known := s.made.values[name]; known {
		return ref(name)
	}
	schema := obj("type", "object")
	s.made.set(name, schema)
	schema.setText("description", s.prose(m.Comments.Leading))
	properties := obj()
	var required []string
	oneof := false
	for _, f := range m.Fields {
		properties.set(f.Desc.JSONName(), s.field(f))
		if f.Oneof != nil && !f.Oneof.Desc.IsSynthetic() {
			oneof = true
		} else if !f.Desc.HasOptionalKeyword() {
			required = append(required, f.Desc.JSONName())
		}
	}
	schema.set("properties", properties)
	if oneof {
		schema.set("minProperties", 1).set("maxProperties", 1)
	}
	if !s.sent[m.Desc.FullName()] && len(required) > 0 {
		schema.set("required", required)
	}
	if !s.received[m.Desc.FullName()] {
		// The server refuses names that it does not know.
		schema.set("additionalProperties", false)
	}
	return ref(name)
}

// field is the schema of a message's field.
func (s *schemas) field(f *protogen.Field) *object {
	about, outputOnly := strings.CutPrefix(s.prose(f.Comments.Leading), "Output only.")
	about = strings.TrimSpace(about)
	var schema *object
	switch {
	case f.Desc.IsMap():
		schema = obj("type", "object", "additionalProperties", s.single(f.Message.Fields[1]))
	case f.Desc.IsList():
		schema = obj("type", "array", "items", s.single(f))
	default:
		schema = s.single(f)
		if f.Message != nil {
			schema = nullable(schema)
		}
	}
	if _, isRef := schema.values["$ref"]; isRef && (about != "" || outputOnly) {
		// Beside a $ref everything else is ignored.
		schema = obj("allOf", []any{schema})
	}
	schema.setText("description", about)
	if outputOnly {
		schema.set("readOnly", true)
	}
	return schema
}

func nullable(schema *object) *object {
	if _, isRef := schema.values["$ref"]; isRef {
		return obj("allOf", []any{schema}, "nullable", true)
	}
	return schema.set("nullable", true)
}

// single is the schema of a field's value, or of each of its values.
func (s *schemas) single(f *protogen.Field) *object {
	switch f.Desc.Kind() {
	case protoreflect.BoolKind:
		return obj("type", "boolean")
	case protoreflect.StringKind:
		return obj("type", "string")
	case protoreflect.BytesKind:
		return obj("type", "string", "format", "byte")
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return obj("type", "integer", "format", "int32")
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return obj("type", "integer", "format", "int64", "minimum", 0)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		// 64 bits do not fit a JSON number everywhere, so proto JSON writes text.
		return obj("type", "string", "format", "int64")
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return obj("type", "number")
	case protoreflect.EnumKind:
		return s.enum(f.Enum)
	case protoreflect.MessageKind, protoreflect.GroupKind:
	}
	switch f.Message.Desc.FullName() {
	case "google.protobuf.Timestamp":
		return obj("type", "string", "format", "date-time")
	case "google.protobuf.Duration":
		return obj("type", "string", "pattern", `^-?[0-9]+(\.[0-9]{1,9})?s$`, "example", "3600s")
	case "google.protobuf.FieldMask":
		return obj("type", "string", "example", "displayName,expireTime")
	case "google.protobuf.Struct":
		return obj("type", "object", "additionalProperties", true)
	}
	return s.message(f.Message)
}

func (s *schemas) enum(e *protogen.Enum) *object {
	name := componentName(e.Desc)
	if _, known := s.made.values[name]; known {
		return ref(name)
	}
	about := s.prose(e.Comments.Leading)
	var names []string
	for _, v := range e.Values {
		names = append(names, string(v.Desc.Name()))
		if text := s.prose(v.Comments.Leading); text != "" {
			about += "\n- `" + string(v.Desc.Name()) + "`: " + text
		}
	}
	s.made.set(name, obj("type", "string", "enum", names).setText("description", strings.TrimSpace(about)))
	return ref(name)
}

var protoName = regexp.MustCompile(`\b[a-z]+(_[a-z]+)+\b`)

// prose is a comment as running text, with the fields named as in JSON.
func (s *schemas) prose(c protogen.Comments) string {
	text := strings.Join(strings.Fields(string(c)), " ")
	return protoName.ReplaceAllStringFunc(text, func(name string) string {
		if other, known := s.jsonNames[name]; known {
			return other
		}
		return name
	})
}
