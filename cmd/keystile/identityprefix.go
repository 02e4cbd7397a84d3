package main

import (
	"errors"
	"fmt"
	"strings"
)

// maxPrefix bounds what the names of headers begin with.
const maxPrefix = 64

// identityPrefix judges what the names of the identity headers are to begin with.
// Every header of a client's that begins with it is removed, and some are set, so
// that it must be nobody else's.
func identityPrefix(p string) error {
	switch {
	case len(p) > maxPrefix || len(p) < 2 || p[len(p)-1] != '-' || !letter(rune(p[0])) || strings.ContainsFunc(p, func(c rune) bool { return !token(c) }):
		return fmt.Errorf("must be the beginning of a header's name, of at most %d bytes, and end in '-', such as X-Keystile-", maxPrefix)
	case occupied(p):
		return errors.New("is the beginning of headers that mean something else")
	}
	return nil
}

// occupied tells whether headers that others give a meaning to begin with p, or
// whether p lies in a family of such headers. Readers that turn names into
// variables see '-', '_' and '.' alike.
func occupied(p string) bool {
	p = strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(p))
	for _, name := range headersOfOthers {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	for _, family := range familiesOfOthers {
		if strings.HasPrefix(p, family) || strings.HasPrefix(family, p) {
			return true
		}
	}
	return false
}

// familiesOfOthers are the beginnings of headers that HTTP, browsers, proxies and
// tracing own.
var familiesOfOthers = []string{
	"accept-", "access-control-", "alt-", "cache-", "cf-", "content-", "cross-origin-", "fastly-", "grpc-", "if-", "proxy-", "ratelimit-", "sec-",
	"x-amz-", "x-amzn-", "x-b3-", "x-content-", "x-datadog-", "x-envoy-", "x-forwarded-", "x-goog-", "x-original-", "x-rewrite-",
}

// headersOfOthers are single headers with a '-' in their name.
var headersOfOthers = []string{
	"early-data", "keep-alive", "last-event-id", "last-modified", "max-forwards", "retry-after", "set-cookie", "strict-transport-security",
	"transfer-encoding", "upgrade-insecure-requests", "user-agent", "www-authenticate", "true-client-ip",
	"x-api-key", "x-client-ip", "x-cluster-client-ip", "x-correlation-id", "x-csrf-token", "x-frame-options", "x-http-method", "x-http-method-override",
	"x-method-override", "x-ot-span-context", "x-real-ip", "x-request-id", "x-requested-with", "x-xsrf-token",
}

func letter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// unreserved are the characters that stand in a URL as they are (RFC 3986, 2.3).
func unreserved(c rune) bool {
	return letter(c) || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c)
}

// token are the characters of header names (RFC 9110, 5.6.2).
func token(c rune) bool { return unreserved(c) || strings.ContainsRune("!#$%&'*+^`|", c) }
