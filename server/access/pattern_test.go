package access_test

import (
	"strings"
	"testing"

	"github.com/keystile/keystile/server/access"
)

func TestValidRoutePattern(t *testing.T) {
	for _, good := range []string{
		"/", "/orders", "/orders/", "/orders/{id}", "/orders/{id}/", "/orders/{id}/items/{item_2}", "/**", "/orders/**", "/{x}/**",
		"/caf\u00e9", "/caf%C3%A9", "/a%20b", "/a%7Bb%7D", "/100%25", "/a:b", "/.well-known/x", "/...", "/{_}",
		strings.Repeat("/a", 32), strings.Repeat("/a", 31) + "/", strings.Repeat("/a", 31) + "/**", "/" + strings.Repeat("a", 1023),
	} {
		if problem, ok := access.ValidRoutePattern(good); !ok || problem != "" {
			t.Errorf("%q is refused: %s", good, problem)
		}
	}
	for _, bad := range []string{
		"", "orders", "*", "**", "/*", "/**/", "/**/a", "/a**", "/a/*", "/a/*/b", "/a*b", "//", "//a", "/a//b", "/a//", "//**", "/a//**",
		"/{}", "/{1}", "/{a-b}", "/{a b}", "/{a", "/a}", "/{a}}", "/{{a}}", "/x{a}", "/{a}x", "/{a}{b}", "/{a}/{a}", "/{a}/b/{a}", "/{a/b}", "/{\u00e9}", "/{a*}",
		"/.", "/..", "/a/../b", "/./a", "/%2e%2e", "/a%2Fb", "/a\\b", "/a%5cb", "/%252e", "/a%", "/100%", "/a b", "/a?b", "/a?", "/a#b", "/a;b", "/a%3Bb", "/\x00", "/%00", "/\xff", "/%ff",
		strings.Repeat("/a", 33), strings.Repeat("/a", 32) + "/", strings.Repeat("/a", 32) + "/**", "/" + strings.Repeat("a", 1024),
	} {
		problem, ok := access.ValidRoutePattern(bad)
		if ok || problem == "" || strings.Contains(problem, "\n") {
			t.Errorf("%q is accepted, or refused without a word: %q", bad, problem)
		}
	}
}

func TestMethods(t *testing.T) {
	for _, good := range []string{"GET", "HEAD", "PROPFIND", "M-SEARCH", "X", "VERSION-CONTROL"} {
		if !access.ValidMethod(good) || !access.ValidRouteMethod(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "get", "Get", "G T", "GET ", "*", "GET*", "G/T", "G\x00T", "G\u00c9T", "G,T", strings.Repeat("A", 33)} {
		if access.ValidMethod(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
	if !access.ValidRouteMethod("*") || access.ValidRouteMethod("**") || access.ValidRouteMethod("") {
		t.Error("a route's methods are a request's, and *")
	}
	for method, want := range map[string]bool{"GET": true, "HEAD": true, "OPTIONS": true, "POST": false, "TRACE": false, "get": false, "*": false, "": false} {
		if access.SafeMethod(method) != want {
			t.Errorf("%q safe: want %t", method, want)
		}
	}
}

func TestValidAPIID(t *testing.T) {
	for _, good := range []string{"a", "orders", "o_r-d3rs", "a" + strings.Repeat("1", 62), "keystil"} {
		if !access.ValidAPIID(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "1a", "-a", "_a", "A", "a.b", "a b", "a*", "\u00e4", "keystile", "keystile2", "keystile-x", "a" + strings.Repeat("1", 63)} {
		if access.ValidAPIID(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
}
