package gateway

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// place is a message inside envoy.service.auth.v3.CheckRequest, or what is to be
// done with a field.
type place uint8

const (
	drop place = iota
	keep
	// header is an entry of the map of headers: {name = 1, value = 2}.
	header
	inCheckRequest
	inAttributes
	inRequest
	inHTTP
)

// rule says what becomes of a field of a message. What is not named goes: the peer
// at the other end, times, ids, the body, metadata. ReadEnvoy looks at none of it.
func (p place) rule(field protowire.Number) place {
	switch p {
	case inCheckRequest:
		return when(field == 1, inAttributes)
	case inAttributes:
		switch field {
		case 1, 10:
			// source, context_extensions
			return keep
		case 4:
			return inRequest
		}
	case inRequest:
		return when(field == 2, inHTTP)
	case inHTTP:
		switch field {
		case 2, 4, 5, 7, 13:
			// method, path, host, query, header_map
			return keep
		case 3:
			return header
		}
	case drop, keep, header:
	}
	return drop
}

func when(yes bool, p place) place {
	if yes {
		return p
	}
	return drop
}

// pruned gives an encoded CheckRequest without what ReadEnvoy does not look at. What
// can't be walked through is given back as it is, for the decoder to judge.
func pruned(wire []byte, names *Names) []byte {
	out, ok := prune(nil, wire, inCheckRequest, names)
	if !ok {
		return wire
	}
	return out
}

// lengthRoom is how many bytes the length of a message takes whose end is not known
// when it is begun: a varint may be longer than it has to be.
const lengthRoom = 5

func prune(out, wire []byte, p place, names *Names) ([]byte, bool) {
	for len(wire) > 0 {
		field, kind, n := protowire.ConsumeTag(wire)
		if n < 0 || field > protowire.MaxValidNumber {
			return nil, false
		}
		size := protowire.ConsumeFieldValue(field, kind, wire[n:])
		if size < 0 {
			return nil, false
		}
		whole, value := wire[:n+size], wire[n:n+size]
		wire = wire[n+size:]
		what := p.rule(field)
		switch {
		case what == drop:
		case what == keep || kind != protowire.BytesType:
			out = append(out, whole...)
		case what == header:
			content, _ := protowire.ConsumeBytes(value)
			if useful(content, names) {
				out = append(out, whole...)
			}
		default:
			content, _ := protowire.ConsumeBytes(value)
			out = protowire.AppendTag(out, field, kind)
			begin := len(out)
			out = append(out, make([]byte, lengthRoom)...)
			var ok bool
			if out, ok = prune(out, content, what, names); !ok {
				return nil, false
			}
			putLength(out[begin:begin+lengthRoom], len(out)-begin-lengthRoom)
		}
	}
	return out, true
}

// putLength writes a length in exactly the room there is.
func putLength(room []byte, length int) {
	for i := range room {
		room[i] = byte(length&0x7f) | 0x80
		length >>= 7
	}
	room[len(room)-1] &= 0x7f
}

// useful tells whether an entry of the map of headers may be one that ReadEnvoy
// looks at. One that is not plainly another is.
func useful(entry []byte, names *Names) bool {
	field, kind, n := protowire.ConsumeTag(entry)
	if n < 0 || field != 1 || kind != protowire.BytesType {
		return true
	}
	name, size := protowire.ConsumeBytes(entry[n:])
	if size < 0 {
		return true
	}
	if rest := entry[n+size:]; len(rest) > 0 {
		// A second name in the same entry would count in place of the first.
		field, kind, n := protowire.ConsumeTag(rest)
		if n < 0 || field != 2 || kind != protowire.BytesType || protowire.ConsumeFieldValue(field, kind, rest[n:]) != len(rest)-n {
			return true
		}
	}
	text := string(name)
	return slices.ContainsFunc(looked[:], func(h string) bool { return strings.EqualFold(h, text) }) || names.Forges(text)
}

// looked are the headers that ReadEnvoy looks at, in the map.
var looked = [...]string{headerAuthorization, headerAPIKey, headerCookie, headerOrigin, headerPreflightMethod}
