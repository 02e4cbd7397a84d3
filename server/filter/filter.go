package filter

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The bounds of a filter.
const (
	// MaxBytes is the longest text that is read.
	MaxBytes = 1024
	// MaxComparisons is how many comparisons a filter may hold.
	MaxComparisons = 32
	// MaxNesting is how deep parentheses may stand inside each other.
	MaxNesting = 8
)

// Options say what a filter may ask beside the fields of the message. The zero
// Options add nothing.
type Options struct {
	// Named are questions with names of their own. A field of the message goes
	// before a question of the same name.
	Named []Named
}

// Named is a question that is asked like a field, NAME = VALUE, and answered by a
// function.
type Named struct {
	// Name is in camelCase; snake_case is understood as well.
	Name string
	// Bind reads the value, for messages of one type. Its error goes to who wrote
	// the filter, behind the name: it must not repeat the value.
	Bind func(d protoreflect.MessageDescriptor, value string) (Test, error)
}

// Test answers a question about a message.
type Test func(m protoreflect.Message, now time.Time) bool

// Filter matches messages of one type. The zero Filter matches none; make one with
// Parse. It may be used by many at once.
type Filter struct {
	message protoreflect.MessageDescriptor
	holds   Test
}

// Error says what is wrong with a filter's text, and where. It repeats no value.
type Error struct {
	// Offset is where the fault stands in the text, in bytes from 0.
	Offset int
	// Message is one line without a full stop.
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Message) }

func fault(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Message: fmt.Sprintf(format, args...)}
}

// Parse reads a filter for messages that d describes. An empty text matches all of
// them. Every error is an *Error.
func Parse(text string, d protoreflect.MessageDescriptor, opts Options) (*Filter, error) {
	if err := readable(text); err != nil {
		return nil, err
	}
	p := parser{scanner: scanner{text: text}, message: d, named: append([]Named{unusedSince()}, opts.Named...)}
	p.space()
	if p.atEnd() {
		return &Filter{message: d, holds: all(nil)}, nil
	}
	holds, err := p.conjunction()
	if err != nil {
		return nil, err
	}
	if !p.atEnd() {
		return nil, fault(p.pos, "this closing parenthesis has no opening one")
	}
	return &Filter{message: d, holds: holds}, nil
}

// readable wants a short text without characters that can't be seen.
func readable(text string) error {
	if len(text) > MaxBytes {
		return fault(MaxBytes, "a filter has at most %d bytes", MaxBytes)
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)) {
			return fault(i, "a filter is UTF-8")
		}
		if unicode.IsControl(r) && !strings.ContainsRune(blanks, r) {
			return fault(i, "a filter holds no control characters")
		}
	}
	return nil
}

// Matches tells whether a message passes the filter at a moment. A message of
// another type than the filter was made for does not, and neither does nil.
func (f *Filter) Matches(m proto.Message, now time.Time) bool {
	if f == nil || f.holds == nil || m == nil {
		return false
	}
	r := m.ProtoReflect()
	if !r.IsValid() || r.Descriptor() != f.message {
		return false
	}
	return f.holds(r, now)
}

// all holds when every part does; without parts it holds.
func all(parts []Test) Test {
	if len(parts) == 1 {
		return parts[0]
	}
	return func(m protoreflect.Message, now time.Time) bool {
		for _, part := range parts {
			if !part(m, now) {
				return false
			}
		}
		return true
	}
}

// either holds when a part does.
func either(parts []Test) Test {
	if len(parts) == 1 {
		return parts[0]
	}
	return func(m protoreflect.Message, now time.Time) bool {
		for _, part := range parts {
			if part(m, now) {
				return true
			}
		}
		return false
	}
}

func not(t Test) Test {
	return func(m protoreflect.Message, now time.Time) bool { return !t(m, now) }
}
