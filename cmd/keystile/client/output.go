package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// sheet is one record for people: a name and a value a line. Values that are
// empty are left out; a value without a name goes on with the one above.
type sheet [][2]string

func (s *sheet) add(name, value string) {
	if value != "" {
		*s = append(*s, [2]string{name, value})
	}
}

// String lays the sheet out in two columns.
func (s *sheet) String() string {
	var rows [][]string
	for _, row := range *s {
		name := row[0]
		if name != "" {
			name += ":"
		}
		rows = append(rows, []string{name, row[1]})
	}
	return columns(rows)
}

// table is many records for people, its first row the head.
type table [][]string

// String lays the table out. An empty cell is a dash, so that columns can be
// counted.
func (t *table) String() string {
	var rows [][]string
	for _, row := range *t {
		cells := slices.Clone(row)
		for i, cell := range cells {
			if cell == "" {
				cells[i] = "-"
			}
		}
		rows = append(rows, cells)
	}
	return columns(rows)
}

func columns(rows [][]string) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = clean(cell)
		}
		// A bytes.Buffer takes everything.
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
	return b.String()
}

// clean keeps what a server or a file name says from steering the terminal.
func clean(text string) string {
	return strings.Map(func(c rune) rune {
		if c == ' ' || unicode.IsGraphic(c) {
			return c
		}
		return unicode.ReplacementChar
	}, text)
}

// print writes a command's result: the message for programs, the text for
// people.
func (s *session) print(message proto.Message, text fmt.Stringer) error {
	out := text.String()
	if s.json {
		var err error
		if out, err = jsonOf(message); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(s.Out, out); err != nil {
		return unexpectedf("writing the result: %w", err)
	}
	return nil
}

// jsonOf writes every field, also what is false, zero or empty. protojson
// varies its blanks on purpose, so encoding/json lays the text out.
func jsonOf(message proto.Message) (string, error) {
	raw, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(message)
	if err != nil {
		return "", unexpectedf("writing JSON: %w", err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return "", unexpectedf("writing JSON: %w", err)
	}
	b.WriteByte('\n')
	return b.String(), nil
}

// when writes a time as the flags read it; an absent one is empty.
func when(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339)
}

// until writes when something ends, and whether that is over.
func until(t *timestamppb.Timestamp, now time.Time) string {
	if t != nil && !t.AsTime().After(now) {
		return when(t) + " (over)"
	}
	return when(t)
}

func list(values []string) string { return strings.Join(values, ", ") }

func labels(of map[string]string) string {
	var pairs []string
	for name, value := range of {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return list(pairs)
}

// path joins the names that lead to a record; nothing when there are none.
func path(names ...string) string {
	return strings.Trim(strings.Join(names, "/"), "/")
}

// parts are texts that stand one below the other.
type parts []fmt.Stringer

// String gives them together.
func (p parts) String() string {
	var b strings.Builder
	for _, part := range p {
		b.WriteString(part.String())
	}
	return b.String()
}
