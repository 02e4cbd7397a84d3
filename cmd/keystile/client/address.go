package client

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// address is where a server is, and how to speak to it.
type address struct {
	// rest: JSON over HTTP; otherwise gRPC.
	rest bool
	// tls is how the connection is protected.
	tls bool
	// target is host:port for gRPC, and a URL without a trailing slash for REST.
	target string
}

// trust is what the person has said about the way to the server.
type trust struct {
	plaintext bool
	// caFile and certFile are files that TLS alone has a use for.
	caFile, certFile string
}

// flag names the flag that wants TLS; empty when none does.
func (t trust) flag() string {
	switch {
	case t.caFile != "":
		return "--tls-ca-file"
	case t.certFile != "":
		return "--tls-cert-file"
	}
	return ""
}

// parseAddress reads --server. A credential crosses the network in the clear
// only when the person says so; what does not leave the machine may.
func parseAddress(text string, t trust) (address, error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		scheme, rest = "grpc", text
	}
	switch scheme {
	case "grpc", "grpcs":
		return parseGRPC(scheme, rest, t)
	case "http", "https":
		return parseREST(text, t)
	}
	return address{}, usagef("--server: %q is none of grpc://, grpcs://, http://, https://", scheme+"://")
}

func parseGRPC(scheme, hostport string, t trust) (address, error) {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil || host == "" || port == "" {
		return address{}, usagef("--server: a gRPC address is HOST:PORT, such as 127.0.0.1:9090")
	}
	a := address{target: hostport, tls: true}
	switch {
	case t.plaintext && scheme == "grpcs":
		return address{}, usagef("--plaintext contradicts grpcs://")
	case t.plaintext && t.flag() != "":
		return address{}, usagef("--plaintext contradicts %s", t.flag())
	case scheme == "grpcs", t.flag() != "":
	case t.plaintext, loopback(host):
		a.tls = false
	}
	return a, nil
}

func parseREST(text string, t trust) (address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		// The error of url.Parse repeats the text, which may hold a password.
		return address{}, usagef("--server: a REST address is a URL without user, query and fragment, such as http://127.0.0.1:8080")
	}
	a := address{rest: true, tls: u.Scheme == "https", target: strings.TrimRight(u.String(), "/")}
	switch {
	case a.tls && t.plaintext:
		return address{}, usagef("--plaintext contradicts https://")
	case !a.tls && t.flag() != "":
		return address{}, usagef("%s needs https://", t.flag())
	case !a.tls && !t.plaintext && !loopback(u.Hostname()):
		f := usagef("--server: http:// would send the key in the clear to another machine")
		f.remedy = "Use https://, or say --plaintext if the network is yours alone."
		return address{}, f
	}
	return a, nil
}

// loopback tells whether a host is this machine. Of names, only localhost is:
// any other may resolve to something else tomorrow.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
