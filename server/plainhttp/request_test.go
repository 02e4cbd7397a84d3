package plainhttp

import (
	"context"
	"strings"
	"testing"
)

// door is a handler that says what it was asked.
type door struct{}

func (door) Serves(target string) bool { return strings.HasPrefix(target, "/door") }

func (door) Answer(_ context.Context, r *Request, a *Answer) {
	a.Status = 401
	a.Fields = append(a.Fields, Field{"X-Asked", r.Method + " " + r.Host + r.Target}, Field{"X-Empty", ""}, Field{"X-Line", "a\r\nb"})
	if strings.HasPrefix(r.Target, "/door/200") {
		a.Status = 200
	} else {
		a.Body = []byte("no: " + strings.Join(r.Values("X-Key"), "|"))
	}
}

// wire writes a request with the line ends that HTTP wants.
func wire(lines ...string) string { return strings.Join(lines, "\r\n") + "\r\n\r\n" }

func TestPlainRequests(t *testing.T) {
	for _, text := range []string{
		wire("GET /door HTTP/1.1", "Host: a.test"),
		wire("GET /door HTTP/1.1", "hOST:a.test:80", "X-Empty:", "X-Tab: \t a\tb \t"),
		wire("get /door?x=%zz&%00 HTTP/1.1", "Host: [::1]:80", "Connection: Keep-Alive"),
		wire("PROPFIND /door/%2e%2E//..;/#x HTTP/1.1", "Host: a", "Content-Length: 0"),
		wire("HEAD /door HTTP/1.1", "Host: a", "X-Bytes: \x80\xff", "!#$%&'*+-.^_`|~: 1"),
	} {
		var r Request
		if size, plain := r.read([]byte(text+"GET"), door{}); !plain || size != len(text) {
			t.Errorf("%q: size %d, plain %v", text, size, plain)
		}
		for cut := range text {
			if size, plain := r.read([]byte(text[:cut]), door{}); !plain || size != 0 {
				t.Errorf("%q: size %d, plain %v: more has to come", text[:cut], size, plain)
			}
		}
	}
}

// Each of these is read by somebody in another way than by somebody else, or is not
// only a head.
func TestRequestsThatAreNotPlain(t *testing.T) {
	with := func(lines ...string) string {
		return wire(append([]string{"GET /door HTTP/1.1", "Host: a.test"}, lines...)...)
	}
	for what, text := range map[string]string{
		"another target":            wire("GET /other HTTP/1.1", "Host: a.test"),
		"absolute form":             wire("GET http://a.test/door HTTP/1.1", "Host: a.test"),
		"CONNECT":                   wire("CONNECT /door HTTP/1.1", "Host: a.test"),
		"no method":                 wire(" /door HTTP/1.1", "Host: a.test"),
		"a method that is no token": wire("G@T /door HTTP/1.1", "Host: a.test"),
		"HTTP/1.0":                  wire("GET /door HTTP/1.0", "Host: a.test"),
		"another protocol":          wire("GET /door http/1.1", "Host: a.test"),
		"two blanks":                wire("GET  /door HTTP/1.1", "Host: a.test"),
		"a blank at the end":        wire("GET /door HTTP/1.1 ", "Host: a.test"),
		"a tab for a blank":         wire("GET\t/door HTTP/1.1", "Host: a.test"),
		"a blank in the target":     wire("GET /door x HTTP/1.1", "Host: a.test"),
		"a byte beyond ASCII":       wire("GET /door\xc3\xa9 HTTP/1.1", "Host: a.test"),
		"half an escape":            wire("GET /door%2 HTTP/1.1", "Host: a.test"),
		"a wrong escape":            wire("GET /door%zz HTTP/1.1", "Host: a.test"),
		"an empty line first":       "\r\n" + with(),
		"no host":                   wire("GET /door HTTP/1.1"),
		"an empty host":             wire("GET /door HTTP/1.1", "Host: "),
		"two hosts":                 with("Host: a.test"),
		"two hosts of other case":   with("HOST: b.test"),
		"a host that is none":       wire("GET /door HTTP/1.1", "Host: a/b"),
		"a body":                    with("Content-Length: 1") + "x",
		"two lengths":               with("Content-Length: 0", "Content-Length: 0"),
		"a list of lengths":         with("Content-Length: 0, 0"),
		"a signed length":           with("Content-Length: +0"),
		"chunks":                    with("Transfer-Encoding: chunked") + "0\r\n\r\n",
		"an empty coding":           with("Transfer-Encoding:"),
		"a coding of other case":    with("tRANSFER-eNCODING: identity"),
		"an expectation":            with("Expect: 100-continue"),
		"an upgrade":                with("Upgrade: h2c"),
		"a trailer":                 with("Trailer: X"),
		"the last request":          with("Connection: close"),
		"hop-by-hop headers":        with("Connection: keep-alive, X-Key"),
		"a blank before the colon":  with("X-Key : 1"),
		"a blank before the name":   with(" X-Key: 1"),
		"a folded line":             with("X-Key: 1", " 2"),
		"a line folded with a tab":  with("X-Key: 1", "\t2"),
		"no colon":                  with("X-Key"),
		"no name":                   with(": 1"),
		"a NUL":                     with("X-Key: 1\x00"),
		"a DEL":                     with("X-Key: 1\x7f"),
		"a bare CR":                 with("X-Key: 1\rHost: b.test"),
		"a bare CR at the end":      with("X-Key: 1\r"),
		"a bare LF":                 with("X-Key: 1\nHost: b.test"),
		"bare LFs alone":            "GET /door HTTP/1.1\nHost: a.test\n\n",
		"a bare LF in what came":    "GET /door HTTP/1.1\r\nHost: a.test\nX",
		"a name beyond ASCII":       with("X-\u212aey: 1"),
		"many headers":              with(strings.Split(strings.Repeat("A: 1\n", maxFields)+"A: 1", "\n")...),
		"a large head":              with("X-Key: " + strings.Repeat("x", maxHead))[:maxHead],
	} {
		var r Request
		if size, plain := r.read([]byte(text), door{}); plain {
			t.Errorf("%s: %q is taken for plain, size %d", what, text, size)
		}
	}
}

func TestRequestValues(t *testing.T) {
	var r Request
	text := wire("GET /door HTTP/1.1", "X-Key: a", "Host: a.test", "x-key: b", "X_Key: c", "X-KEY:", "X-Keys: d")
	for range 2 {
		if _, plain := r.read([]byte(text), door{}); !plain {
			t.Fatal("not plain")
		}
		first, other := r.Values("X-Key"), r.Values("X_key")
		if strings.Join(first, "|") != "a|b|" || strings.Join(other, "|") != "c" || len(r.Values("Host")) > 0 || len(r.Values("X")) > 0 {
			t.Errorf("got %q, %q", first, other)
		}
	}
}
