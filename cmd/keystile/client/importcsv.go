package client

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// csvEntries reads CSV (RFC 4180) whose first line names the columns.
func csvEntries(from io.Reader) (func() (*entry, error), error) {
	bounded := &meter{from: from, left: maxImportLine}
	in := csv.NewReader(bounded)
	in.ReuseRecord = true
	head, err := in.Read()
	if errors.Is(err, io.EOF) {
		return func() (*entry, error) { return nil, io.EOF }, nil
	}
	if err != nil {
		return nil, headFailure(err)
	}
	columns, err := readHead(head)
	if err != nil {
		return nil, err
	}
	return func() (*entry, error) {
		bounded.left = maxImportLine
		record, err := in.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return nil, io.EOF
		case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &bad):
			e := &entry{line: bad.StartLine}
			e.fault("", "must have as many columns as the header line")
			return e, nil
		case errors.As(err, &bad):
			// Behind a quote that is wrong, lines are no longer what they seem.
			e := &entry{line: bad.StartLine, last: true}
			e.fault("", "has a quote where none belongs, or lacks one; lines behind it were not looked at")
			return e, nil
		case err != nil:
			return nil, readFailure(err)
		}
		line, _ := in.FieldPos(0)
		e := &entry{line: line, key: &pb.ImportedKey{}}
		for i, text := range record {
			if !utf8.ValidString(text) {
				e.fault(columns[i], "must be UTF-8")
			} else if wrong := setColumn(e.key, columns[i], text); wrong != "" {
				e.fault(columns[i], wrong)
			}
		}
		e.complete()
		return e, nil
	}, nil
}

// readHead finds the columns that the first line names.
func readHead(head []string) ([]string, error) {
	var columns []string
	for i, name := range head {
		if i == 0 {
			// Spreadsheets mark a file as UTF-8 so.
			name = strings.TrimPrefix(name, "\ufeff")
		}
		name = strings.TrimSpace(name)
		if !slices.Contains(importColumns(), name) {
			// What stands there may be a key, in a file without a header.
			return nil, usagef("line 1: column %d is none of %s; the first line must name the columns", i+1, list(importColumns()))
		}
		if slices.Contains(columns, name) {
			return nil, usagef("line 1: the column %s stands there twice", name)
		}
		columns = append(columns, name)
	}
	return columns, nil
}

func headFailure(err error) error {
	if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
		return usagef("line %d: this is no CSV", bad.StartLine)
	}
	return readFailure(err)
}

// meter ends a reader where a single line gets too long: a quote that is never
// closed would make one of the whole file.
type meter struct {
	from io.Reader
	left int
}

// Read reads on while there is room in the line.
func (m *meter) Read(to []byte) (int, error) {
	if m.left <= 0 {
		return 0, errLongLine
	}
	n, err := m.from.Read(to)
	m.left -= n
	return n, err //nolint:wrapcheck // a reader's io.EOF must stay bare
}
