package gateway

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// ReadEnvoy reads the question of Envoy's ext_authz gRPC service
// (envoy.service.auth.v3.CheckRequest), and of those that speak its protocol.
// Whatever the client has made of its request is a Call: only settings of the
// operator's that can't be read are an error, ErrMisconfigured.
//
// Headers come as a map, in which Envoy joins repetitions by commas, or as a list
// whose values stand in raw_value. Both are read, and names in any case.
func ReadEnvoy(req *authv3.CheckRequest, o *Options, names *Names) (Call, error) {
	attributes := req.GetAttributes()
	binding, err := readExtensions(attributes.GetContextExtensions())
	if err != nil {
		return Call{}, err
	}
	call := Call{Binding: binding, ClientIP: socketAddress(attributes.GetSource().GetAddress())}
	request := attributes.GetRequest().GetHttp()
	call.HTTP.Method, call.HTTP.Host, call.HTTP.Path = request.GetMethod(), request.GetHost(), request.GetPath()

	headers := envoyHeaders{call: &call, options: o, names: names}
	for name, value := range request.GetHeaders() {
		headers.read(name, value, true)
	}
	for _, h := range request.GetHeaderMap().GetHeaders() {
		if raw := h.GetRawValue(); len(raw) > 0 {
			headers.read(h.GetKey(), string(raw), false)
		} else {
			headers.read(h.GetKey(), h.GetValue(), false)
		}
	}
	if headers.altered {
		call.HTTP.Path = unreadable
	}
	headers.credential.query(call.HTTP.Path, o.CredentialQuery)
	if query := request.GetQuery(); query != "" {
		// Envoy leaves it empty; some others put the query here.
		headers.credential.query("?"+query, o.CredentialQuery)
	}
	call.Secret, call.Carriers = headers.credential.secret(), headers.credential.carriers
	call.HTTP.Preflight = headers.preflight.method()
	call.bind()
	return call, nil
}

// bind tells the request what the operator's settings mean for it.
func (c *Call) bind() { c.HTTP.Unrouted = c.Binding.Permission != "" }

// envoyHeaders gathers what is of use in a client's headers.
type envoyHeaders struct {
	call       *Call
	options    *Options
	names      *Names
	credential credential
	preflight  preflight
	// altered is true when a pseudo-header is not what the request is said to be.
	altered bool
}

func (e *envoyHeaders) read(name, value string, fromMap bool) {
	switch {
	case strings.HasPrefix(name, ":"):
		e.altered = e.altered || !fromMap && value != e.told(name, value) && !utf8.ValidString(value)
	case strings.EqualFold(name, headerAuthorization):
		e.list(value, fromMap, e.credential.authorization)
	case strings.EqualFold(name, headerAPIKey):
		e.list(value, fromMap, e.credential.apiKey)
	case strings.EqualFold(name, headerCookie) && e.options.CredentialCookie != "":
		rest := e.credential.cookie(value, e.options.CredentialCookie)
		e.call.Cookies = strings.Trim(e.call.Cookies+"; "+rest, "; ")
	case strings.EqualFold(name, headerOrigin):
		e.preflight.origin = value
	case strings.EqualFold(name, headerPreflightMethod):
		e.preflight.ask(value)
	case e.names.Forges(name):
		e.call.Forged = append(e.call.Forged, name)
	}
}

// told gives what the request is said to have for a pseudo-header, whose value is
// given for those that don't matter. Where text is wanted, Envoy writes '!' for
// each byte that is no UTF-8: only the raw headers show what it will send on, and
// what is judged must be that.
func (e *envoyHeaders) told(name, value string) string {
	switch name {
	case ":method":
		return e.call.HTTP.Method
	case ":authority":
		return e.call.HTTP.Host
	case ":path":
		return e.call.HTTP.Path
	}
	return value
}

func (e *envoyHeaders) list(value string, fromMap bool, read func(string)) {
	if fromMap {
		joined(value, read)
		return
	}
	read(value)
}

// socketAddress gives the client's address; a peer on a pipe has none.
func socketAddress(a *corev3.Address) netip.Addr {
	addr, err := netip.ParseAddr(a.GetSocketAddress().GetAddress())
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
