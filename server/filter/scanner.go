package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner walks over a text. What a character means depends on where it stands (a
// colon is an operator behind a field and a part of a time behind an operator), so
// the parser asks for what it expects.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) atEnd() bool { return s.pos >= len(s.text) }

// next is the byte ahead, 0 at the end; a text that is read holds no byte 0.
func (s *scanner) next() byte {
	if s.atEnd() {
		return 0
	}
	return s.text[s.pos]
}

const blanks = " \t\n\r"

func blank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// space skips blanks and tells whether there were any.
func (s *scanner) space() bool {
	from := s.pos
	for !s.atEnd() && blank(s.text[s.pos]) {
		s.pos++
	}
	return s.pos > from
}

// keyword takes a word that stands alone.
func (s *scanner) keyword(word string) bool {
	rest, ok := strings.CutPrefix(s.text[s.pos:], word)
	if !ok || rest != "" && !blank(rest[0]) && rest[0] != '(' && rest[0] != ')' {
		return false
	}
	s.pos += len(word)
	return true
}

// operator takes a comparison's operator, or gives "".
func (s *scanner) operator() string {
	for _, op := range []string{"<=", ">=", "!=", "=", "<", ">", ":"} {
		if strings.HasPrefix(s.text[s.pos:], op) {
			s.pos += len(op)
			return op
		}
	}
	return ""
}

// name takes an unquoted part of a field's path, or gives "".
func (s *scanner) name() string {
	from := s.pos
	for !s.atEnd() {
		c := s.text[s.pos]
		if !alphanumeric(c) && c != '_' && c != '/' && (c != '-' || s.pos == from) {
			break
		}
		s.pos++
	}
	return s.text[from:s.pos]
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// literal is a value as it was written.
type literal struct {
	offset int
	text   string
	quoted bool
	// stars are the places of stars in the text that were not escaped.
	stars []int
}

// anything tells whether a value is the bare star that asks for presence.
func (l *literal) anything() bool { return !l.quoted && l.text == "*" }

// value takes the value behind an operator.
func (s *scanner) value() (literal, error) {
	switch c := s.next(); c {
	case '"', '\'':
		return s.quoted()
	case '(':
		return literal{}, fault(s.pos, "an operator takes one value; write a comparison for each")
	default:
		return s.bare()
	}
}

// bare takes an unquoted value.
func (s *scanner) bare() (literal, error) {
	out := literal{offset: s.pos}
	for !s.atEnd() {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		if r == '*' {
			out.stars = append(out.stars, s.pos-out.offset)
		} else if !plain(r) {
			break
		}
		s.pos += size
	}
	out.text = s.text[out.offset:s.pos]
	switch c := s.next(); {
	case c != 0 && !blank(c) && c != ')':
		return out, fault(s.pos, "a value with this character stands in quotes")
	case out.text == "":
		return out, fault(s.pos, `a value is missing; the empty one is ""`)
	case out.text == "AND" || out.text == "OR" || out.text == "NOT":
		return out, fault(out.offset, "a value is missing here, or stands in quotes if it is AND, OR or NOT itself")
	}
	return out, nil
}

// plain tells which characters an unquoted value may hold, beside the star. What
// is only like a quote, as word processors write it, is not among them.
func plain(r rune) bool {
	return strings.ContainsRune("_-.+/@:", r) || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// quoted takes a quoted text, with its escapes undone.
func (s *scanner) quoted() (literal, error) {
	out := literal{offset: s.pos, quoted: true}
	quote := s.text[s.pos]
	var b strings.Builder
	for s.pos++; !s.atEnd(); s.pos++ {
		c := s.text[s.pos]
		switch c {
		case quote:
			s.pos++
			out.text = b.String()
			return out, nil
		case '*':
			out.stars = append(out.stars, b.Len())
		case '\\':
			s.pos++
			if c = s.next(); c == 0 || strings.IndexByte(`\"'*`, c) < 0 {
				return out, fault(s.pos-1, `a backslash stands before \, ", ' or * only`)
			}
		}
		b.WriteByte(c)
	}
	return out, fault(out.offset, "this quote is not closed")
}
