package main

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object that keeps its members in the order they were set, so
// that the document reads in the order of the protos.
type object struct {
	names  []string
	values map[string]any
}

// obj makes an object of names and values in turn.
func obj(pairs ...any) *object {
	o := &object{values: map[string]any{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			panic("obj wants names and values in turn")
		}
		o.set(name, pairs[i+1])
	}
	return o
}

func (o *object) set(name string, value any) *object {
	if _, known := o.values[name]; !known {
		o.names = append(o.names, name)
	}
	o.values[name] = value
	return o
}

// setText sets a string unless it is empty.
func (o *object) setText(name, value string) *object {
	if value != "" {
		o.set(name, value)
	}
	return o
}

// child gives the object at name, made when it is not there.
func (o *object) child(name string) *object {
	if c, ok := o.values[name].(*object); ok {
		return c
	}
	c := obj()
	o.set(name, c)
	return c
}

// MarshalJSON writes the members in order.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := encode(o.values[name])
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal that leaves <, > and & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
