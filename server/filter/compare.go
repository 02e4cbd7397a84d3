package filter

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// kind is what a filter makes of a field's type.
type kind int

const (
	// isOpaque can be asked for its presence, and no more.
	isOpaque kind = iota
	isMessage
	isText
	isTruth
	isNumber
	isName
	isTime
	isDuration
)

func kindOf(f protoreflect.FieldDescriptor) kind {
	switch f.Kind() {
	case protoreflect.StringKind:
		return isText
	case protoreflect.BoolKind:
		return isTruth
	case protoreflect.EnumKind:
		return isName
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return isNumber
	case protoreflect.MessageKind:
		switch name := f.Message().FullName(); {
		case name == timestampName:
			return isTime
		case name == durationName:
			return isDuration
		case name.Parent() == "google.protobuf":
			return isOpaque
		}
		return isMessage
	default:
		return isOpaque
	}
}

// compare makes a test of a comparison with what stands at the place. The operator
// stands at a byte of the text.
func (p *place) compare(op string, at int, value literal) (Test, error) {
	k := p.kind()
	switch {
	case op == ":" && value.anything():
		return func(m protoreflect.Message, _ time.Time) bool { return p.present(m) }, nil
	case k == isMessage:
		return nil, fault(at, "%s is compared by a field inside it; by itself it can only be asked for with :*", p.name)
	case k == isOpaque:
		return nil, fault(at, "%s can only be asked for with :*", p.name)
	case p.many && op != ":":
		return nil, fault(at, "%s may hold many values and takes the operator : alone", p.name)
	case (k == isTruth || k == isName) && op != "=" && op != "!=" && op != ":":
		return nil, fault(at, "%s has no order and takes the operators =, != and : alone", p.name)
	}
	asked, err := p.asked(k, op, value)
	if err != nil {
		return nil, err
	}
	t := func(m protoreflect.Message, _ time.Time) bool { return p.some(m, asked) }
	if op == "!=" {
		return not(t), nil
	}
	return t, nil
}

// asked gives the question that a comparison asks of each value. For != it is that
// of =, so that the one is always the contrary of the other.
func (p *place) asked(k kind, op string, value literal) (func(protoreflect.Value) bool, error) {
	switch k {
	case isText:
		return p.text(op, value)
	case isTruth:
		if value.text != "true" && value.text != "false" {
			return nil, fault(value.offset, "%s is compared with true or false", p.name)
		}
		want := value.text == "true"
		return func(v protoreflect.Value) bool { return v.Bool() == want }, nil
	case isName:
		return p.enum(value)
	case isNumber:
		want, err := strconv.ParseInt(value.text, 10, 64)
		if err != nil {
			return nil, fault(value.offset, "%s is compared with a whole number of at most 64 bits", p.name)
		}
		return func(v protoreflect.Value) bool { return ordered(op, cmp.Compare(v.Int(), want)) }, nil
	case isTime:
		want, ok := readTime(value.text)
		if !ok {
			return nil, fault(value.offset, "%s is compared with a time, such as %s", p.name, timeForm)
		}
		return func(v protoreflect.Value) bool { return ordered(op, spanOf(v.Message()).compare(want)) }, nil
	case isDuration:
		want, ok := readDuration(value.text)
		if !ok {
			return nil, fault(value.offset, "%s is compared with a duration, such as %s", p.name, durationForm)
		}
		return func(v protoreflect.Value) bool { return ordered(op, spanOf(v.Message()).compare(durationSpan(want))) }, nil
	default:
		return nil, fault(value.offset, "%s can't be compared", p.name)
	}
}

// ordered tells what an operator makes of the order of two values.
func ordered(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	default:
		return order == 0
	}
}

// text compares byte by byte. In an equality, a star that was not escaped stands
// for any text at the beginning or end.
func (p *place) text(op string, value literal) (func(protoreflect.Value) bool, error) {
	want := value.text
	switch op {
	case "<", "<=", ">", ">=":
		return func(v protoreflect.Value) bool { return ordered(op, cmp.Compare(v.String(), want)) }, nil
	}
	var open, closed bool
	for _, at := range value.stars {
		switch at {
		case 0:
			open = true
		case len(want) - 1:
			closed = true
		default:
			return nil, fault(value.offset, `in the value for %s, a star stands for any text at the beginning or the end alone; the character itself is \* in quotes`, p.name)
		}
	}
	switch {
	case open && closed:
		inside := want[1 : len(want)-1]
		return func(v protoreflect.Value) bool { return strings.Contains(v.String(), inside) }, nil
	case open:
		return func(v protoreflect.Value) bool { return strings.HasSuffix(v.String(), want[1:]) }, nil
	case closed:
		return func(v protoreflect.Value) bool { return strings.HasPrefix(v.String(), want[:len(want)-1]) }, nil
	}
	return func(v protoreflect.Value) bool { return v.String() == want }, nil
}

func (p *place) enum(value literal) (func(protoreflect.Value) bool, error) {
	f := p.field
	if p.keyed {
		f = f.MapValue()
	}
	values := f.Enum().Values()
	if known := values.ByName(protoreflect.Name(value.text)); known != nil {
		want := known.Number()
		return func(v protoreflect.Value) bool { return v.Enum() == want }, nil
	}
	names := make([]string, values.Len())
	for i := range names {
		names[i] = string(values.Get(i).Name())
	}
	return nil, fault(value.offset, "%s is one of %s", p.name, strings.Join(names, ", "))
}
