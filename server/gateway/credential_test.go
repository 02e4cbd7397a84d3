package gateway

import (
	"encoding/base64"
	"testing"

	"github.com/keystile/keystile/server/access"
)

const (
	one   = "ks_one-one-one-one-one"
	other = "ks_other-other-other"
)

func basic(pair string) string { return "basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }

func TestCredential(t *testing.T) {
	for _, c := range []struct {
		name string
		// headers are pairs of a name and a value.
		headers []string
		target  string
		want    string
		form    access.Form
	}{
		{name: "none", form: access.Missing},
		{name: "bearer", headers: []string{"authorization", "Bearer " + one}, want: one, form: access.WellFormed},
		{name: "scheme in another case", headers: []string{"authorization", "bEARER " + one}, want: one, form: access.WellFormed},
		{name: "blanks around", headers: []string{"authorization", "  Bearer   " + one + "  "}, want: one, form: access.WellFormed},
		{name: "bearer without a token", headers: []string{"authorization", "Bearer "}, form: access.Missing},
		{name: "bearer alone", headers: []string{"authorization", "Bearer"}, form: access.Missing},
		{name: "two tokens", headers: []string{"authorization", "Bearer " + one + " " + one}, form: access.Malformed},
		{name: "no scheme", headers: []string{"authorization", one}, form: access.Malformed},
		{name: "another scheme", headers: []string{"authorization", "Digest username=\"ada\""}, form: access.Malformed},
		{name: "basic", headers: []string{"authorization", basic(one + ":")}, want: one, form: access.WellFormed},
		{name: "basic with a password", headers: []string{"authorization", basic(one + ":x")}, want: one, form: access.WellFormed},
		{name: "basic without a colon", headers: []string{"authorization", basic(one)}, form: access.Malformed},
		{name: "basic that is no base64", headers: []string{"authorization", "Basic !!!!"}, form: access.Malformed},
		{name: "basic with a password alone", headers: []string{"authorization", basic(":" + one)}, form: access.Malformed},
		{name: "basic of nothing", headers: []string{"authorization", basic(":")}, form: access.Missing},
		{name: "api key", headers: []string{"x-api-key", one}, want: one, form: access.WellFormed},
		{name: "empty api key", headers: []string{"x-api-key", ""}, form: access.Missing},
		{name: "empty api key beside a bearer", headers: []string{"x-api-key", "", "authorization", "Bearer " + one}, want: one, form: access.WellFormed},
		{name: "the same twice", headers: []string{"x-api-key", one, "authorization", "Bearer " + one}, want: one, form: access.WellFormed},
		{name: "the same three times", headers: []string{"x-api-key", one, "x-api-key", one, "authorization", basic(one + ":")}, want: one, form: access.WellFormed},
		{name: "two", headers: []string{"x-api-key", one, "authorization", "Bearer " + other}, form: access.Malformed},
		{name: "two, the other way round", headers: []string{"authorization", "Bearer " + other, "x-api-key", one}, form: access.Malformed},
		{name: "two bearers", headers: []string{"authorization", "Bearer " + one, "authorization", "Bearer " + other}, form: access.Malformed},
		{name: "first, other, first", headers: []string{"x-api-key", one, "x-api-key", other, "x-api-key", one}, form: access.Malformed},
		{name: "a good one and one that can't be read", headers: []string{"x-api-key", one, "authorization", "Basic !"}, form: access.Malformed},
		{name: "case of the key", headers: []string{"x-api-key", one, "authorization", "Bearer KS_one-one-one-one-one"}, form: access.Malformed},
		{name: "query", target: "/a?api_key=" + one, want: one, form: access.WellFormed},
		{name: "query, escaped", target: "/a?b=1&api%5Fkey=ks%5Fone-one-one-one-one", want: one, form: access.WellFormed},
		{name: "query twice", target: "/a?api_key=" + one + "&api_key=" + other, form: access.Malformed},
		{name: "query and header differ", target: "/a?api_key=" + one, headers: []string{"x-api-key", other}, form: access.Malformed},
		{name: "query that can't be read", target: "/a?api_key=%zz", form: access.Malformed},
		{name: "path is no query", target: "/api_key=" + one, form: access.Missing},
		{name: "cookie", headers: []string{"cookie", "a=b; key=" + one + "; c=d"}, want: one, form: access.WellFormed},
		{name: "two cookies", headers: []string{"cookie", "key=" + one + "; key=" + other}, form: access.Malformed},
		{name: "a cookie of another case", headers: []string{"cookie", "KEY=" + one}, form: access.Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			var found credential
			for i := 0; i+1 < len(c.headers); i += 2 {
				switch c.headers[i] {
				case "authorization":
					found.authorization(c.headers[i+1])
				case "x-api-key":
					found.apiKey(c.headers[i+1])
				case "cookie":
					found.cookie(c.headers[i+1], "key")
				}
			}
			found.query(c.target, "api_key")
			got := found.secret()
			if got.Form() != c.form || got.Reveal() != c.want {
				t.Errorf("got form %d and %q, want %d and %q", got.Form(), got.Reveal(), c.form, c.want)
			}
		})
	}
}

func TestCookieIsTakenOut(t *testing.T) {
	for header, want := range map[string]string{
		"a=b; key=" + one + "; c=d": "a=b; c=d",
		"key=" + one:                "",
		"a=b":                       "a=b",
		";;a=b;; key=x;":            "a=b",
	} {
		var found credential
		if got := found.cookie(header, "key"); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

// Off by default: what is not configured is not looked at.
func TestQueryAndCookieAreOff(t *testing.T) {
	var found credential
	found.query("/a?api_key="+one+"&="+one, "")
	if rest := found.cookie("="+one, ""); rest != "="+one || found.secret().Form() != access.Missing {
		t.Errorf("got %q and form %d", rest, found.secret().Form())
	}
}
