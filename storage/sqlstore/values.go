package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/keystile/keystile/storage"
)

// micros is how a time is stored; no time is NULL.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// cut gives a time as it comes back from the store.
func cut(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return at(t.UnixMicro())
}

func at(stored int64) time.Time { return time.UnixMicro(stored).UTC() }

func maybeAt(stored sql.NullInt64) time.Time {
	if !stored.Valid {
		return time.Time{}
	}
	return at(stored.Int64)
}

// bytes gives value as bytes that are never NULL.
func bytes(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// jsonList writes a list of texts. JSON would repair or hide what the check
// of values refuses, so each is checked here.
func jsonList(texts []string) (string, error) {
	if err := checkTexts(texts); err != nil {
		return "", err
	}
	return jsonText(orEmpty(texts))
}

func jsonPrefixes(prefixes []netip.Prefix) (string, error) {
	texts := make([]string, len(prefixes))
	for i, prefix := range prefixes {
		if !prefix.IsValid() {
			return "", fmt.Errorf("%w: an invalid address prefix", storage.ErrInvalid)
		}
		texts[i] = prefix.Masked().String()
	}
	return jsonText(texts)
}

func jsonLabels(labels map[string]string) (string, error) {
	for name, value := range labels {
		if err := errors.Join(checkText(name), checkText(value)); err != nil {
			return "", err
		}
	}
	if labels == nil {
		labels = map[string]string{}
	}
	return jsonText(labels)
}

func jsonText(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("%w: %w", storage.ErrInvalid, err)
	}
	return string(text), nil
}

// fields reads the fields of a record that may be spoilt. Once one has been,
// the record must get the zero state.
type fields struct{ spoilt bool }

func (f *fields) list(text string) []string {
	var texts []string
	if json.Unmarshal([]byte(text), &texts) != nil || texts == nil {
		f.spoilt = true
		return nil
	}
	if len(texts) == 0 {
		return nil
	}
	return texts
}

func (f *fields) prefixes(text string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, each := range f.list(text) {
		prefix, err := netip.ParsePrefix(each)
		if err != nil {
			f.spoilt = true
			return nil
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes
}

func (f *fields) labels(text string) map[string]string {
	var labels map[string]string
	if json.Unmarshal([]byte(text), &labels) != nil || labels == nil {
		f.spoilt = true
		return nil
	}
	if len(labels) == 0 {
		return nil
	}
	return labels
}

func (f *fields) digest(stored []byte) (digest [32]byte) {
	if copy(digest[:], stored) != len(digest) || len(stored) != len(digest) {
		f.spoilt = true
		return [32]byte{}
	}
	return digest
}

// oneOf reads a text that is one of a few; others are spoilt, those that only a
// newer release knows included.
func oneOf[T ~string](f *fields, text string, known ...T) T {
	for _, each := range known {
		if text == string(each) {
			return each
		}
	}
	f.spoilt = true
	return ""
}

// flag is how a truth is stored: SQLite has no type for it.
func flag(value bool) int64 {
	if value {
		return 1
	}
	return 0
}

// orNull is how an id that may be absent is stored, so that a foreign key asks
// for it only when it is there.
func orNull(id string) any {
	if id == "" {
		return nil
	}
	return id
}
