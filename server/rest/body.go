package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// errRefused tells the generated code to stop; what to answer stands in the
// exchange.
var errRefused = errors.New("request refused")

// body is a request's body together with what it must agree with. The marshaler
// gets it as the reader it decodes from.
type body struct {
	io.Reader
	exchange *exchange
}

// Close lets a body stand in a request; the server closes the real one.
func (*body) Close() error { return nil }

// decode fills v, which the generated code gives as a message or as a pointer to
// a pointer to one.
func (b *body) decode(v any) error {
	message, err := messageIn(v)
	if err != nil {
		return err
	}
	if p := b.read(message); p != nil {
		b.exchange.refusal = p
		return errRefused
	}
	return nil
}

func (b *body) read(message proto.Message) *Problem {
	data, err := io.ReadAll(b.Reader)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return bodyTooLarge(tooLarge.Limit)
	}
	if err != nil {
		return invalid(fieldBody, "could not be read to its end")
	}
	if len(data) == 0 && b.exchange.route.bodyOptional {
		return nil
	}
	if p := crowded(data); p != nil {
		return p
	}
	if fault := readJSON(data, message); fault != nil {
		return invalid(fault.Field, fault.Message)
	}
	return b.agreesWithPath(message.ProtoReflect())
}

// agreesWithPath refuses a body that names another record than the path does.
// The generated code would let the path win in silence. A parameter such as
// "update.key.id" stands inside the body where the route's body is "update", and
// as a whole where it is "*".
func (b *body) agreesWithPath(m protoreflect.Message) *Problem {
	for param, value := range b.exchange.params {
		inside := strings.TrimPrefix(param, b.exchange.route.body+".")
		given, shown := textAt(m, strings.Split(inside, "."))
		if given != "" && given != value {
			return invalid(shown, "differs from the id in the path")
		}
	}
	return nil
}

// textAt reads the string at a path of field names, and gives the path as it
// stands in JSON.
func textAt(m protoreflect.Message, names []string) (value, shown string) {
	for i, name := range names {
		field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if field == nil || !m.Has(field) {
			return "", ""
		}
		shown = join(shown, field.JSONName())
		if i == len(names)-1 {
			return m.Get(field).String(), shown
		}
		m = m.Get(field).Message()
	}
	return "", ""
}

func messageIn(v any) (proto.Message, error) {
	if m, ok := v.(proto.Message); ok {
		return m, nil
	}
	if outer := reflect.ValueOf(v); outer.Kind() == reflect.Pointer && outer.Elem().Kind() == reflect.Pointer {
		inner := outer.Elem()
		if inner.IsNil() {
			inner.Set(reflect.New(inner.Type().Elem()))
		}
		if m, ok := inner.Interface().(proto.Message); ok {
			return m, nil
		}
	}
	return nil, fmt.Errorf("can't decode JSON into %T", v)
}

// present tells whether there is at least one byte.
func present(r *http.Request) bool {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return false
	}
	n, err := io.ReadFull(r.Body, make([]byte, 1))
	return n > 0 || err != nil && !errors.Is(err, io.EOF)
}

// jsonMarshaler is the one form that this door speaks, whatever Content-Type a
// client names. What is false, zero or empty is written, so that a reader finds
// "allowed":false and need not know what a missing member means.
type jsonMarshaler struct{}

func (jsonMarshaler) ContentType(any) string { return "application/json" }

func (jsonMarshaler) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("can't write %T as JSON", v)
	}
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// protojson varies its blanks from build to build; answers should not.
	var tight bytes.Buffer
	if err := json.Compact(&tight, text); err != nil {
		return nil, err
	}
	return tight.Bytes(), nil
}

func (jsonMarshaler) Unmarshal(data []byte, v any) error {
	m, err := messageIn(v)
	if err != nil {
		return err
	}
	if readJSON(data, m) != nil {
		return errRefused
	}
	return nil
}

func (jsonMarshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, ok := r.(*body)
		if !ok {
			return fmt.Errorf("can't decode from %T", r)
		}
		return b.decode(v)
	})
}

func (j jsonMarshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		text, err := j.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
}
