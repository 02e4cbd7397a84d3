package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// entry is a line of the file, or what is wrong with it.
type entry struct {
	line   int
	key    *pb.ImportedKey
	faults []violation
	// last: nothing behind this line can be read.
	last bool
}

// maxImportLine bounds a line, in bytes.
const maxImportLine = 1 << 20

// ImportFormat is what a file of keys is: csv or jsonl. Empty is not known.
type ImportFormat string

const (
	formatCSV   ImportFormat = "csv"
	formatLines ImportFormat = "jsonl"
)

var errFormat = errors.New("this is none of csv, jsonl")

// UnmarshalText reads a format.
func (f *ImportFormat) UnmarshalText(text []byte) error {
	*f = ImportFormat(text)
	if *f != formatCSV && *f != formatLines {
		return errFormat
	}
	return nil
}

// Choices lists the formats there are.
func (*ImportFormat) Choices() []string { return []string{string(formatCSV), string(formatLines)} }

// formatOf tells a file's format by its ending; empty when that says nothing.
func formatOf(name string) ImportFormat {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv":
		return formatCSV
	case ".jsonl", ".ndjson":
		return formatLines
	}
	return ""
}

// importSource is the file that is imported.
type importSource struct {
	file   *os.File
	format ImportFormat
}

// entries reads the file from its beginning, an entry a call, to io.EOF.
func (s *importSource) entries() (func() (*entry, error), error) {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return nil, unexpectedf("%w", err)
	}
	if s.format == formatCSV {
		return csvEntries(s.file)
	}
	return jsonEntries(s.file), nil
}

// survey reads the whole file once, before anything is sent: how many keys it
// holds, and whether every line can be read.
func (s *importSource) survey(t *Terminal) (int, error) {
	next, err := s.entries()
	if err != nil {
		return 0, err
	}
	keys, secret := 0, false
	var faults []violation
	for {
		e, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		keys++
		faults = append(faults, e.faults...)
		secret = secret || e.key.GetSecret() != ""
		if e.last || len(faults) > 10*maxImportFaults {
			break
		}
	}
	if len(faults) > 0 {
		f := usagef("%s: there are lines that can't be read; nothing was sent", s.file.Name())
		f.violations = shortened(faults)
		return 0, f
	}
	if keys == 0 {
		return 0, usagef("%s: this holds no keys", s.file.Name())
	}
	if info, err := s.file.Stat(); err == nil && secret && info.Mode().Perm()&0o044 != 0 {
		name := clean(s.file.Name())
		t.note("keystile: warning: %s holds secrets and is readable by others (mode %04o); run: chmod 600 %s", name, info.Mode().Perm(), name)
	}
	return keys, nil
}

// readFailure is the failure of a file that can't be read. It repeats nothing of
// what stands there.
func readFailure(err error) error {
	if errors.Is(err, errLongLine) {
		return usagef("%w", err)
	}
	return unexpectedf("reading the file: %w", err)
}

var errLongLine = fmt.Errorf("a line of the file has more than %d bytes", maxImportLine)
