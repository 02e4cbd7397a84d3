package filter

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// place is where a path leads to in messages of one type.
type place struct {
	// name is the path as JSON has it, a map's key left out.
	name string
	// steps lead to the message that holds the field, through lists if need be.
	steps []protoreflect.FieldDescriptor
	field protoreflect.FieldDescriptor
	// key names a value of a map field, if keyed.
	key   string
	keyed bool
	// many tells that the path may lead to more than one value.
	many bool
}

// maxShown bounds what an error repeats of a name that is no field. It is shorter
// than any secret of ours.
const maxShown = 32

func fieldNamed(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := d.Fields().ByJSONName(name); f != nil {
		return f
	}
	return d.Fields().ByName(protoreflect.Name(name))
}

// resolve finds where a path leads to.
func resolve(d protoreflect.MessageDescriptor, path []segment) (*place, error) {
	var p place
	for i, seg := range path {
		var f protoreflect.FieldDescriptor
		if !seg.quoted {
			f = fieldNamed(d, seg.text)
		}
		if f == nil {
			return nil, unknown(p.name, seg)
		}
		p.name = strings.TrimPrefix(p.name+"."+f.JSONName(), ".")
		p.field = f
		p.many = p.many || f.IsList()
		rest := path[i+1:]
		if f.IsMap() {
			return p.into(seg, rest)
		}
		if len(rest) == 0 {
			return &p, nil
		}
		if kindOf(f) != isMessage {
			return nil, fault(rest[0].offset, "%s has no fields inside", p.name)
		}
		p.steps = append(p.steps, f)
		d = f.Message()
	}
	return &p, nil
}

// into ends a path that has come to a map.
func (p *place) into(at segment, rest []segment) (*place, error) {
	if p.field.MapKey().Kind() != protoreflect.StringKind {
		return nil, fault(at.offset, "%s can't be part of a filter: its keys are no text", p.name)
	}
	switch len(rest) {
	case 0:
		p.many = true
	case 1:
		p.key, p.keyed = rest[0].text, true
	default:
		return nil, fault(rest[1].offset, `%s holds no fields: a key with a dot in it stands in quotes, as in %s."a.b"`, p.name, p.name)
	}
	return p, nil
}

func unknown(inside string, seg segment) error {
	shown := " " + seg.text
	if seg.quoted || len(seg.text) > maxShown {
		shown = " of this name"
	}
	if inside != "" {
		inside = " in " + inside
	}
	return fault(seg.offset, "there is no field%s%s", shown, inside)
}

// kind gives the kind of what stands at the place.
func (p *place) kind() kind {
	switch {
	case p.keyed:
		return kindOf(p.field.MapValue())
	case p.field.IsMap():
		return isText
	}
	return kindOf(p.field)
}

// present tells whether the message holds the place: a field with another value
// than the default one of its type, a list or map that is not empty, a key.
func (p *place) present(m protoreflect.Message) bool {
	return p.holders(m, p.steps, func(m protoreflect.Message) bool {
		if p.keyed {
			return m.Get(p.field).Map().Has(p.mapKey())
		}
		return m.Has(p.field)
	})
}

// some tells whether one of the values at the place is as asked: elements of a
// list, keys of a map. What is absent has no value.
func (p *place) some(m protoreflect.Message, asked func(protoreflect.Value) bool) bool {
	return p.holders(m, p.steps, func(m protoreflect.Message) bool {
		switch {
		case p.keyed:
			v := m.Get(p.field).Map().Get(p.mapKey())
			return v.IsValid() && asked(v)
		case p.field.IsMap():
			found := false
			m.Get(p.field).Map().Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
				found = asked(k.Value())
				return !found
			})
			return found
		case p.field.IsList():
			return someElement(m.Get(p.field).List(), asked)
		case p.field.HasPresence() && !m.Has(p.field):
			return false
		}
		return asked(m.Get(p.field))
	})
}

func (p *place) mapKey() protoreflect.MapKey { return protoreflect.ValueOfString(p.key).MapKey() }

// holders tells whether one of the messages at the end of the steps is as asked.
func (p *place) holders(m protoreflect.Message, steps []protoreflect.FieldDescriptor, asked func(protoreflect.Message) bool) bool {
	if len(steps) == 0 {
		return asked(m)
	}
	step, rest := steps[0], steps[1:]
	if !m.Has(step) {
		return false
	}
	onward := func(v protoreflect.Value) bool { return p.holders(v.Message(), rest, asked) }
	if step.IsList() {
		return someElement(m.Get(step).List(), onward)
	}
	return onward(m.Get(step))
}

func someElement(list protoreflect.List, asked func(protoreflect.Value) bool) bool {
	for i := range list.Len() {
		if asked(list.Get(i)) {
			return true
		}
	}
	return false
}
