package gateway

import (
	"errors"
	"net/netip"
)

// ErrNoQuestion is what a question ends in that is no message at all.
var ErrNoQuestion = errors.New("the question is no encoded envoy.service.auth.v3.CheckRequest")

// ReadEnvoy reads the encoded question of Envoy's ext_authz gRPC service
// (envoy.service.auth.v3.CheckRequest), and of those that speak its protocol.
// Whatever the client has made of its request is a Call. Settings of the operator's
// that can't be read are an error, ErrMisconfigured, and so is what is no message,
// ErrNoQuestion.
//
// Headers come as a map, in which Envoy joins repetitions by commas, or as a list
// whose values stand in raw_value. Both are read, and names in any case.
//
// Envoy sends much that is of no use here, all of a client's headers among it, and
// decoding everything costs more than deciding. So the question is read where it
// lies, with the outcome that decoding has: of fields given twice the last one counts,
// and messages given twice are one. What is not looked at may be anything. The Call's
// texts are parts of wire.
func ReadEnvoy(wire string, o *Options, names *Names) (Call, error) {
	var room [usualHeaders]entry
	q := envoyQuestion{headers: envoyHeaders{options: o, names: names, inMap: entries{list: room[:0]}}}
	if !q.question(wire) {
		return Call{}, ErrNoQuestion
	}
	binding, err := readExtensions(q.extensions.list)
	if err != nil {
		return Call{}, err
	}
	call := Call{Binding: binding, ClientIP: q.clientIP()}
	call.HTTP.Method, call.HTTP.Host, call.HTTP.Path = q.method, q.host, q.path
	q.headers.tell(&call, q.query)
	call.bind()
	return call, nil
}

// usualHeaders is how many headers of use there are at the most, as a rule.
const usualHeaders = 8

// bind tells the request what the operator's settings mean for it.
func (c *Call) bind() { c.HTTP.Unrouted = c.Binding.Permission != "" }

// envoyQuestion is what is of use in a CheckRequest. Its methods read one message
// each, and are false where there is none.
type envoyQuestion struct {
	method, host, path, query string
	// source is where the client is; a peer on a pipe has none.
	source     string
	extensions entries
	headers    envoyHeaders
}

func (q *envoyQuestion) question(wire string) bool {
	m := message{rest: wire}
	for m.next() {
		if m.field == 1 && !q.attributes(m.content) {
			return false
		}
	}
	return !m.broken
}

func (q *envoyQuestion) attributes(wire string) bool {
	m := message{rest: wire}
	for ok := true; m.next(); {
		switch m.field {
		case 1:
			ok = q.peer(m.content)
		case 4:
			ok = q.request(m.content)
		case 10:
			// context_extensions
			var name, value string
			if name, value, ok = readEntry(m.content); ok {
				q.extensions.put(marked(name), marked(value))
			}
		}
		if !ok {
			return false
		}
	}
	return !m.broken
}

func (q *envoyQuestion) peer(wire string) bool {
	m := message{rest: wire}
	for ok := true; m.next(); {
		switch m.field {
		case 1:
			ok = q.address(m.content)
		case 3:
			// labels
			ok = wellFormed(m.content)
		}
		if !ok {
			return false
		}
	}
	return !m.broken
}

// address reads one of several kinds of address. The last one given counts.
func (q *envoyQuestion) address(wire string) bool {
	m := message{rest: wire}
	for ok := true; m.next(); {
		switch m.field {
		case 1:
			ok = q.socketAddress(m.content)
		case 2, 3:
			// a pipe, or a listener of Envoy's own
			q.source = ""
			ok = wellFormed(m.content)
		}
		if !ok {
			return false
		}
	}
	return !m.broken
}

func (q *envoyQuestion) socketAddress(wire string) bool {
	m := message{rest: wire}
	for m.next() {
		if m.field == 2 {
			q.source = marked(m.content)
		}
	}
	return !m.broken
}

// clientIP gives the client's address; the zero Addr where it has none.
func (q *envoyQuestion) clientIP() netip.Addr {
	addr, err := netip.ParseAddr(q.source)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func (q *envoyQuestion) request(wire string) bool {
	m := message{rest: wire}
	for m.next() {
		if m.field == 2 && !q.http(m.content) {
			return false
		}
	}
	return !m.broken
}

func (q *envoyQuestion) http(wire string) bool {
	m := message{rest: wire}
	for ok := true; m.next(); {
		switch m.field {
		case 2:
			q.method = marked(m.content)
		case 3:
			ok = q.headers.readMap(m.content)
		case 4:
			q.path = marked(m.content)
		case 5:
			q.host = marked(m.content)
		case 7:
			q.query = marked(m.content)
		case 13:
			ok = q.headers.readList(m.content)
		}
		if !ok {
			return false
		}
	}
	return !m.broken
}
