package access_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/keystile/keystile/server/access"
)

func TestReadPath(t *testing.T) {
	reads := func(raw string, want ...string) {
		t.Helper()
		p, ok := access.ReadPath(raw)
		if got := slices.Collect(p.Segments()); !ok || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %t, want %q", raw, got, ok, want)
		}
		if text := "/" + strings.Join(want, "/"); p.String() != text {
			t.Errorf("%q: written as %q, want %q", raw, p, text)
		}
	}
	reads("/", "")
	reads("/orders", "orders")
	reads("/orders/", "orders", "")
	reads("/orders/7", "orders", "7")
	reads("/orders/7?x=1", "orders", "7")
	reads("/?", "")
	reads("/orders?a=/../%00%zz#\\\x00\xff?", "orders")
	reads("/caf%C3%A9/caf\u00e9", "caf\u00e9", "caf\u00e9")
	reads("/a%20b/%7Bx%7d", "a b", "{x}")
	reads("/who%3F/c%23", "who?", "c#")
	reads("/100%25/%25zz/%252", "100%", "%zz", "%2")
	reads("/a;v=1/b;c", "a;v=1", "b;c")
	reads("/a%3Bb", "a;b")
	reads("/.well-known/..a/a../.../.a", ".well-known", "..a", "a..", "...", ".a")
	reads("/a%2Eb/%2e%2e%2e", "a.b", "...")
	reads("/a:b@c!$&'()*+,=~_-", "a:b@c!$&'()*+,=~_-")
	reads("/"+strings.Repeat("a", access.MaxPathLen-1), strings.Repeat("a", access.MaxPathLen-1))
	reads(strings.Repeat("/a", access.MaxPathSegments), slices.Repeat([]string{"a"}, access.MaxPathSegments)...)
	reads("/a?"+strings.Repeat("x", access.MaxPathLen), "a")
}

func TestReadPathRefuses(t *testing.T) {
	for what, raws := range map[string][]string{
		"no leading slash":    {"", "orders", "*", "?", "http://a.test/orders", "%2Forders", ".", " /a"},
		"fragment":            {"/a#b", "/#", "/a#?b"},
		"blank":               {"/a b", "/ ", "/a "},
		"backslash":           {"/a\\b", "/\\", "/a%5Cb", "/a%5cb", "/..\\a"},
		"encoded slash":       {"/a%2Fb", "/a%2fb", "/%2f", "/a/..%2fb"},
		"empty segment":       {"//", "//a", "/a//b", "/a//", "///"},
		"dot segment":         {"/.", "/..", "/./", "/../", "/a/./b", "/a/../b", "/a/.", "/a/..", "/../../etc"},
		"encoded dot segment": {"/%2e", "/%2E/", "/%2e%2e", "/.%2e/a", "/%2e./a", "/a/%2E%2e"},
		"dot with parameters": {"/.;", "/..;", "/..;x/a", "/.;x=1/a", "/%2e%2e;/a", "/..%3Bx/a", "/.%2e%3b"},
		"parameters alone":    {"/;", "/;x", "/a/;x/b", "/%3Bx"},
		"double encoding":     {"/%252e", "/%252fa", "/a%2541", "/%25%34%31", "/%25%32f", "/%25ff"},
		"escape that is none": {"/%", "/a%", "/a%2", "/%zz", "/%2", "/%g0", "/%u002f", "/a%/b"},
		"control character":   {"/\x00", "/a%00", "/a\x01", "/a%0a", "/a%0D", "/a\r\nb", "/a\tb", "/\x7f", "/%7F", "/%1f", "/\u0085", "/%C2%9F"},
		"invalid UTF-8":       {"/\xff", "/%ff", "/a%C3", "/%C3%28", "/%c0%af", "/%C0%AE%c0%ae", "/%E0%80%AF", "/%ED%A0%80", "/caf\xc3"},
		"too long":            {"/" + strings.Repeat("a", access.MaxPathLen)},
		"too many segments":   {strings.Repeat("/a", access.MaxPathSegments+1), strings.Repeat("/a", access.MaxPathSegments) + "/"},
	} {
		for _, raw := range raws {
			if p, ok := access.ReadPath(raw); ok || p != (access.Path{}) {
				t.Errorf("%s: %.40q is read as %.40q, %t", what, raw, p, ok)
			}
		}
	}
}

// checkPath fails when what was read could still be read differently.
func checkPath(t interface{ Errorf(string, ...any) }, raw string) {
	p, ok := access.ReadPath(raw)
	if !ok {
		return
	}
	segments := slices.Collect(p.Segments())
	for i, s := range segments {
		bare, _, _ := strings.Cut(s, ";")
		empty := bare == "" && (s != "" || i != len(segments)-1)
		unclean := strings.ContainsAny(s, "/\\") || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
		if empty || unclean || bare == "." || bare == ".." {
			t.Errorf("%q has the segment %q", raw, s)
		}
	}
	// An independent reader, and one that decodes once too often.
	path, _, _ := strings.Cut(raw, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || decoded != "/"+strings.Join(segments, "/") {
		t.Errorf("%q is read as %q, by others as %q, %v", raw, segments, decoded, err)
	}
	if twice, err := url.PathUnescape(decoded); err == nil && twice != decoded {
		t.Errorf("%q decodes to %q and then to %q", raw, decoded, twice)
	}
	if len(segments) > access.MaxPathSegments {
		t.Errorf("%q has %d segments", raw, len(segments))
	}
}

func TestReadPathLeavesNothingAmbiguous(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"/", "/", "/", "a", "b", ".", "..", ";", "%2e", "%2F", "%5c", "\\", "%25", "%", "2e", "%00", "\x01", "%C3", "%A9", "\xc3\xa9", "\xff", "#", "?", " ", "%3b",
	})
	rapid.Check(t, func(t *rapid.T) {
		checkPath(t, "/"+strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "pieces"), ""))
	})
}

func FuzzReadPath(f *testing.F) {
	for _, seed := range []string{
		"/", "/orders/7?x=1", "/a/%2e%2e/b", "/..;x/", "/%252f", "/caf%C3%A9", "/a;b", "/a//b", "/%c0%af", "/a\\b", "/%25%34%31", "/\u0085",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) { checkPath(t, raw) })
}

func BenchmarkReadPath(b *testing.B) {
	for name, raw := range map[string]string{
		"plain":   "/v1/customers/0815/orders/4711?expand=items",
		"escaped": "/v1/customers/M%C3%BCller/orders/4711?expand=items",
		"refused": "/v1/customers/%2e%2e/orders/4711",
		"longest": strings.Repeat("/"+strings.Repeat("a", 255), 64),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := access.ReadPath(raw); ok == (name == "refused") {
					b.Fatal("read wrongly")
				}
			}
		})
	}
}
