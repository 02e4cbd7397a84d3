package gateway

import (
	"net/http"
	"net/netip"
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
func ReadExtAuthz(r *http.Request, o *Options) (Call, error) {
	call := Call{Binding: Binding{Cost: 1}}
	path, ok := strings.CutPrefix(r.RequestURI, ExtAuthzPath)
	if !ok {
		return Call{}, misconfigured{"the path must begin with " + ExtAuthzPath}
	}
	call.HTTP = access.HTTPCall{Method: r.Method, Host: r.Host, Path: path}
	call.client(r, o)
	return call, nil
}

// ReadForwardAuth reads the question of a gateway that forwards method, host and
// URI in headers of its own, as Caddy, Traefik and HAProxy do.
func ReadForwardAuth(r *http.Request, o *Options) (Call, error) {
	host, given := single(r.Header, forwardedHost)
	if !given {
		return Call{}, misconfigured{"the gateway does not send " + forwardedHost}
	}
	return told(r, o, forwardedMethod, forwardedURI, host, false)
}

// ReadAuthRequest reads the question of nginx's auth_request module, whose
// configuration names the headers, and passes the client's Host on.
func ReadAuthRequest(r *http.Request, o *Options) (Call, error) {
	return told(r, o, originalMethod, originalURI, r.Host, true)
}

// told reads what a gateway tells of a request in headers. One that is missing
// can only be missing in the gateway's configuration; one that is there twice is
// a trick of the client's, and the request is then not readable.
func told(r *http.Request, o *Options, methodHeader, uriHeader, host string, limitStatus bool) (Call, error) {
	_, query, _ := strings.Cut(r.RequestURI, "?")
	binding, err := readArguments(query, limitStatus)
	if err != nil {
		return Call{}, err
	}
	uri, given := single(r.Header, uriHeader)
	if !given {
		return Call{}, misconfigured{"the gateway does not send " + uriHeader}
	}
	method, given := single(r.Header, methodHeader)
	if !given {
		return Call{}, misconfigured{"the gateway does not send " + methodHeader}
	}
	call := Call{Binding: binding, HTTP: access.HTTPCall{Method: method, Host: host, Path: uri}}
	call.client(r, o)
	call.bind()
	return call, nil
}

// unreadable is what a header that stands there twice is taken for: no method, no
// host and no path has a blank in it.
const unreadable = " "

// single gives a header's one value; given is false without any.
func single(h http.Header, name string) (value string, given bool) {
	values := h[name]
	switch len(values) {
	case 0:
		return "", false
	case 1:
		return values[0], true
	}
	return unreadable, true
}

// client reads what the client itself has sent along.
func (c *Call) client(r *http.Request, o *Options) {
	var presented credential
	for _, v := range r.Header["Authorization"] {
		presented.authorization(v)
	}
	for _, v := range r.Header["X-Api-Key"] {
		presented.apiKey(v)
	}
	if o.CredentialCookie != "" {
		for _, v := range r.Header["Cookie"] {
			presented.cookie(v, o.CredentialCookie)
		}
	}
	presented.query(c.HTTP.Path, o.CredentialQuery)
	c.Secret, c.Carriers = presented.secret(), presented.carriers

	if c.HTTP.Method == http.MethodOptions {
		p := preflight{origin: r.Header.Get(headerOrigin)}
		for _, v := range r.Header["Access-Control-Request-Method"] {
			p.ask(v)
		}
		c.HTTP.Preflight = p.method()
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil {
		c.ClientIP = ClientAddress(peer.Addr(), r.Header[forwardedFor], o.TrustedProxies)
	}
}

// ReadCaller gives the key that a gateway presents as its own.
func ReadCaller(h http.Header) access.Secret {
	value, _ := single(h, HeaderCaller)
	return access.ParseSecret(value)
}
