package filter

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// The grammar, loosest first. OR binds tighter than AND, as AIP-160 has it, and
// blanks between terms are AND.
//
//	conjunction = disjunction { [ "AND" ] disjunction }
//	disjunction = term { "OR" term }
//	term        = { "NOT" | "-" } ( "(" conjunction ")" | comparison )
//	comparison  = path operator value
//	path        = name { "." ( name | quoted ) }
type parser struct {
	scanner
	message     protoreflect.MessageDescriptor
	named       []Named
	comparisons int
	nesting     int
}

// conjunction ends at the end of the text or before a closing parenthesis.
func (p *parser) conjunction() (Test, error) {
	var parts []Test
	for {
		part, err := p.disjunction()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		spaced := p.space()
		switch {
		case p.atEnd() || p.next() == ')':
			return all(parts), nil
		case !spaced:
			return nil, fault(p.pos, "a blank is missing before what follows")
		}
		p.keyword("AND")
	}
}

func (p *parser) disjunction() (Test, error) {
	var parts []Test
	for {
		part, err := p.term()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		end := p.pos
		if !p.space() || !p.keyword("OR") {
			p.pos = end
			return either(parts), nil
		}
	}
}

// term takes negations one after another, and not one inside the other, so that a
// thousand of them cost nothing.
func (p *parser) term() (Test, error) {
	negated := false
	for {
		p.space()
		if p.next() == '-' {
			p.pos++
		} else if !p.keyword("NOT") {
			break
		}
		negated = !negated
	}
	t, err := p.simple()
	if err == nil && negated {
		t = not(t)
	}
	return t, err
}

func (p *parser) simple() (Test, error) {
	open := p.pos
	if p.next() != '(' {
		return p.comparison()
	}
	if p.nesting == MaxNesting {
		return nil, fault(open, "parentheses stand in each other at most %d deep", MaxNesting)
	}
	p.nesting++
	p.pos++
	inside, err := p.conjunction()
	if err != nil {
		return nil, err
	}
	if p.next() != ')' {
		return nil, fault(open, "this parenthesis is not closed")
	}
	p.pos++
	p.nesting--
	return inside, nil
}

// segment is one part of a field's path.
type segment struct {
	offset int
	text   string
	quoted bool
}

func (p *parser) comparison() (Test, error) {
	if p.comparisons == MaxComparisons {
		return nil, fault(p.pos, "a filter has at most %d comparisons", MaxComparisons)
	}
	p.comparisons++
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	p.space()
	at := p.pos
	op := p.operator()
	if op == "" {
		// Without an operator nothing says that this was meant to be a field: it
		// could be a secret in the wrong place, so it is not repeated.
		if word := path[0].text; len(path) == 1 && reserved(word) {
			return nil, fault(path[0].offset, "a comparison is missing here; the operators AND, OR and NOT are written in capitals and stand between comparisons")
		}
		return nil, fault(at, "an operator is missing here, one of = != < <= > >= : behind a field; there are no functions and no bare words")
	}
	p.space()
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	if n := p.question(path); n != nil {
		return p.ask(n, path[0].offset, op, value)
	}
	place, err := resolve(p.message, path)
	if err != nil {
		return nil, err
	}
	return place.compare(op, at, value)
}

func reserved(word string) bool {
	word = strings.ToUpper(word)
	return word == "AND" || word == "OR" || word == "NOT"
}

func (p *parser) path() ([]segment, error) {
	var path []segment
	for {
		seg := segment{offset: p.pos}
		switch p.next() {
		case '"', '\'':
			key, err := p.quoted()
			if err != nil {
				return nil, err
			}
			seg.text, seg.quoted = key.text, true
		default:
			seg.text = p.name()
		}
		switch {
		case len(path) == 0 && seg.quoted:
			return nil, fault(seg.offset, "a comparison begins with a field; only values and the keys of maps stand in quotes")
		case len(path) == 0 && seg.text == "":
			return nil, fault(seg.offset, "a comparison is missing here")
		case seg.text == "" && !seg.quoted:
			return nil, fault(seg.offset, "a name is missing behind the dot")
		}
		path = append(path, seg)
		if p.next() != '.' {
			return path, nil
		}
		p.pos++
	}
}

// question finds the named question that a path asks, if it is one.
func (p *parser) question(path []segment) *Named {
	if len(path) != 1 || fieldNamed(p.message, path[0].text) != nil {
		return nil
	}
	for i := range p.named {
		if p.named[i].Name == camel(path[0].text) {
			return &p.named[i]
		}
	}
	return nil
}

// camel turns snake_case into camelCase, which it leaves as it is.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, part := range parts[1:] {
		if part != "" {
			parts[i+1] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "")
}

func (p *parser) ask(n *Named, at int, op string, value literal) (Test, error) {
	if op != "=" {
		return nil, fault(at, "%s is asked with = alone; put NOT before it for the contrary", n.Name)
	}
	t, err := n.Bind(p.message, value.text)
	if err != nil {
		return nil, fault(value.offset, "%s %v", n.Name, err)
	}
	return t, nil
}
