package access_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
)

func TestReadHost(t *testing.T) {
	reads := func(text, want string) {
		t.Helper()
		if got, ok := access.ReadHost(text); !ok || got != want {
			t.Errorf("%q: got %q, %t, want %q", text, got, ok, want)
		}
	}
	refuses := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if got, ok := access.ReadHost(text); ok {
				t.Errorf("%q is read as %q", text, got)
			}
		}
	}
	label63 := strings.Repeat("a", 63)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("b", 61)

	reads("", "")
	reads("api.acme.test", "api.acme.test")
	reads("API.Acme.TEST", "api.acme.test")
	reads("api.acme.test.", "api.acme.test")
	reads("api.acme.test:8443", "api.acme.test")
	reads("api.acme.test.:443", "api.acme.test")
	reads("localhost", "localhost")
	reads("xn--bcher-kva.test", "xn--bcher-kva.test")
	reads("a_b.test", "a_b.test")
	reads("1and1.test", "1and1.test")
	reads("192.0.2.7:80", "192.0.2.7")
	reads("192.0.2.7.", "192.0.2.7")
	reads("[::1]", "[::1]")
	reads("[2001:DB8::0:7]:8080", "[2001:db8::7]")
	reads("[::ffff:192.0.2.7]", "[::ffff:192.0.2.7]")
	reads(name253, name253)
	reads(name253+".:65535", name253)

	refuses(".", "..", ".a", "a..b", "a..", ":80", ".:80")
	refuses("a:", "a:b", "a:80:80", "a:-1", "a:+1", "a:65536", "a:000080", "a: 80", "a:80 ")
	refuses("user@a.test", "user:pw@a.test", "a.test/", "a.test?x", "a.test#x", "http://a.test", "a b", " a", "a ", "a\t", "a\r\nb", "a\x00", "a\x7f")
	refuses("bücher.test", "\xff", "a,b", "a%2eb", "*", "*.a.test", "a\\b", "a;b")
	refuses("::1", "2001:db8::1", "[::1", "::1]", "[]", "[::1]x", "[::1].", "[::1]:", "[::1]:x", "[fe80::1%eth0]", "[192.0.2.7]", "[[::1]]", "[a.test]")
	refuses("127.1", "0x7f.1", "2130706433", "0x7f000001", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "a.0x", "a.1")
	refuses(label63+"a.test", name253+"b", name253+".x")
}

