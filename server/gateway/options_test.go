package gateway

import "testing"

func TestForges(t *testing.T) {
	usual, own := (&Options{}).Names(), (&Options{IdentityPrefix: "X-Auth-"}).Names()
	for _, name := range []string{"x-keystile-tenant", "X-Keystile-User", "x_keystile_user", "X.Keystile.Key", "x-keystile_roles", "X-KEYSTILE-NEW", "x-keystile-"} {
		if !usual.Forges(name) || own.Forges(name) {
			t.Errorf("%q: got %t and %t, want true and false", name, usual.Forges(name), own.Forges(name))
		}
	}
	for _, name := range []string{"", "x", "x-keystile", "xkeystile-user", "x-keystiles-user", "x-api-key"} {
		if usual.Forges(name) {
			t.Errorf("%q is taken for an identity header", name)
		}
	}
	if !own.Forges("x_auth_user") || own.Tenant != "X-Auth-Tenant" {
		t.Errorf("a prefix of one's own: %+v", own)
	}
}

func TestHeaderText(t *testing.T) {
	for text, want := range map[string]string{
		"":                 "",
		"ada":              "ada",
		"ada@example.com":  "ada@example.com",
		"a b":              "a%20b",
		"a\r\nX-Admin: 1":  "a%0D%0AX-Admin:%201",
		"zoë":              "zo%C3%AB",
		"100%":             "100%25",
		"a,b":              "a%2Cb",
		"\x00\x7f":         "%00%7F",
		"\xff not UTF-8 ✓": "%FF%20not%20UTF-8%20%E2%9C%93",
	} {
		if got := headerText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := headerList([]string{"admin", "a,b"}); got != "admin,a%2Cb" {
		t.Errorf("got %q", got)
	}
}
