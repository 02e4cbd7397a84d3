package gateway

import (
	"net/netip"

	"github.com/keystile/keystile/server/access"
)

// Call is a client's request as its gateway tells of it. The zero Call presents
// no credential, and its request can't be read: it is refused.
type Call struct {
	Secret access.Secret
	// Carriers are the places that the credential was found in.
	Carriers Carriers
	// ClientIP is where the client is; the zero Addr is unknown.
	ClientIP netip.Addr
	// HTTP is the request.
	HTTP access.HTTPCall
	// Binding is what the gateway's operator has set.
	Binding Binding
	// Cookies is the client's Cookie header without the credential, when that came
	// in a cookie.
	Cookies string
	// Forged are headers of the client's that look like identity headers, as the
	// client spelled them. Only Envoy's gRPC service tells of them.
	Forged []string
}

// Carriers is a set of the places that a credential can come in.
type Carriers uint8

// The places of a credential.
const (
	InAuthorization Carriers = 1 << iota
	InAPIKey
	InQuery
	InCookie
)

// Has tells whether a place is in the set.
func (c Carriers) Has(place Carriers) bool { return c&place != 0 }
