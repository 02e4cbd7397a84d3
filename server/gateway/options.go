package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// DefaultIdentityPrefix is what the names of identity headers begin with.
const DefaultIdentityPrefix = "X-Keystile-"

// Options say how gateways' questions are read and answered. The zero value
// trusts no proxy, and takes credentials from headers alone.
type Options struct {
	// TrustedProxies are the networks whose word on a client's address is taken.
	TrustedProxies []netip.Prefix
	// IdentityPrefix begins the names of the identity headers; empty is
	// DefaultIdentityPrefix. It must be a header-name token that ends in '-'.
	IdentityPrefix string
	// CredentialQuery and CredentialCookie name a query parameter and a cookie of
	// the client's request that may hold the key; empty is none.
	CredentialQuery  string
	CredentialCookie string
}

// Names are the identity headers that an upstream gets.
type Names struct {
	Tenant, User, Key, Roles, API, Decision string

	// canonical are the same as net/http writes them, lower as HTTP/2 and Envoy do,
	// and underscored are the commonest other spelling.
	canonical, lower, underscored [6]string
	// prefix is what forged ones begin with, in lower case with every separator
	// as '-'.
	prefix string
	// room is what an answer to Envoy takes for the names.
	room int
}

// Names gives the identity headers' names.
func (o *Options) Names() Names {
	p := o.IdentityPrefix
	if p == "" {
		p = DefaultIdentityPrefix
	}
	n := Names{
		Tenant: p + "Tenant", User: p + "User", Key: p + "Key", Roles: p + "Roles", API: p + "Api", Decision: p + "Decision",
		prefix: strings.Map(plainer, p), room: answerRoom,
	}
	for i, name := range n.all() {
		n.canonical[i] = http.CanonicalHeaderKey(name)
		n.lower[i] = strings.ToLower(name)
		n.underscored[i] = strings.ReplaceAll(n.lower[i], "-", "_")
		n.room += headerRoom + 2*len(name)
	}
	return n
}

// decisionName is the place of Decision among all names.
const decisionName = 5

// all gives the names in the order in which they are sent.
func (n *Names) all() [6]string {
	return [...]string{n.Tenant, n.User, n.Key, n.Roles, n.API, n.Decision}
}

// Forges tells whether a client's header could be taken for an identity header:
// frameworks that turn names into variables see '-', '_' and '.' alike, whatever
// the case.
func (n *Names) Forges(header string) bool {
	if len(header) < len(n.prefix) {
		return false
	}
	for i := range len(n.prefix) {
		if plainer(rune(header[i])) != rune(n.prefix[i]) {
			return false
		}
	}
	return true
}

// plainer makes the spellings of a header name alike.
func plainer(c rune) rune {
	switch {
	case c >= 'A' && c <= 'Z':
		return c + 'a' - 'A'
	case c == '_' || c == '.':
		return '-'
	}
	return c
}
