package gateway

import (
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/keystile/keystile/server/access"
)

// The headers that a credential may come in, as HTTP/2 writes them.
const (
	headerAuthorization = "authorization"
	headerAPIKey        = "x-api-key"
	headerCookie        = "cookie"
)

// credential gathers what a request presents as its key. A request has one: the
// same one twice is fine, two different ones are none, in whichever order they
// come, since another reader of the request might take the other.
type credential struct {
	text     string
	carriers Carriers
	// bad is true once something can't be a key.
	bad bool
}

// secret gives what was presented.
func (c *credential) secret() access.Secret {
	if c.bad {
		// A blank can't be part of a key.
		return access.ParseSecret(" ")
	}
	return access.ParseSecret(c.text)
}

// present adds a credential. An empty one is none: a variable that was not set.
func (c *credential) present(text string, place Carriers) {
	if text == "" {
		return
	}
	c.carriers |= place
	if c.text != "" && c.text != text {
		c.bad = true
	}
	c.text = text
}

// spoil notes that something was presented that can't be read as one key.
func (c *credential) spoil(place Carriers) {
	c.carriers |= place
	c.bad = true
}

// authorization reads the value of an Authorization header: the scheme Bearer
// (RFC 6750), or Basic (RFC 7617) with the key as the user name. The case of the
// scheme does not matter.
func (c *credential) authorization(value string) {
	scheme, token, _ := strings.Cut(strings.Trim(value, " \t"), " ")
	token = strings.Trim(token, " ")
	switch {
	case scheme == "":
	case strings.EqualFold(scheme, "Bearer"):
		c.present(token, InAuthorization)
	case strings.EqualFold(scheme, "Basic"):
		c.basic(token)
	default:
		c.spoil(InAuthorization)
	}
}

// basic reads the credentials of the Basic scheme. The password is not looked
// at: some clients can't leave it out.
func (c *credential) basic(token string) {
	if token == "" {
		return
	}
	pair, err := base64.StdEncoding.Strict().DecodeString(token)
	user, password, ok := strings.Cut(string(pair), ":")
	if err != nil || !ok || user == "" && password != "" {
		c.spoil(InAuthorization)
		return
	}
	c.present(user, InAuthorization)
}

// apiKey reads the value of an X-API-Key header.
func (c *credential) apiKey(value string) { c.present(strings.Trim(value, " \t"), InAPIKey) }

// joined reads a header whose repetitions were joined by bare commas, as in the
// map that Envoy sends. A comma there may have been the client's own: then the
// parts are different credentials, or none, and refused as such.
func joined(value string, read func(string)) {
	for part := range strings.SplitSeq(value, ",") {
		read(part)
	}
}

// query reads the parameter of that name, every occurrence of it, from a request
// target.
func (c *credential) query(target, name string) {
	if name == "" {
		return
	}
	_, query, _ := strings.Cut(target, "?")
	query, _, _ = strings.Cut(query, "#")
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if k, err := url.QueryUnescape(key); err != nil || k != name {
			continue
		}
		text, err := url.QueryUnescape(value)
		if err != nil {
			c.spoil(InQuery)
			continue
		}
		c.present(text, InQuery)
	}
}

// cookie reads the cookie of that name, every occurrence of it, from the value of
// a Cookie header (RFC 6265 section 4.2.1), and gives the header without it.
func (c *credential) cookie(header, name string) string {
	if name == "" {
		return header
	}
	var rest []string
	for pair := range strings.SplitSeq(header, ";") {
		pair = strings.Trim(pair, " \t")
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		if strings.Trim(key, " \t") != name {
			rest = append(rest, pair)
			continue
		}
		c.present(strings.Trim(value, " \t"), InCookie)
	}
	return strings.Join(rest, "; ")
}
