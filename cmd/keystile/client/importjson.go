package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	pb "github.com/keystile/keystile/api/keystile/v1"
)

// jsonEntries reads JSON lines: an object a line. Empty lines count, and are
// passed over.
func jsonEntries(from io.Reader) func() (*entry, error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxImportLine)
	line := 0
	return func() (*entry, error) {
		for lines.Scan() {
			line++
			text := bytes.TrimSpace(lines.Bytes())
			if line == 1 {
				text = bytes.TrimPrefix(text, []byte("\ufeff"))
			}
			if len(text) > 0 {
				return jsonEntry(line, text), nil
			}
		}
		switch err := lines.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return nil, readFailure(errLongLine)
		case err != nil:
			return nil, readFailure(err)
		}
		return nil, io.EOF
	}
}

func jsonEntry(line int, text []byte) *entry {
	e := &entry{line: line, key: &pb.ImportedKey{}}
	members, ok := members(text)
	if !ok {
		e.fault("", "must be a JSON object in UTF-8, each member once")
		return e
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(importColumns(), name) {
			// The name may be anything, a secret too.
			e.fault("", "has a member that is none of "+list(importColumns()))
			continue
		}
		if wrong := setMember(e.key, name, members[name]); wrong != "" {
			e.fault(name, wrong)
		}
	}
	e.complete()
	return e
}

// members reads an object; false when it is none, or names a member twice.
func members(text []byte) (map[string]json.RawMessage, bool) {
	if !utf8.Valid(text) {
		return nil, false
	}
	in := json.NewDecoder(bytes.NewReader(text))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return nil, false
	}
	out := map[string]json.RawMessage{}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return nil, false
		}
		key, _ := name.(string)
		if _, twice := out[key]; twice {
			return nil, false
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, false
		}
		out[key] = value
	}
	if _, err := in.Token(); err != nil {
		return nil, false
	}
	_, err := in.Token()
	return out, errors.Is(err, io.EOF)
}

// setMember reads a member: as a column reads its text, or as a list or an
// object where it is one. Null says nothing.
func setMember(k *pb.ImportedKey, name string, value json.RawMessage) (message string) {
	var one string
	if json.Unmarshal(value, &one) == nil {
		return setColumn(k, name, one)
	}
	switch name {
	case "scopes":
		return readList(value, &k.Scopes)
	case "cidrs":
		return readList(value, &k.AllowedCidrs)
	case "apis":
		return readList(value, &k.Apis)
	case "rateLimits", "quotas":
		var texts []string
		if wrong := readList(value, &texts); wrong != "" {
			return wrong
		}
		if name == "quotas" {
			return setQuotas(k, texts)
		}
		return setRateLimits(k, texts)
	case "labels":
		if json.Unmarshal(value, &k.Labels) != nil {
			k.Labels = nil
			return "must be an object of texts, or a text such as \"team=core;env=prod\""
		}
		return ""
	}
	return "must be a text"
}

func readList(value json.RawMessage, into *[]string) (message string) {
	if json.Unmarshal(value, into) != nil {
		*into = nil
		return "must be a list of texts, or a text separated by ';'"
	}
	return ""
}
