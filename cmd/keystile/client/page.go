package client

import (
	"google.golang.org/protobuf/proto"
)

// Filtering is which records of a list to show, and how many.
type Filtering struct {
	Filter string `placeholder:"EXPRESSION" help:"Show only what fits, such as 'state = ACTIVE AND labels.team = \"core\"'; docs/filter.md has the language."`
	Paging
}

// Paging is how much of a list to show.
type Paging struct {
	Limit int `default:"100" help:"Show at most so many; 0 shows everything."`
}

// pageMost is the largest page that a server gives.
const pageMost = 1000

// pages collects records page by page until there are no more, or enough. It
// gives the token of what was left unread, empty when nothing was.
func pages[T any](p Paging, next func(size int32, token string) ([]T, string, error)) ([]T, string, error) {
	if p.Limit < 0 {
		return nil, "", usagef("--limit: must not be negative")
	}
	var all []T
	token := ""
	for {
		size := pageMost
		if p.Limit > 0 {
			size = min(size, p.Limit-len(all))
		}
		page, after, err := next(int32(size), token)
		if err != nil {
			return nil, "", err
		}
		all = append(all, page...)
		if after == "" || p.Limit > 0 && len(all) >= p.Limit {
			return all, after, nil
		}
		if after == token {
			return nil, "", unexpectedf("the server gave the same page twice")
		}
		token = after
	}
}

// listing is how the records of one kind are read and shown.
type listing[T any] struct {
	head []string
	// rows are a record's lines in the table: most have one.
	rows func(T) [][]string
	// next reads a page.
	next func(size int32, token string) ([]T, string, error)
	// whole is the answer of a server that gave all of it at once.
	whole func(all []T, token string) proto.Message
}

// show reads and prints the list.
func (l *listing[T]) show(s *session, p Paging) error {
	all, rest, err := pages(p, l.next)
	if err != nil {
		return failureOf(err)
	}
	lines := &table{l.head}
	for _, record := range all {
		*lines = append(*lines, l.rows(record)...)
	}
	if err := s.print(l.whole(all, rest), lines); err != nil {
		return err
	}
	s.more(rest, len(all))
	return nil
}

// row is a record that takes one line.
func row(cells ...string) [][]string { return [][]string{cells} }

// more tells the person that a list goes on.
func (s *session) more(token string, shown int) {
	if token != "" {
		s.note("There is more than these %d: raise --limit; 0 shows everything.", shown)
	}
}
