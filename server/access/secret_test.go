package access_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/keystile/keystile/server/access"
	"github.com/keystile/keystile/storage"
)

func newSecret(t testing.TB, prefix string) access.Secret {
	t.Helper()
	s, err := access.NewSecret(rand.Reader, prefix)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNewSecret(t *testing.T) {
	shape := regexp.MustCompile(`^acme_live_[0-9A-Za-z]{38}$`)
	seen := map[string]bool{}
	for range 200 {
		s := newSecret(t, "acme_live")
		if !shape.MatchString(s.Reveal()) || seen[s.Reveal()] {
			t.Fatal("a secret has the wrong shape, or came twice")
		}
		seen[s.Reveal()] = true
		if got := access.ParseSecret(s.Reveal()); got.Form() != access.WellFormed || got.Prefix() != "acme_live" {
			t.Fatalf("form %d, prefix %q", got.Form(), got.Prefix())
		}
		if got, want := s.LastFour(), s.Reveal()[len(s.Reveal())-4:]; got != want {
			t.Fatalf("last four %q", got)
		}
	}
}

// The checksum is fixed for good: scanners compute it without us.
func TestChecksumIsStable(t *testing.T) {
	const known = "ks_00000000000000000000000000000000" // CRC-32 (IEEE) 0xfb435d66
	if got := access.ParseSecret(known + "4bHn5a").Form(); got != access.WellFormed {
		t.Errorf("form %d: the checksum of a known secret changed", got)
	}
}

func TestEveryMistypedCharacterIsNoticed(t *testing.T) {
	text := newSecret(t, "ks").Reveal()
	for i := len("ks_"); i < len(text); i++ {
		other := byte('A')
		if text[i] == other {
			other = 'B'
		}
		typo := text[:i] + string(other) + text[i+1:]
		if got := access.ParseSecret(typo).Form(); got != access.Mistyped {
			t.Errorf("character %d changed: form %d", i, got)
		}
	}
}

func TestParseSecret(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want access.Form
	}{
		"nothing":            {"", access.Missing},
		"15 bytes":           {strings.Repeat("a", 15), access.Malformed},
		"16 bytes":           {strings.Repeat("a", 16), access.WellFormed},
		"512 bytes":          {strings.Repeat("a", 512), access.WellFormed},
		"513 bytes":          {strings.Repeat("a", 513), access.Malformed},
		"blank inside":       {"aaaaaaaa aaaaaaaa", access.Malformed},
		"NUL":                {"aaaaaaaa\x00aaaaaaaa", access.Malformed},
		"line end":           {"aaaaaaaaaaaaaaaa\n", access.Malformed},
		"not ASCII":          {"aaaaaaaaaaaaaaaaä", access.Malformed},
		"foreign":            {"sk-proj-0123456789abcdef", access.WellFormed},
		"ours, bad checksum": {"ks_" + strings.Repeat("0", 38), access.Mistyped},
	} {
		if got := access.ParseSecret(c.text).Form(); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, ok := range []string{"k", "ks", "acme_live", "a123456789012345"} {
		if !access.ValidPrefix(ok) {
			t.Errorf("%q is refused", ok)
		}
	}
	for _, bad := range []string{"", "1a", "_a", "Ks", "a-b", "keystile", "keystile_x", "a1234567890123456", "ä"} {
		if access.ValidPrefix(bad) {
			t.Errorf("%q is accepted", bad)
		}
		if _, err := access.NewSecret(rand.Reader, bad); err == nil {
			t.Errorf("a secret is made with %q", bad)
		}
	}
}

func TestSecretNeverPrints(t *testing.T) {
	s := newSecret(t, "ks")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", struct{ S access.Secret }{s})
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "pointer", &s)
	asJSON, err := json.Marshal(map[string]any{"s": s, "p": &s, "in": []access.Secret{s}})
	if err != nil {
		t.Fatal(err)
	}
	all := log.String() + string(asJSON)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, struct{ S access.Secret }{s})
	}
	if strings.Contains(all, s.Reveal()) || strings.Contains(all, s.Reveal()[3:20]) {
		t.Error("a secret was printed")
	}
	if hexed := fmt.Sprintf("%x", s.Reveal()); strings.Contains(all, hexed) {
		t.Error("a secret was printed in hex")
	}
}

func TestPeppers(t *testing.T) {
	s := newSecret(t, "ks")
	old := access.Pepper{ID: "old", Key: bytes.Repeat([]byte{1}, 32)}
	current := access.Pepper{ID: "new", Key: bytes.Repeat([]byte{2}, 32)}
	rows := map[storage.Digest]access.Grant{}
	store := func(p access.Peppers) {
		d, id := p.Digest(s)
		rows[d] = access.Grant{Key: &storage.Key{ID: "under " + id, Secrets: []storage.Secret{{Digest: d, PepperID: id}}}}
	}
	// One for all lists: what it remembers of one must not show in another.
	var digester access.Digester
	find := func(p access.Peppers) string {
		var g access.Grant
		ok := p.Find(&digester, s, &g, func(d *storage.Digest) (ok bool) { g, ok = rows[*d]; return ok })
		if ok != (g.Key != nil) {
			t.Errorf("found %t, and the evidence is %v", ok, g)
		}
		if !ok {
			return "nothing"
		}
		return g.Key.ID
	}
	expect := func(p access.Peppers, want string) {
		t.Helper()
		if got := find(p); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	none := access.Peppers{}
	store(none)
	expect(none, "under ")
	// With a pepper in use, a plain digest opens no door: anybody who can write
	// to the database could plant one.
	expect(access.Peppers{List: []access.Pepper{current}}, "nothing")
	store(access.Peppers{List: []access.Pepper{old}})
	expect(access.Peppers{List: []access.Pepper{current}}, "nothing")
	expect(access.Peppers{List: []access.Pepper{current, old}}, "under old")
	store(access.Peppers{List: []access.Pepper{current, old}})
	expect(access.Peppers{List: []access.Pepper{current, old}}, "under new")
	if access.Pepper.Apply(current, s.Sum()) == storage.Digest(s.Sum()) {
		t.Error("a pepper changes nothing")
	}
}
