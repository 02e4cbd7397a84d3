package filter_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	_ "google.golang.org/protobuf/types/known/timestamppb" // Box has times

	"github.com/keystile/keystile/server/filter"
)

// box has fields of the shapes that no message of the contract has so far.
const box = `
name: "box.proto" package: "box" syntax: "proto3" dependency: "google/protobuf/timestamp.proto"
enum_type { name: "Color" value { name: "NONE" number: 0 } value { name: "RED" number: 1 } }
message_type {
  name: "Box"
  field { name: "raw" number: 1 type: TYPE_BYTES label: LABEL_OPTIONAL }
  field { name: "weight" number: 2 type: TYPE_DOUBLE label: LABEL_OPTIONAL }
  field { name: "size" number: 3 type: TYPE_UINT32 label: LABEL_OPTIONAL }
  field { name: "left" number: 4 type: TYPE_SINT32 label: LABEL_OPTIONAL proto3_optional: true oneof_index: 0 }
  field { name: "times" number: 5 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".google.protobuf.Timestamp" }
  field { name: "colors" number: 6 type: TYPE_ENUM label: LABEL_REPEATED type_name: ".box.Color" }
  field { name: "by_number" number: 7 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".box.Box.ByNumberEntry" }
  field { name: "painted" number: 8 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".box.Box.PaintedEntry" }
  field { name: "opened" number: 9 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".box.Box.OpenedEntry" }
  field { name: "inner" number: 10 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".box.Box" }
  field { name: "named" number: 11 type: TYPE_MESSAGE label: LABEL_REPEATED type_name: ".box.Box.NamedEntry" }
  nested_type { name: "ByNumberEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_INT32 label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL } }
  nested_type { name: "PaintedEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_ENUM label: LABEL_OPTIONAL type_name: ".box.Color" } }
  nested_type { name: "OpenedEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".google.protobuf.Timestamp" } }
  nested_type { name: "NamedEntry" options { map_entry: true }
    field { name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL }
    field { name: "value" number: 2 type: TYPE_MESSAGE label: LABEL_OPTIONAL type_name: ".box.Box" } }
  oneof_decl { name: "_left" }
}`

func boxType(t *testing.T) protoreflect.MessageDescriptor {
	t.Helper()
	var file descriptorpb.FileDescriptorProto
	if err := prototext.Unmarshal([]byte(box), &file); err != nil {
		t.Fatal(err)
	}
	d, err := protodesc.NewFile(&file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return d.Messages().ByName("Box")
}

func boxOf(t *testing.T, d protoreflect.MessageDescriptor, text string) proto.Message {
	t.Helper()
	m := dynamicpb.NewMessage(d)
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOtherShapes(t *testing.T) {
	d := boxType(t)
	c := cases{t, boxOf(t, d, `
		raw: "x" times { seconds: 5 } times { seconds: 9 nanos: 1 } colors: [NONE, RED] by_number { key: 1 value: "a" }
		painted { key: "lid" value: RED } opened { key: "ada" value { seconds: 7 } } inner { left: 3 } inner { left: 0 inner { weight: 1 } }
		named { key: "n" value { size: 1 } }
	`)}
	c.finds(`raw:* NOT weight:* NOT size:*`)
	c.finds(`times:"1970-01-01T00:00:05Z"`)
	c.passes(`times:"1970-01-01T00:00:06Z"`)
	c.finds(`colors:RED colors:NONE`)
	c.finds(`painted.lid = RED painted.floor != RED painted:lid`)
	c.passes(`painted.floor = NONE`)
	c.finds(`opened.ada < 1970-01-01T00:00:08Z`)
	c.finds(`named.n:* NOT named.m:*`)
	// A field that is set to its default value is not a field that is absent.
	c.passes(`left = 0`)
	c.passes(`left:*`)
	c.finds(`inner.left:0 inner.left:3 inner.left:*`)
	c.finds(`inner.inner.weight:*`)
	c.passes(`inner.inner.inner.weight:*`)

	for text, want := range map[string]string{
		`raw = x`:          "at byte 4: raw can only be asked for with :*",
		`weight > 1`:       "at byte 7: weight can only be asked for with :*",
		`size = 1`:         "at byte 5: size can only be asked for with :*",
		`byNumber:1`:       "at byte 0: byNumber can't be part of a filter: its keys are no text",
		`byNumber.1 = a`:   "at byte 0: byNumber can't be part of a filter: its keys are no text",
		`painted.lid = X`:  "at byte 14: painted is one of NONE, RED",
		`named.n.size = 1`: `at byte 8: named holds no fields: a key with a dot in it stands in quotes, as in named."a.b"`,
		`named.n = 1`:      "at byte 8: named is compared by a field inside it; by itself it can only be asked for with :*",
		`unusedSince = 1d`: "at byte 14: unusedSince can't be asked of this list, which keeps no lastUsedTime",
	} {
		if _, err := filter.Parse(text, d, filter.Options{}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// Two descriptors of one name are two types: a field of the one can't be read from
// a message of the other.
func TestATwinIsAnotherType(t *testing.T) {
	first, second := boxType(t), boxType(t)
	f, err := filter.Parse(`left != 1`, first, filter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Matches(dynamicpb.NewMessage(first), time.Time{}) || f.Matches(dynamicpb.NewMessage(second), time.Time{}) {
		t.Error("a filter is for messages of the type it was made for, and for no other")
	}
}
