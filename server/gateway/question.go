package gateway

import (
	"net/http"
	"net/netip"
)

// Question is what a gateway asks over HTTP, as far as the doors read it. It is
// the same whoever has read the request off the connection.
type Question struct {
	// Method, Target and Host are the request's as they were written.
	Method, Target, Host string
	// Headers are all the others that came.
	Headers Headers
	// Peer is who is at the other end of the connection; the zero Addr is unknown.
	Peer netip.Addr
	// Verified tells that the peer has shown a certificate of a known authority.
	Verified bool
}

// Headers are those of one request. http.Header is one.
type Headers interface {
	// Values gives what the headers of that name hold, in the order in which they
	// came. The name is one as net/http writes it, and what is given must not be
	// changed.
	Values(name string) []string
}

// QuestionOf gives the question that a request of net/http holds.
func QuestionOf(r *http.Request) Question {
	q := Question{
		Method: r.Method, Target: r.RequestURI, Host: r.Host, Headers: r.Header,
		Verified: r.TLS != nil && len(r.TLS.VerifiedChains) > 0,
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		q.Peer = peer.Addr().Unmap().WithZone("")
	}
	return q
}
