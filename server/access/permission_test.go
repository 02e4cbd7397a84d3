package access_test

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
)

func TestValidPermission(t *testing.T) {
	form := regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)
	agrees := func(t interface{ Errorf(string, ...any) }, text string) {
		if got, want := access.ValidPermission(text), len(text) <= 128 && form.MatchString(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
	for _, text := range []string{"", ".", "a", "a.b", ".a", "a.", "a..b", "a.*", "*", "a b", "ä", "a.\n", strings.Repeat("a", 128), strings.Repeat("a", 129)} {
		agrees(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		agrees(t, rapid.StringOfN(rapid.SampledFrom([]rune("aZ0_-..*ä ")), 0, 12, -1).Draw(t, "text"))
	})
}
