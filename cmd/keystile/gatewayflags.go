package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/keystile/keystile/server/gateway"
)

// GatewayFlags say how gateways' questions are read and answered.
type GatewayFlags struct {
	TrustedProxies       string `help:"Proxies whose word on a client's address is taken: addresses and networks (CIDR), separated by commas; empty is none." env:"KEYSTILE_TRUSTED_PROXIES" default:"127.0.0.0/8,::1/128" placeholder:"CIDR,..."`
	IdentityHeaderPrefix string `help:"What the names of the identity headers begin with that upstreams get." env:"KEYSTILE_IDENTITY_HEADER_PREFIX" default:"X-Keystile-" placeholder:"PREFIX-"`
	CredentialQuery      string `help:"Query parameter of a gateway's request that may hold the key, too. URLs end up in logs: use it only for clients that can't do otherwise." env:"KEYSTILE_CREDENTIAL_QUERY" placeholder:"NAME"`
	CredentialCookie     string `help:"Cookie of a gateway's request that may hold the key, too." env:"KEYSTILE_CREDENTIAL_COOKIE" placeholder:"NAME"`
}

// gateway gives the flags as the doors take them.
func (f *GatewayFlags) gateway() (gateway.Options, error) {
	proxies, err := f.trustedProxies()
	if err != nil {
		return gateway.Options{}, fmt.Errorf("--trusted-proxies: %w", err)
	}
	if err := identityPrefix(f.IdentityHeaderPrefix); err != nil {
		return gateway.Options{}, fmt.Errorf("--identity-header-prefix: %w", err)
	}
	for _, name := range []struct{ flag, value string }{
		{"--credential-query", f.CredentialQuery}, {"--credential-cookie", f.CredentialCookie},
	} {
		if len(name.value) > maxName || strings.ContainsFunc(name.value, func(c rune) bool { return !unreserved(c) }) {
			return gateway.Options{}, fmt.Errorf("%s: must be a name of at most %d letters, digits and - . _ ~", name.flag, maxName)
		}
	}
	return gateway.Options{
		TrustedProxies: proxies, IdentityPrefix: f.IdentityHeaderPrefix,
		CredentialQuery: f.CredentialQuery, CredentialCookie: f.CredentialCookie,
	}, nil
}

// maxName bounds the names that requests are searched for.
const maxName = 64

// trustedProxies reads the list. A network that is written in two ways at once,
// or trusts the whole world, is a mistake.
func (f *GatewayFlags) trustedProxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	if strings.TrimSpace(f.TrustedProxies) == "" {
		return nil, nil
	}
	for entry := range strings.SplitSeq(f.TrustedProxies, ",") {
		p, err := network(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("%q %w", entry, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func network(entry string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(entry)
	switch {
	case err != nil:
		return netip.Prefix{}, errors.New("is neither an address nor a network such as 10.0.0.0/8")
	case p.Addr().Is4In6():
		return netip.Prefix{}, errors.New("is an IPv4 network written as IPv6: write it as IPv4")
	case p.Masked() != p:
		return netip.Prefix{}, fmt.Errorf("has bits set beyond its length: is %s meant?", p.Masked())
	case p.Bits() == 0:
		return netip.Prefix{}, errors.New("trusts everybody, so that no client's address would ever be known")
	}
	return p, nil
}
