package certs

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/tlstest"
)

func TestTheFilesOfAPairAreReplacedOneAfterTheOther(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	b := newBench(t, ca.Server("one", time.Hour))
	address, c := b.serve(), newClient(t, ca)
	two := ca.Server("two", 2*time.Hour)

	b.put("tls.crt", two.Cert)
	b.looks()
	if got := c.served(address); got != "one" {
		t.Errorf("with half of a new pair, %s is served, want one", got)
	}
	if n := b.told("can't be used"); n != 1 || b.told("--cert and --key") != 1 {
		t.Errorf("told %d times, want once, by the settings' names:\n%s", n, b.logged.String())
	}
	b.put("tls.key", two.Key)
	b.looks()
	if got := c.served(address); got != "two" {
		t.Errorf("with the whole new pair, %s is served, want two", got)
	}
	if left := time.Until(b.Expiry()); left < 90*time.Minute {
		t.Errorf("the expiry is the old pair's: %s left", left)
	}
	if n := b.told("in force for new connections"); n != 1 {
		t.Errorf("told %d times of the new pair, want once", n)
	}
}

func TestWhatCantBeUsedChangesNothing(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	one := ca.Server("one", time.Hour)
	b := newBench(t, one, ca)
	address, c := b.serve(), newClient(t, ca, ca.Client("c"))
	for name, spoil := range map[string]func(){
		"no certificate":       func() { b.put("tls.crt", []byte("nothing\n")) },
		"an empty key":         func() { b.put("tls.key", nil) },
		"half an authority":    func() { b.put("ca.crt", ca.PEM[:len(ca.PEM)/2]) },
		"no file":              func() { _ = os.Remove(filepath.Join(b.folder, "tls.key")) },
		"a key in the clients": func() { b.put("ca.crt", append(one.Key, ca.PEM...)) },
	} {
		before := b.told("can't be used")
		spoil()
		b.looks()
		if got := c.served(address); got != "one" {
			t.Errorf("%s: %q is served, want one", name, got)
		}
		if n := b.told("can't be used") - before; n != 1 {
			t.Errorf("%s: told %d times, want once:\n%s", name, n, b.logged.String())
		}
		b.put("tls.crt", one.Cert)
		b.put("tls.key", one.Key)
		b.trust(ca)
		b.looks()
	}
}

// What is seen once may be half written.
func TestNewFilesAreTakenOnceTheyStandStill(t *testing.T) {
	ca, other := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "other")
	b := newBench(t, ca.Server("one", time.Hour), ca, other)
	conn, err := newClient(t, ca, other.Client("c")).connect(b.serve())
	if err != nil {
		t.Fatal(err)
	}
	b.trust(ca)
	b.look()
	b.trust(ca, other)
	b.looks()
	if err := says(conn); err != nil {
		t.Errorf("a list that was seen half written ended a connection: %v", err)
	}
}

// Kubernetes puts new files beside the old ones, and turns one link to them.
func TestFilesBehindALinkThatTurns(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	folder := t.TempDir()
	version := func(name string) {
		t.Helper()
		dir := filepath.Join(folder, "..version_"+name)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		pair := ca.Server(name, time.Hour)
		tlstest.Write(t, dir, "tls.crt", pair.Cert)
		tlstest.Write(t, dir, "tls.key", pair.Key)
		if err := os.Symlink(filepath.Base(dir), filepath.Join(folder, "..new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(folder, "..new"), filepath.Join(folder, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	version("one")
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.Symlink("..data/"+name, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{t: t, folder: folder}
	var err error
	if b.Source, err = Open(names(folder, false), time.Now, discard()); err != nil {
		t.Fatal(err)
	}
	address, c := b.serve(), newClient(t, ca)
	if got := c.served(address); got != "one" {
		t.Fatalf("%s is served, want one", got)
	}
	version("two")
	b.looks()
	if got := c.served(address); got != "two" {
		t.Errorf("%s is served, want two", got)
	}
}

func TestExpiry(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	leaf, middle := ca.Server("leaf", time.Hour), ca.Server("middle", 30*time.Minute)
	b := newBench(t, tlstest.Pair{Cert: append(leaf.Cert, middle.Cert...), Key: leaf.Key})
	if left := time.Until(b.Expiry()); left > 31*time.Minute {
		t.Errorf("%s left: the chain's first expiry counts", left)
	}
	if b.told("has expired") > 0 {
		t.Error("told of an expiry that has not come")
	}
	b.now = func() time.Time { return time.Now().Add(45 * time.Minute) }
	b.warnOfExpiry()
	b.warnOfExpiry()
	if n := b.told("has expired"); n != 1 {
		t.Errorf("told %d times of the expiry, want once", n)
	}
}

func TestOldProtocolsAreRefused(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	address := newBench(t, ca.Server("one", time.Hour)).serve("h2")
	c := newClient(t, ca)
	c.config.MinVersion, c.config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := c.connect(address); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
	c.config.MaxVersion, c.config.NextProtos = tls.VersionTLS12, []string{"http/1.1", "h2"}
	conn, err := c.connect(address)
	if err != nil || conn.ConnectionState().NegotiatedProtocol != "h2" {
		t.Errorf("TLS 1.2 with ALPN: %v", err)
	}
}
