package certs

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/tlstest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A start on files that can't be used fails, and says by which setting.
func TestOpenNamesTheSetting(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	one, two := ca.Server("one", time.Hour), ca.Server("two", time.Hour)
	block := func(kind string) []byte {
		return []byte("-----BEGIN " + kind + "-----\nAAAA\n-----END " + kind + "-----\n")
	}
	for _, c := range []struct {
		name, setting  string
		cert, key, ca  []byte
		missing, piped string
	}{
		{"", "", one.Cert, one.Key, ca.PEM, "", ""},
		{"the key beside the certificate", "", append(one.Key, one.Cert...), one.Key, ca.PEM, "", ""},
		{"text around the authorities", "", one.Cert, one.Key, append([]byte("My CA\n=====\n"), ca.PEM...), "", ""},
		{"no certificate file", "--cert:", one.Cert, one.Key, ca.PEM, "tls.crt", ""},
		{"no key file", "--key:", one.Cert, one.Key, ca.PEM, "tls.key", ""},
		{"no authority file", "--client-ca:", one.Cert, one.Key, ca.PEM, "ca.crt", ""},
		{"a pipe", "--key:", one.Cert, one.Key, ca.PEM, "tls.key", "tls.key"},
		{"empty", "--cert:", []byte("\n"), one.Key, ca.PEM, "", ""},
		{"two pairs", "--cert and --key:", one.Cert, two.Key, ca.PEM, "", ""},
		{"a key for a certificate", "--cert:", one.Key, one.Key, ca.PEM, "", ""},
		{"a certificate for a key", "--cert and --key:", one.Cert, one.Cert, ca.PEM, "", ""},
		{"a chain that ends early", "--cert:", append(one.Cert, ca.PEM[:len(ca.PEM)-30]...), one.Key, ca.PEM, "", ""},
		{"a chain that holds something else", "--cert:", append(one.Cert, block("CERTIFICATE")...), one.Key, ca.PEM, "", ""},
		{"authorities that begin damaged", "--client-ca:", one.Cert, one.Key, append(ca.PEM[:len(ca.PEM)-30:len(ca.PEM)-30], ca.PEM...), "", ""},
		{"authorities with something else", "--client-ca:", one.Cert, one.Key, append(block("X509 CRL"), ca.PEM...), "", ""},
		{"authorities in DER", "--client-ca:", one.Cert, one.Key, []byte{0x30, 0x82}, "", ""},
		{"too large", "--client-ca:", one.Cert, one.Key, append(bytes.Repeat([]byte("\n"), maxFile), ca.PEM...), "", ""},
	} {
		folder := t.TempDir()
		tlstest.Write(t, folder, "tls.crt", c.cert)
		tlstest.Write(t, folder, "tls.key", c.key)
		tlstest.Write(t, folder, "ca.crt", c.ca)
		if c.missing != "" {
			if err := os.Remove(filepath.Join(folder, c.missing)); err != nil {
				t.Fatal(err)
			}
		}
		if c.piped != "" {
			if err := syscall.Mkfifo(filepath.Join(folder, c.piped), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(names(folder, true), time.Now, discard())
		switch {
		case c.setting == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.setting != "" && (err == nil || !strings.HasPrefix(err.Error(), c.setting)):
			t.Errorf("%s: got %v, want it to begin with %s", c.name, err, c.setting)
		}
	}
}
