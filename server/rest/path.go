package rest

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPathID bounds an id in a path; every id there is is shorter.
const maxPathID = 256

// clearPath refuses a path that two readers could read in two ways: with an
// encoded slash, backslash, percent sign or control character, with an empty or
// a dot segment. What it lets through means the same decoded once or not at all.
func clearPath(u *url.URL) *Problem {
	raw := u.EscapedPath()
	switch {
	case !strings.HasPrefix(raw, "/"):
		return notFound()
	case !utf8.ValidString(u.Path):
		return invalid("path", "must be UTF-8")
	case strings.ContainsRune(u.Path, '\\'),
		strings.ContainsRune(u.Path, '%'),
		strings.Count(u.Path, "/") != strings.Count(raw, "/"),
		strings.IndexFunc(u.Path, unicode.IsControl) >= 0:
		return invalid("path", "must not hold an encoded slash, a backslash, a percent sign or a control character")
	}
	segments := strings.Split(u.Path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return invalid("path", "must not hold an empty segment or a dot segment")
		}
	}
	return nil
}

// clearParams tells whether a route's path parameters could be ids at all. A
// colon ends an id: what stands behind it is an operation, here an unknown one.
func clearParams(params map[string]string) bool {
	for _, id := range params {
		if id == "" || len(id) > maxPathID || strings.ContainsAny(id, ":/") {
			return false
		}
	}
	return true
}