// What was read reads as itself again: no second reader gets on.
func TestReadHostIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zA-Z0-9.:\[\]_%@*-]{0,20}`).Draw(t, "host")
		once, ok := access.ReadHost(text)
		if !ok {
			return
		}
		if twice, ok := access.ReadHost(once); !ok || twice != once {
			t.Fatalf("%q is read as %q, and that as %q, %t", text, once, twice, ok)
		}
		if once != "" && !access.ValidHostPattern(once) {
			t.Fatalf("%q is a host and no pattern", once)
		}
	})
}

func TestHostPatterns(t *testing.T) {
	for _, good := range []string{"*", "a", "api.acme.test", "*.acme.test", "*.test", "192.0.2.7", "[::1]", "*.a_b.test"} {
		if !access.ValidHostPattern(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{
		"", ".", "*.", "**", "*a.test", "a.*.test", "api.*", "*.*.test", "*.*", "*.a..b", "*..a",
		"a.test:80", "*.a.test:80", "*:80", "*.192.0.2.7", "*.0.2.7", "*.[::1]", "*.1", "[::0]", "A.test", "a.test.", "*.a.test.", "*.A.test",
	} {
		if access.ValidHostPattern(bad) {
			t.Errorf("%q is accepted", bad)
		}
	}
	for text, want := range map[string]string{
		"API.Acme.Test.": "api.acme.test", "*.ACME.test.": "*.acme.test", "*": "*", "[::0]": "[::]",
	} {
		if got, ok := access.NormalHostPattern(text); !ok || got != want {
			t.Errorf("%q: got %q, %t, want %q", text, got, ok, want)
		}
	}
}

func TestHostCovers(t *testing.T) {
	covers := func(pattern, other string, want bool) {
		t.Helper()
		if got := access.HostCovers(pattern, other); got != want {
			t.Errorf("%q covers %q: got %t", pattern, other, got)
		}
	}
	covers("*", "a.test", true)
	covers("*", "*.test", true)
	covers("*", "*", true)
	covers("*", "", false)
	covers("", "", false)
	covers("", "a.test", false)
	covers("a.test", "a.test", true)
	covers("a.test", "b.a.test", false)
	covers("a.test", "*", false)
	covers("*.a.test", "a.test", false)
	covers("*.a.test", ".a.test", false)
	covers("*.a.test", "b.a.test", true)
	covers("*.a.test", "c.b.a.test", true)
	covers("*.a.test", "xa.test", false)
	covers("*.a.test", "*.a.test", true)
	covers("*.a.test", "*.b.a.test", true)
	covers("*.a.test", "*.test", false)
	covers("*.a.test", "*", false)
	covers("*.a.test", "*.xa.test", false)
}

var somePatterns = []string{
	"*", "*.test", "*.a.test", "*.b.a.test", "a.test", "b.a.test", "c.b.a.test", "b.test", "xa.test", "*.xa.test",
}

// Overlapping means nothing else than sharing a host.
func TestHostsOverlapWhenTheyShareAHost(t *testing.T) {
	for _, a := range somePatterns {
		for _, b := range somePatterns {
			shared := false
			for _, host := range []string{"test", "a.test", "b.test", "b.a.test", "c.b.a.test", "z.b.a.test", "z.a.test", "z.test", "xa.test", "z.xa.test", "other"} {
				shared = shared || access.HostCovers(a, host) && access.HostCovers(b, host)
			}
			if got := access.HostsOverlap(a, b); got != shared {
				t.Errorf("%q and %q: overlap %t, share a host %t", a, b, got, shared)
			}
		}
	}
}

func TestHostOwners(t *testing.T) {
	var o access.HostOwners
	owned := func(host, want string) {
		t.Helper()
		if got, ok := o.Owner(host); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", host, got, ok, want)
		}
	}
	owned("api.acme.test", "")
	o.Set("acme", []string{"api.acme.test", "*.acme.example"})
	o.Set("beta", []string{"beta.test", "NOT VALID", "*.Upper.test", "beta.test"})
	owned("api.acme.test", "acme")
	owned("x.api.acme.test", "")
	owned("acme.example", "")
	owned("z.y.acme.example", "acme")
	owned("beta.test", "beta")
	owned("x.upper.test", "")
	owned("", "")

	o.Set("rest", []string{"*"})
	o.Set("deep", []string{"*.y.acme.example"})
	owned("other.test", "rest")
	owned("[::1]", "rest")
	owned("x.acme.example", "acme")
	owned("x.y.acme.example", "deep")
	owned("", "")

	// What the store should never hold opens no door to either.
	o.Set("thief", []string{"api.acme.test"})
	owned("api.acme.test", "")
	o.Set("thief", nil)
	owned("api.acme.test", "acme")

	o.Set("acme", []string{"new.acme.test"})
	owned("new.acme.test", "acme")
	owned("api.acme.test", "rest")
	owned("x.acme.example", "rest")
	o.Set("rest", nil)
	owned("other.test", "")
}

// The index says what comparing all patterns would, whatever the order of
// writes.
func TestHostOwnersAgreeWithEveryPattern(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tenants := map[string][]string{}
		var o access.HostOwners
		for range rapid.IntRange(1, 8).Draw(t, "writes") {
			id := rapid.SampledFrom([]string{"t1", "t2", "t3"}).Draw(t, "tenant")
			tenants[id] = rapid.SliceOfN(rapid.SampledFrom(somePatterns), 0, 3).Draw(t, "hosts")
			o.Set(id, tenants[id])
		}
		host := rapid.SampledFrom([]string{"a.test", "b.a.test", "z.b.a.test", "xa.test", "other", "test"}).Draw(t, "host")
		best, owners := "", map[string]bool{}
		for id, patterns := range tenants {
			for _, p := range patterns {
				switch {
				case !access.HostCovers(p, host):
				case best == "" || p != best && narrower(p, best):
					best, owners = p, map[string]bool{id: true}
				case p == best:
					owners[id] = true
				}
			}
		}
		got, ok := o.Owner(host)
		if ok != (len(owners) == 1) || ok && !owners[got] {
			t.Fatalf("%s: got %q, %t, want one of %v by %q; tenants %v", host, got, ok, owners, best, tenants)
		}
	})
}

func narrower(a, b string) bool { return access.HostCovers(b, a) }

func FuzzReadHost(f *testing.F) {
	for _, seed := range []string{"", "a.test:80", "[::1]:80", "*.a", "1.2.3.4", "a..b", "user@h", "0x7f.1", "a\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, ok := access.ReadHost(text)
		if !ok {
			if host != "" {
				t.Errorf("%q is refused and read as %q", text, host)
			}
			return
		}
		if again, ok := access.ReadHost(host); !ok || again != host {
			t.Errorf("%q is read as %q, and that as %q, %t", text, host, again, ok)
		}
		if host != strings.ToLower(host) || strings.ContainsAny(host, "@/\\?#* \t\r\n\x00") || len(host) > 253 {
			t.Errorf("%q is read as %q", text, host)
		}
		var o access.HostOwners
		o.Set("t", []string{text, host, "*." + text})
		if _, owned := o.Owner(host); owned != (host != "") {
			t.Errorf("%q: owned %t", host, owned)
		}
	})
}

func BenchmarkHostOwner(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		var o access.HostOwners
		for i := range n {
			o.Set(fmt.Sprintf("t%d", i), []string{fmt.Sprintf("api%d.example.test", i), fmt.Sprintf("*.wild%d.example.test", i)})
		}
		hosts := make([]string, 256)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range hosts {
			hosts[i] = fmt.Sprintf("a.b.wild%d.example.test", random.IntN(n))
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := o.Owner(hosts[i%len(hosts)]); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}
