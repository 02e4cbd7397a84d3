package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/keystile/keystile/server/access"
)

// minPepper is the least size of a pepper, in bytes: that of the digest.
const minPepper = 32

var pepperID = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,31}$`)

// readPeppers reads a pepper file: a line for each pepper, "ID BASE64", the one
// that new secrets are digested with first, retired ones below. Empty lines and
// lines that begin with '#' are passed over. No path means no pepper.
func readPeppers(path string) (access.Peppers, error) {
	if path == "" {
		return access.Peppers{}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return access.Peppers{}, fmt.Errorf("reading the pepper file: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return access.Peppers{}, fmt.Errorf("the pepper file %s may be read by everybody; set its mode to 0600 or 0640", path)
	}
	raw, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return access.Peppers{}, fmt.Errorf("reading the pepper file: %w", err)
	}
	peppers, err := parsePeppers(raw)
	if err != nil {
		return access.Peppers{}, fmt.Errorf("pepper file %s: %w", path, err)
	}
	return peppers, nil
}

func parsePeppers(raw []byte) (access.Peppers, error) {
	var out access.Peppers
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, text, _ := strings.Cut(line, " ")
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		switch {
		case !pepperID.MatchString(id):
			return out, fmt.Errorf("line %d: a pepper's id is 1 to 32 lower-case letters, digits, '.', '_' and '-'", n)
		case err != nil || len(key) < minPepper:
			return out, fmt.Errorf("line %d: after the id comes the pepper, at least %d bytes in base 64", n, minPepper)
		case out.Knows(id):
			return out, fmt.Errorf("line %d: this pepper's id was used above", n)
		}
		out.List = append(out.List, access.Pepper{ID: id, Key: key})
	}
	if err := lines.Err(); err != nil {
		return out, fmt.Errorf("reading: %w", err)
	}
	if len(out.List) == 0 {
		return out, errors.New("holds no pepper")
	}
	return out, nil
}

// peppersCover wants every stored digest to be verifiable: a start that would
// silently kill keys is no start.
func peppersCover(p access.Peppers, counts map[string]int64) error {
	for id, n := range counts {
		if p.Knows(id) || n == 0 {
			continue
		}
		if id == "" {
			return fmt.Errorf("%d stored secrets have no pepper yet, and a pepper is configured: run 'keystile pepper apply' first", n)
		}
		return fmt.Errorf("%d stored secrets need the pepper %q, which --pepper-file does not hold", n, id)
	}
	return nil
}
