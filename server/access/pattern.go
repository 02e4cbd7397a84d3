package access

import "strings"

const (
	// MaxPatternLen is how many bytes a route's path pattern may have.
	MaxPatternLen = 1024
	// MaxPatternSegments is how many segments it may have; a trailing slash and
	// a trailing /** count as one each.
	MaxPatternSegments = 32
)

// pattern is a route's path, taken apart.
type pattern struct {
	// parts are its segments; the end is told apart by tail.
	parts []part
	tail  tail
}

// part is one segment: a literal, or a variable.
type part struct {
	// literal is decoded.
	literal string
	// name is the variable's, empty for a literal.
	name string
}

// tail is what follows the last segment.
type tail uint8

const (
	tailNone tail = iota
	tailSlash
	tailRest // "/**"
)

// ValidRoutePattern tells whether text can be a route's path, and if not, what
// is wrong with it, in one line that repeats nothing of it. A pattern begins
// with a slash and consists of
//
//   - literal segments, written as in a URL: they are decoded as a request's
//     path is, and what ReadPath refuses is refused here;
//   - {name}, which stands for exactly one segment that is not empty;
//   - /** at the end, which stands for zero or more segments, so that /orders/**
//     covers /orders, /orders/ and all below.
//
// A literal holds no ';': a reader that cuts segments there would never get to
// such a route.
func ValidRoutePattern(text string) (problem string, ok bool) {
	_, problem = parsePattern(text)
	return problem, problem == ""
}

func parsePattern(text string) (pattern, string) {
	switch {
	case text == "" || text[0] != '/':
		return pattern{}, "must begin with a slash"
	case len(text) > MaxPatternLen:
		return pattern{}, "is longer than 1024 bytes"
	case strings.Count(text, "/") > MaxPatternSegments:
		return pattern{}, "has more than 32 segments"
	}
	var p pattern
	rest, wild := strings.CutSuffix(text, "/**")
	if wild {
		p.tail = tailRest
	} else if cut, slash := strings.CutSuffix(rest, "/"); slash {
		rest, p.tail = cut, tailSlash
	}
	for rest != "" {
		var segment string
		segment, rest = cutSegment(rest)
		next, problem := parsePart(segment)
		if problem != "" {
			return pattern{}, problem
		}
		for _, earlier := range p.parts {
			if next.name != "" && next.name == earlier.name {
				return pattern{}, "names two variables alike"
			}
		}
		p.parts = append(p.parts, next)
	}
	return p, ""
}

// kinds writes how specific the pattern is: '0' for a literal, '1' for a
// variable, then '2' for /**, and for every other end a character below those.
func (p *pattern) kinds() string {
	out := make([]byte, 0, len(p.parts)+1)
	for i := range p.parts {
		if p.parts[i].name == "" {
			out = append(out, '0')
		} else {
			out = append(out, '1')
		}
	}
	if p.tail == tailRest {
		return string(append(out, '2'))
	}
	return string(append(out, '!'))
}

func parsePart(segment string) (part, string) {
	if name, ok := strings.CutPrefix(segment, "{"); ok {
		name, ok = strings.CutSuffix(name, "}")
		if !ok || !validVariable(name) {
			return part{}, "has a variable that is not {name}, a letter or '_' first, then letters, digits and '_'"
		}
		return part{name: name}, ""
	}
	if strings.ContainsAny(segment, "{}*?") {
		return part{}, "has one of {}*? inside a literal segment; only {name} and a trailing /** stand for others"
	}
	path, ok := ReadPath("/" + segment)
	if !ok || path.slash || path.parameters {
		return part{}, "has a segment that can't be matched without doubt: empty, a dot segment, a wrong or double escape, ';', or a character that is not allowed"
	}
	return part{literal: path.text[1:]}, ""
}

func validVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}
