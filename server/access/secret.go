package access

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
)

// The sizes of a secret, in bytes.
const (
	MinSecretLen = 16
	MaxSecretLen = 512
	randomLen    = 32
	checksumLen  = 6
	maxPrefixLen = 16
	redacted     = "[redacted]"
)

// DefaultPrefix is what secrets begin with unless their tenant says otherwise.
const DefaultPrefix = "ks"

// The digits of base 62, in the order of their value.
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Form says what a presented credential looks like. The zero Form is that of no
// credential at all.
type Form uint8

// The forms of a credential.
const (
	// Missing: nothing was presented.
	Missing Form = iota
	// Malformed: it can't be a key of any origin.
	Malformed
	// Mistyped: it has the shape of our secrets, but its checksum is wrong.
	Mistyped
	// WellFormed: it may be a key.
	WellFormed
)

// Secret is a credential as it was presented or issued. It prints as
// "[redacted]" however it is formatted, logged or marshalled; Reveal gives the
// text. The zero Secret is a missing one.
type Secret struct {
	text string
	form Form
}

// ParseSecret judges what a client presented. It never fails: what can't be a
// key has a form that says so.
func ParseSecret(text string) Secret {
	switch {
	case text == "":
		return Secret{}
	case len(text) < MinSecretLen || len(text) > MaxSecretLen || !printable(text):
		return Secret{form: Malformed}
	case ours(text) && checksum(text[:len(text)-checksumLen]) != text[len(text)-checksumLen:]:
		return Secret{text: text, form: Mistyped}
	}
	return Secret{text: text, form: WellFormed}
}

// NewSecret draws a secret of 32 base 62 characters (190 bits) from random, with
// the prefix before and the checksum behind.
func NewSecret(random io.Reader, prefix string) (Secret, error) {
	if !ValidPrefix(prefix) {
		return Secret{}, errors.New("invalid secret prefix")
	}
	body := make([]byte, 0, randomLen)
	var buf [randomLen]byte
	for len(body) < randomLen {
		if _, err := io.ReadFull(random, buf[:]); err != nil {
			return Secret{}, fmt.Errorf("drawing a secret: %w", err)
		}
		for _, b := range buf {
			// 248 is the largest multiple of 62 in a byte; what lies above would
			// favour the first digits.
			if b < 248 && len(body) < randomLen {
				body = append(body, base62[b%62])
			}
		}
	}
	text := prefix + "_" + string(body)
	return Secret{text: text + checksum(text), form: WellFormed}, nil
}

// ValidPrefix tells whether secrets may begin with prefix:
// [a-z][a-z0-9_]{0,15}, and not "keystile", which is reserved.
func ValidPrefix(prefix string) bool {
	if prefix == "" || len(prefix) > maxPrefixLen || strings.HasPrefix(prefix, reservedPart) {
		return false
	}
	for i := range len(prefix) {
		c := prefix[i]
		lower := c >= 'a' && c <= 'z'
		if !lower && (i == 0 || (c != '_' && (c < '0' || c > '9'))) {
			return false
		}
	}
	return true
}

// Form tells what the secret looks like.
func (s Secret) Form() Form { return s.form }

// Reveal gives the secret's text. Its only readers are the reply that shows a
// new secret once, and the digest.
func (s Secret) Reveal() string { return s.text }

// Sum is SHA-256 of the secret's text.
func (s Secret) Sum() [sha256.Size]byte {
	// Most secrets fit into room that takes no memory.
	var room [128]byte
	return sha256.Sum256(append(room[:0], s.text...))
}

// Prefix is the part before the last underscore, empty for a foreign secret.
func (s Secret) Prefix() string {
	if !ours(s.text) {
		return ""
	}
	return s.text[:len(s.text)-randomLen-checksumLen-1]
}

// LastFour is the last four characters, by which people recognise a secret.
func (s Secret) LastFour() string {
	if len(s.text) < MinSecretLen {
		return ""
	}
	return s.text[len(s.text)-4:]
}

// String, GoString, Format, LogValue, MarshalJSON and MarshalText keep the
// secret out of whatever prints it.
func (s Secret) String() string { return redacted }

// GoString is what %#v prints.
func (s Secret) GoString() string { return redacted }

// Format covers every other verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue is what slog prints.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON is what encoding/json writes.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText is what text encoders write.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// ours tells whether text has the shape of the secrets that NewSecret makes,
// whatever its checksum.
func ours(text string) bool {
	cut := len(text) - randomLen - checksumLen
	if cut < 2 || text[cut-1] != '_' || !ValidPrefix(text[:cut-1]) {
		return false
	}
	for i := cut; i < len(text); i++ {
		if strings.IndexByte(base62, text[i]) < 0 {
			return false
		}
	}
	return true
}

// checksum is CRC-32 (IEEE 802.3) of text in base 62, most significant digit
// first, so that a scanner can tell a leaked key offline.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var out [checksumLen]byte
	for i := checksumLen - 1; i >= 0; i-- {
		out[i] = base62[sum%62]
		sum /= 62
	}
	return string(out[:])
}
