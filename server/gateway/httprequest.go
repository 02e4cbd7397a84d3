package gateway

import (
	"net/http"
	"strings"

	"github.com/keystile/keystile/server/access"
)

// The paths of the doors on the HTTP listener.
const (
	// ExtAuthzPath is what Envoy's HTTP service puts before the client's path.
	ExtAuthzPath = "/ext-authz"
	// ForwardAuthPath is where Caddy, Traefik and HAProxy ask.
	ForwardAuthPath = "/forward-auth"
	// AuthRequestPath is where nginx asks.
	AuthRequestPath = "/auth-request"
)

// HeaderCaller is where a gateway presents a key of its own, if it needs one. It
// is set on the question alone, and never goes to an upstream.
const HeaderCaller = "X-Keystile-Caller"

// The headers by which gateways tell of a request, as net/http writes them. Each
// reader below reads its own alone.
const (
	forwardedMethod = "X-Forwarded-Method"
	forwardedHost   = "X-Forwarded-Host"
	forwardedURI    = "X-Forwarded-Uri"
	forwardedFor    = "X-Forwarded-For"
	originalMethod  = "X-Original-Method"
	originalURI     = "X-Original-Uri"
)

// ReadExtAuthz reads the question of Envoy's ext_authz HTTP service: the client's
// own request without its body, its path behind ExtAuthzPath. Nothing can be set
// here, as the query is the client's.
func ReadExtAuthz(q *Question, o *Options) (Call, error) {
	call := Call{Binding: Binding{Cost: 1}}
	path, ok := strings.CutPrefix(q.Target, ExtAuthzPath)
	if !ok {
		return Call{}, misconfigured{"the path must begin with " + ExtAuthzPath}
	}
	call.HTTP = access.HTTPCall{Method: q.Method, Host: q.Host, Path: path}
	call.client(q, o)
	return call, nil
}

// ReadForwardAuth reads the question of a gateway that forwards method, host and
// URI in headers of its own, as Caddy, Traefik and HAProxy do.
func ReadForwardAuth(q *Question, o *Options) (Call, error) {
	host, given := single(q.Headers, forwardedHost)
	if !given {
		return Call{}, misconfigured{"the gateway does not send " + forwardedHost}
	}
	return told(q, o, forwardedMethod, forwardedURI, host, false)
}

// ReadAuthRequest reads the question of nginx's auth_request module, whose
// configuration names the headers, and passes the client's Host on.
func ReadAuthRequest(q *Question, o *Options) (Call, error) {
	return told(q, o, originalMethod, originalURI, q.Host, true)
}

// told reads what a gateway tells of a request in headers. One that is missing
// can only be missing in the gateway's configuration; one that is there twice is
// a trick of the client's, and the request is then not readable.
func told(q *Question, o *Options, methodHeader, uriHeader, host string, limitStatus bool) (Call, error) {
	_, query, _ := strings.Cut(q.Target, "?")
	binding, err := readArguments(query, limitStatus)
	if err != nil {
		return Call{}, err
	}
	uri, given := single(q.Headers, uriHeader)
	if !given {
		return Call{}, misconfigured{"the gateway does not send " + uriHeader}
	}
	method, given := single(q.Headers, methodHeader)
	if !given {
		return Call{}, misconfigured{"the gateway does not send " + methodHeader}
	}
	call := Call{Binding: binding, HTTP: access.HTTPCall{Method: method, Host: host, Path: uri}}
	call.client(q, o)
	call.bind()
	return call, nil
}

// unreadable is what a header that stands there twice is taken for: no method, no
// host and no path has a blank in it.
const unreadable = " "

// single gives a header's one value; given is false without any.
func single(h Headers, name string) (value string, given bool) {
	values := h.Values(name)
	switch len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	}
	return unreadable, true
}

// client reads what the client itself has sent along.
func (c *Call) client(q *Question, o *Options) {
	var presented credential
	for _, v := range q.Headers.Values("Authorization") {
		presented.authorization(v)
	}
	for _, v := range q.Headers.Values("X-Api-Key") {
		presented.apiKey(v)
	}
	if o.CredentialCookie != "" {
		for _, v := range q.Headers.Values("Cookie") {
			presented.cookie(v, o.CredentialCookie)
		}
	}
	presented.query(c.HTTP.Path, o.CredentialQuery)
	c.Secret, c.Carriers = presented.secret(), presented.carriers

	if c.HTTP.Method == http.MethodOptions {
		var p preflight
		if origins := q.Headers.Values("Origin"); len(origins) > 0 {
			p.origin = origins[0]
		}
		for _, v := range q.Headers.Values("Access-Control-Request-Method") {
			p.ask(v)
		}
		c.HTTP.Preflight = p.method()
	}
	c.ClientIP = ClientAddress(q.Peer, q.Headers.Values(forwardedFor), o.TrustedProxies)
}

// ReadCaller gives the key that a gateway presents as its own.
func ReadCaller(h Headers) access.Secret {
	value, _ := single(h, HeaderCaller)
	return access.ParseSecret(value)
}
