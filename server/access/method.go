package access

import "strings"

// anyMethod is the method of a route that takes every method.
const anyMethod = "*"

// methodOptions is what preflights are sent by.
const methodOptions = "OPTIONS"

// SafeMethod tells whether a method only reads.
func SafeMethod(method string) bool {
	return method == "GET" || method == "HEAD" || method == methodOptions
}

// ValidMethod tells whether text can be a request's method: a token (RFC 9110
// section 5.6.2) of at most 32 bytes. Lower case is refused, since methods
// compare by case for some readers and not for others, and so is the star, by
// which routes name them all.
func ValidMethod(text string) bool {
	if text == "" || len(text) > 32 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

// ValidRouteMethod tells whether text can be a route's method: a request's, or
// "*" for all.
func ValidRouteMethod(text string) bool { return text == anyMethod || ValidMethod(text) }

// DefaultPermission is what a call to an API takes unless a route says more:
// "<api>.read" by a safe method, "<api>.write" by any other.
func DefaultPermission(apiID, method string) string {
	if SafeMethod(method) {
		return apiID + ".read"
	}
	return apiID + ".write"
}
