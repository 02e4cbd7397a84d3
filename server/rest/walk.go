package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fieldBody names the body itself in an error, where no field of it can be.
const fieldBody = "body"

// messageUnfit is said of a body that protojson refuses and in which no fault
// was found. The fuzz test holds that this never happens.
const messageUnfit = "does not fit this call"

// readJSON fills m from data as protojson does, or says what is wrong with the
// first thing that is. protojson's own error quotes values, so it is not used.
func readJSON(data []byte, m proto.Message) *FieldError {
	if err := protojson.Unmarshal(data, m); err == nil {
		return nil
	}
	proto.Reset(m)
	if f := syntaxFault(data); f != nil {
		return f
	}
	if f := objectFault(data, m.ProtoReflect().Type(), ""); f != nil {
		return f
	}
	return &FieldError{Field: fieldBody, Message: messageUnfit}
}

// syntaxFault finds what keeps data from being one JSON value.
func syntaxFault(data []byte) *FieldError {
	if !utf8.Valid(data) {
		at := 0
		for at < len(data) {
			c, size := utf8.DecodeRune(data[at:])
			if c == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return &FieldError{fieldBody, "must be UTF-8; it is not at " + position(data, at)}
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	var value json.RawMessage
	var syntax *json.SyntaxError
	switch err := decoder.Decode(&value); {
	case err == nil:
	case errors.Is(err, io.EOF):
		return &FieldError{fieldBody, "must be a JSON object; it is empty"}
	case errors.As(err, &syntax):
		return &FieldError{fieldBody, "must be JSON; there is a syntax error at " + position(data, int(syntax.Offset)-1)}
	default:
		return &FieldError{fieldBody, "must be JSON; it ends too early, at " + position(data, len(data))}
	}
	end := int(decoder.InputOffset())
	if rest := bytes.TrimLeft(data[end:], " \t\r\n"); len(rest) > 0 {
		return &FieldError{fieldBody, "must be one JSON object; something follows it at " + position(data, len(data)-len(rest))}
	}
	return nil
}

// position is an offset as an editor shows it.
func position(data []byte, offset int) string {
	before := data[:min(max(offset, 0), len(data))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column)
}

// objectFault finds the first thing in a JSON value that keeps it from being a
// message of the type, in the order of the text. path is where the value stands.
func objectFault(data json.RawMessage, t protoreflect.MessageType, path string) *FieldError {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return &FieldError{orBody(path), "must be a JSON object"}
	}
	seen := map[protoreflect.FieldNumber]bool{}
	chosen := map[protoreflect.FullName]bool{}
	for decoder.More() {
		token, err := decoder.Token()
		name, isName := token.(string)
		if err != nil || !isName {
			return nil
		}
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			return nil
		}
		field := fieldNamed(t.Descriptor(), name)
		if field == nil {
			return &FieldError{join(path, shownName(name)), "is not a field of this call's JSON"}
		}
		at := join(path, field.JSONName())
		if seen[field.Number()] {
			return &FieldError{at, "must be given once at most"}
		}
		seen[field.Number()] = true
		if string(value) == "null" {
			continue
		}
		if one := field.ContainingOneof(); one != nil {
			if chosen[one.FullName()] {
				return &FieldError{at, "can't be given together with another of " + oneofNames(one)}
			}
			chosen[one.FullName()] = true
		}
		if f := fieldFault(value, t, field, at); f != nil {
			return f
		}
	}
	return nil
}

// fieldFault looks into the value of one field of a message of type t.
func fieldFault(value json.RawMessage, t protoreflect.MessageType, field protoreflect.FieldDescriptor, at string) *FieldError {
	switch {
	case field.IsList():
		return listFault(value, t, field, at)
	case isObject(field):
		return objectFault(value, elementType(t, field), at)
	case !fits(t, field, string(value)):
		return &FieldError{at, expected(field)}
	}
	return nil
}

// listFault finds the first unfit element of a list. It halves the list until
// one is left: asking about each of a million elements would take seconds.
func listFault(value json.RawMessage, t protoreflect.MessageType, field protoreflect.FieldDescriptor, at string) *FieldError {
	if value[0] != '[' {
		return &FieldError{at, "must be a list; each element " + expected(field)}
	}
	if fits(t, field, string(value)) {
		return nil
	}
	starts, ends := elements(value)
	low, high := 0, len(ends)
	for high-low > 1 {
		middle := low + (high-low)/2
		if fits(t, field, "["+string(value[starts[low]:ends[middle-1]])+"]") {
			low = middle
		} else {
			high = middle
		}
	}
	if low == high {
		return nil
	}
	place := at + "[" + strconv.Itoa(low) + "]"
	if isObject(field) {
		return objectFault(value[starts[low]:ends[low]], elementType(t, field), place)
	}
	return &FieldError{place, expected(field)}
}

// elements tells where the elements of a JSON list begin and end.
func elements(list json.RawMessage) (starts, ends []int) {
	decoder := json.NewDecoder(bytes.NewReader(list))
	if _, err := decoder.Token(); err != nil {
		return nil, nil
	}
	var one json.RawMessage
	for decoder.More() {
		if decoder.Decode(&one) != nil {
			break
		}
		end := int(decoder.InputOffset())
		starts, ends = append(starts, end-len(one)), append(ends, end)
	}
	return starts, ends
}

// fits asks protojson itself about one field's value.
func fits(t protoreflect.MessageType, field protoreflect.FieldDescriptor, value string) bool {
	text := fmt.Sprintf("{%q:%s}", field.JSONName(), value)
	return protojson.Unmarshal([]byte(text), t.New().Interface()) == nil
}

// elementType is the Go type behind a field of messages.
func elementType(t protoreflect.MessageType, field protoreflect.FieldDescriptor) protoreflect.MessageType {
	if field.IsList() {
		return t.New().NewField(field).List().NewElement().Message().Type()
	}
	return t.New().NewField(field).Message().Type()
}

// isObject tells whether a field (or each of its elements) is a JSON object with
// fields of its own. Maps and the well-known types are judged whole.
func isObject(field protoreflect.FieldDescriptor) bool {
	return field.Kind() == protoreflect.MessageKind && !field.IsMap() &&
		field.Message().FullName().Parent() != "google.protobuf"
}

// fieldNamed finds a field by its JSON or its proto name.
func fieldNamed(m protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := m.Fields().ByJSONName(name); f != nil {
		return f
	}
	return m.Fields().ByTextName(name)
}

func oneofNames(one protoreflect.OneofDescriptor) string {
	var names []string
	for i := range one.Fields().Len() {
		names = append(names, one.Fields().Get(i).JSONName())
	}
	return strings.Join(names, ", ")
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func orBody(path string) string {
	if path == "" {
		return fieldBody
	}
	return path
}
