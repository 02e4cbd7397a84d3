package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// parseServe reads a command line of serve.
func parseServe(t *testing.T, args ...string) (*ServeCmd, error) {
	t.Helper()
	var root struct {
		Serve ServeCmd `cmd:""`
	}
	parser, err := kong.New(&root, kong.BindTo(t.Context(), (*context.Context)(nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return &root.Serve, err
}

func TestTrustedProxies(t *testing.T) {
	for list, want := range map[string]string{
		"127.0.0.0/8,::1/128":                "127.0.0.0/8 ::1/128",
		"":                                   "",
		" ":                                  "",
		"10.0.0.0/8, 192.0.2.7 ,2001:db8::1": "10.0.0.0/8 192.0.2.7/32 2001:db8::1/128",
		"::ffff:192.0.2.7":                   "192.0.2.7/32",
		"10.1.2.3/8":                         "is 10.0.0.0/8 meant?",
		"::ffff:10.0.0.0/104":                "write it as IPv4",
		"0.0.0.0/0":                          "trusts everybody",
		"10.0.0.0/8,::/0":                    "trusts everybody",
		"10.0.0.0/8,":                        "neither an address",
		",":                                  "neither an address",
		"10.0.0.0/33":                        "neither an address",
		"fe80::1%eth0":                       "neither an address",
		"proxy.example":                      "neither an address",
		"10.0.0.0/8 10.1.0.0/16":             "neither an address",
		"127.0.0.1:80":                       "neither an address",
	} {
		c, err := parseServe(t, "--trusted-proxies="+list)
		var got []netip.Prefix
		if err == nil {
			got, err = c.trustedProxies()
		}
		switch text := strings.Trim(fmt.Sprint(got), "[]"); {
		case err != nil && (!strings.Contains(err.Error(), want) || want == "" || !strings.Contains(err.Error(), "--trusted-proxies")):
			t.Errorf("%q: %v, want %s", list, err, want)
		case err == nil && text != want:
			t.Errorf("%q: got %s, want %s", list, text, want)
		}
	}
	t.Setenv("KEYSTILE_TRUSTED_PROXIES", "")
	if c, err := parseServe(t); err != nil || c.TrustedProxies != "" {
		t.Errorf("an empty variable trusts %q (%v), want nobody", c.TrustedProxies, err)
	}
}

func TestIdentityHeaderPrefix(t *testing.T) {
	for _, fits := range []string{"X-Keystile-", "x-keystile-", "X-Acme-Auth-", "Keystile-", "X-Auth-", "A-", "X-Authz_User-"} {
		if _, err := parseServe(t, "--identity-header-prefix="+fits); err != nil {
			t.Errorf("%q is refused: %v", fits, err)
		}
	}
	for _, unfit := range []string{
		"", "-", "X", "X-Keystile", "X-Key stile-", "X-Key:-", "X-Kéy-", "-X-", "9-", "X-" + strings.Repeat("a", 62) + "-",
		"X-", "x-forwarded-", "X-Forwarded-", "X_Forwarded-", "X-Forwarded-User-", "X-Original-", "X-Envoy-", "X-Api-", "X-Real-", "X-Request-",
		"Content-", "Accept-", "Sec-", "Proxy-", "If-", "Set-", "User-", "WWW-", "Grpc-", "Access-Control-", "Access-", "Transfer-", "RateLimit-",
	} {
		if _, err := parseServe(t, "--identity-header-prefix="+unfit); err == nil || !strings.Contains(err.Error(), "--identity-header-prefix") {
			t.Errorf("%q: %v, want it refused by its name", unfit, err)
		}
	}
}

func TestCredentialNames(t *testing.T) {
	for _, flag := range []string{"--credential-query", "--credential-cookie"} {
		for _, fits := range []string{"", "api_key", "__Host-key", "k.e~y", strings.Repeat("a", 64)} {
			if _, err := parseServe(t, flag+"="+fits); err != nil {
				t.Errorf("%s %q is refused: %v", flag, fits, err)
			}
		}
		for _, unfit := range []string{"a b", "a=b", "a;b", "a&b", "a%20b", "a+b", "ä", "a\n", strings.Repeat("a", 65)} {
			if _, err := parseServe(t, flag+"="+unfit); err == nil || !strings.Contains(err.Error(), flag) {
				t.Errorf("%s %q: %v, want it refused by its name", flag, unfit, err)
			}
		}
	}
	c, err := parseServe(t, "--credential-query=key", "--credential-cookie=c", "--identity-header-prefix=X-A-B-", "--trusted-proxies=10.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	o, err := c.gateway()
	if err != nil || o.CredentialQuery != "key" || o.CredentialCookie != "c" || o.IdentityPrefix != "X-A-B-" ||
		!slices.Equal(o.TrustedProxies, []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}) {
		t.Errorf("got %+v, %v", o, err)
	}
}

// Half of what TLS takes is none, and says what is missing.
func TestTLSFlagsBelongTogether(t *testing.T) {
	for args, want := range map[string]string{
		"":                                   "",
		"--tls-cert-file=a --tls-key-file=b": "",
		"--tls-cert-file=a --tls-key-file=b --tls-client-ca-file=c":                   "",
		"--tls-cert-file=a --tls-key-file=b --tls-client-ca-file=c --check-auth=mtls": "",
		"--tls-cert-file=a":      "needs --tls-key-file",
		"--tls-key-file=a":       "needs --tls-cert-file",
		"--tls-client-ca-file=a": "--tls-client-ca-file needs",
		"--check-auth=mtls":      "--check-auth=mtls needs",
		"--check-auth=mtls --tls-cert-file=a --tls-key-file=b": "--check-auth=mtls needs",
	} {
		_, err := parseServe(t, strings.Fields(args)...)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
