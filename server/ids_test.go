package server

import (
	"bytes"
	"crypto/rand"
	"errors"
	"regexp"
	"testing"
	"testing/iotest"
)

// Ids that are drawn many at a time look like others, none is given twice, and each
// of their bits comes from the source.
func TestIDsDrawnInBatches(t *testing.T) {
	form := regexp.MustCompile(`^dec_[0-9a-hjkmnp-tv-z]{26}$`)
	drawn := &ids{random: rand.Reader, prefix: decisionIDPrefix}
	seen := map[string]bool{}
	characters := make([]map[byte]bool, idLen)
	for range 20 * idBatch {
		id, err := drawn.next()
		if err != nil || !form.MatchString(id) || !validGenerated(id, decisionIDPrefix) || seen[id] {
			t.Fatalf("%q, %v, seen before: %t", id, err, seen[id])
		}
		seen[id] = true
		for i := range idLen {
			if characters[i] == nil {
				characters[i] = map[byte]bool{}
			}
			characters[i][id[len(decisionIDPrefix)+i]] = true
		}
	}
	for i, of := range characters {
		if len(of) != len(idAlphabet) {
			t.Errorf("at place %d stand %d different characters", i, len(of))
		}
	}
	short := &ids{random: bytes.NewReader(make([]byte, 10))}
	if id, err := short.next(); id != "" || err == nil {
		t.Errorf("a source that ends gave %q, %v", id, err)
	}
	broken := &ids{random: iotest.ErrReader(errors.New("no randomness"))}
	if id, err := broken.next(); id != "" || err == nil {
		t.Errorf("a source that fails gave %q, %v", id, err)
	}
}
