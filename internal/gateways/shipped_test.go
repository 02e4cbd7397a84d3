//go:build gateways

package gateways

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// edit replaces texts in a copied file, which all have to be there, once.
func edit(t *testing.T, path string, pairs ...string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%s has %q %d times", path, pairs[i], strings.Count(text, pairs[i]))
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// uncomment makes lines of a copied file count that are shipped as a comment: those
// where nothing stands between the indent's '#' and the text.
func uncomment(t *testing.T, path, indent string, lines int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	comment := regexp.MustCompile(`(?m)^` + indent + `#([^ ].*| {4,}.*|\t.*)$`)
	if found := len(comment.FindAllIndex(raw, -1)); found != lines {
		t.Fatalf("%s has %d lines for a location that is bound, want %d", path, found, lines)
	}
	if err := os.WriteFile(path, comment.ReplaceAll(raw, []byte(indent+"$1")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// testStripped: the upstream is not told of another path, method or client address by
// the client.
func testStripped(t *testing.T, w *world) {
	t.Run("stripped", func(t *testing.T) {
		names := []string{
			"X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method",
			"X-Method-Override", "Forwarded", "X_Forwarded_For", "X_Forwarded_Host", "X_Original_URL",
		}
		sent := []string{"X-API-Key: " + w.keystile.keys["good"], "X-Other: stays", "X-Real-IP: 203.0.113.7", "X-Forwarded-Host: forged"}
		for _, name := range append(names, "X-Forwarded-Uri", "X-Forwarded-Method") {
			sent = append(sent, name+": /forged")
		}
		got := w.allowed(t, "stripped", w.send(w.request("GET", "/orders/7", sent...)), "/orders/7")
		for name, values := range got.header {
			if strings.Contains(strings.Join(values, ","), "forged") {
				t.Errorf("%s: %q goes upstream", name, values)
			}
		}
		for name, want := range map[string]string{"X-Other": "stays", "X-Real-Ip": clientAddress, "X-Forwarded-Host": "api.acme.test"} {
			if got := got.header.Values(name); len(got) != 1 || got[0] != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// testDeprecation: an API on its way out says so to the client, and no other does,
// whatever headers the client sends.
func testDeprecation(t *testing.T, w *world, sent ...string) {
	s := w.standIn(t)
	s.answers(yes("Deprecation", "@1000", "Sunset", "Thu, 01 Jan 1970 00:33:20 GMT"))
	r := w.send(w.request("GET", "/orders/7"))
	got := w.allowed(t, "a deprecated API", r, "/orders/7")
	if r.Header.Get("Deprecation") != "@1000" || r.Header.Get("Sunset") != "Thu, 01 Jan 1970 00:33:20 GMT" {
		t.Errorf("the client is told %v", r.Header)
	}
	for _, name := range []string{"X-Keystile-Deprecation", "X-Keystile-Sunset"} {
		if len(got.header.Values(name)) != 0 {
			t.Errorf("the upstream is told %s", name)
		}
	}
	s.answers(yes())
	r = w.send(w.request("GET", "/orders/7", append(sent, "Deprecation: @1", "Sunset: Thu, 01 Jan 1970 00:33:20 GMT")...))
	w.allowed(t, "another API", r, "/orders/7")
	if len(r.Header.Values("Deprecation")) != 0 || len(r.Header.Values("Sunset")) != 0 {
		t.Errorf("the client is told %v", r.Header)
	}
}

// otherAnswers is what no door of Keystile's says.
func otherAnswers() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"200 of something else": status(200), "204": status(204), "302": status(302, "Location", "/"), "404": status(404), "500": status(500),
		"503 of something else": status(503), "not a decision": status(200, "X-Keystile-User", "ada", "X-Keystile-Decision", ""),
		"no status that is known": status(299, "X-Keystile-Reason", "ALLOWED"),
	}
}

// testCaller: a proxy with a key of its own may ask, one without may not, and a client
// can't lend it one.
func testCaller(t *testing.T, g *gateway, equip func(*world)) {
	t.Helper()
	g.keystile = []string{"--check-auth=key"}
	replace := g.replace
	g.replace = func(w *world) []string {
		equip(w)
		if replace == nil {
			return nil
		}
		return replace(w)
	}
	w := start(t, g)
	good := "X-API-Key: " + w.keystile.keys["good"]
	w.allowed(t, "with a key of its own", w.send(w.request("GET", "/orders/7", good, "X-Keystile-Caller: forged")), "/orders/7")
	w.refused(t, "no key", w.send(w.request("GET", "/orders/7")), 401, "KEY_MISSING")

	w.keystile.call("POST", "/v1/users/proxy:suspend", object{"tenantId": "system"})
	for name, headers := range map[string][]string{"refused": {good}, "with a client's help": {good, "X-Keystile-Caller: " + w.keystile.root}} {
		r := w.send(w.request("GET", "/orders/7", headers...))
		if got := w.upstream.take(); len(got) != 0 || r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("X-Keystile-Reason") != "GATEWAY_REFUSED" {
			t.Errorf("%s: %d %q, %d calls upstream", name, r.StatusCode, r.Header.Get("X-Keystile-Reason"), len(got))
		}
	}
}
