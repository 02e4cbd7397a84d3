package gateway

import (
	"strings"
	"unicode/utf8"
)

// use says what a header of the client's is of use for.
type use uint8

const (
	noUse use = iota
	// pseudo headers are what HTTP/2 has of a request beside its headers.
	pseudo
	asAuthorization
	asAPIKey
	asCookie
	asOrigin
	asPreflightMethod
	// asForged is for what could be taken for an identity header.
	asForged
)

// envoyHeaders gathers what is of use in a client's headers.
type envoyHeaders struct {
	options *Options
	names   *Names
	// inMap are those of the map, and inList those of the list.
	inMap  entries
	inList []entry

	credential credential
	preflight  preflight
	cookies    string
	forged     []string
	// altered is true when a pseudo-header is not what the request is said to be.
	altered bool
}

// of tells what a header is of use for, by its name in any case. No letter that a
// name begins with here has a third form beside its upper and lower case.
func (e *envoyHeaders) of(name string) use {
	if name == "" {
		return noUse
	}
	switch name[0] {
	case ':':
		return pseudo
	case 'a', 'A':
		if strings.EqualFold(name, headerAuthorization) {
			return asAuthorization
		}
		if strings.EqualFold(name, headerPreflightMethod) {
			return asPreflightMethod
		}
	case 'x', 'X':
		if strings.EqualFold(name, headerAPIKey) {
			return asAPIKey
		}
	case 'c', 'C':
		if e.options.CredentialCookie != "" && strings.EqualFold(name, headerCookie) {
			return asCookie
		}
	case 'o', 'O':
		if strings.EqualFold(name, headerOrigin) {
			return asOrigin
		}
	}
	if e.names.Forges(name) {
		return asForged
	}
	return noUse
}

// readMap reads an entry of the map of headers. Its pseudo-headers are what the
// request is said to be.
func (e *envoyHeaders) readMap(wire string) bool {
	name, value, ok := readEntry(wire)
	if !ok {
		return false
	}
	if what := e.of(name); what != noUse && what != pseudo {
		e.inMap.put(marked(name), marked(value))
	}
	return true
}

// readList reads a list of headers.
func (e *envoyHeaders) readList(wire string) bool {
	m := message{rest: wire}
	for m.next() {
		if m.field == 1 && !e.readListed(m.content) {
			return false
		}
	}
	return !m.broken
}

func (e *envoyHeaders) readListed(wire string) bool {
	var name, value, raw string
	m := message{rest: wire}
	for m.next() {
		switch m.field {
		case 1:
			name = m.content
		case 2:
			value = m.content
		case 3:
			raw = m.content
		}
	}
	if raw == "" {
		raw = marked(value)
	}
	if what := e.of(name); what != noUse && (what != pseudo || !utf8.ValidString(raw)) {
		e.inList = append(e.inList, entry{marked(name), raw})
	}
	return !m.broken
}

// tell tells a call of its headers, whose request is known by now.
func (e *envoyHeaders) tell(call *Call, query string) {
	for i := range e.inMap.list {
		e.read(call, &e.inMap.list[i], true)
	}
	for i := range e.inList {
		e.read(call, &e.inList[i], false)
	}
	if e.altered {
		call.HTTP.Path = unreadable
	}
	e.credential.query(call.HTTP.Path, e.options.CredentialQuery)
	if query != "" {
		// Envoy leaves it empty; some others put the query here.
		e.credential.query("?"+query, e.options.CredentialQuery)
	}
	call.Secret, call.Carriers = e.credential.secret(), e.credential.carriers
	call.Cookies, call.Forged = e.cookies, e.forged
	call.HTTP.Preflight = e.preflight.method()
}

func (e *envoyHeaders) read(call *Call, h *entry, fromMap bool) {
	switch e.of(h.name) {
	case pseudo:
		e.altered = e.altered || h.value != said(call, h)
	case asAuthorization:
		e.list(h.value, fromMap, e.credential.authorization)
	case asAPIKey:
		e.list(h.value, fromMap, e.credential.apiKey)
	case asCookie:
		rest := e.credential.cookie(h.value, e.options.CredentialCookie)
		e.cookies = strings.Trim(e.cookies+"; "+rest, "; ")
	case asOrigin:
		e.preflight.origin = h.value
	case asPreflightMethod:
		e.preflight.ask(h.value)
	case asForged:
		e.forged = append(e.forged, h.name)
	case noUse:
	}
}

// said gives what the request is said to have for a pseudo-header, whose value is
// given for those that don't matter. Where text is wanted, Envoy writes '!' for
// each byte that is no UTF-8: only the raw headers show what it will send on, and
// what is judged must be that.
func said(call *Call, h *entry) string {
	switch h.name {
	case ":method":
		return call.HTTP.Method
	case ":authority":
		return call.HTTP.Host
	case ":path":
		return call.HTTP.Path
	}
	return h.value
}

func (e *envoyHeaders) list(value string, fromMap bool, read func(string)) {
	if fromMap {
		joined(value, read)
		return
	}
	read(value)
}
