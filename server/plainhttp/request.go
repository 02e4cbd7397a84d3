package plainhttp

import (
	"bytes"
	"net/netip"
	"strings"
)

// The most that is read here. Whatever is larger may still be a good request, and
// is net/http's to bound.
const (
	maxHead   = 8 << 10
	maxFields = 100
)

// Request is a plain request. It has no body.
type Request struct {
	// Method, Target and Host stand as they were written. Target begins with '/'.
	Method, Target, Host string
	// Peer is who is at the other end of the connection; the zero Addr is unknown.
	Peer netip.Addr

	fields []Field
	// values holds what Values has given.
	values []string
	// sized tells that the length of the body was said to be nothing.
	sized bool
}

// Field is one header.
type Field struct{ Name, Value string }

// Values gives what the headers of that name hold, in the order in which they came,
// whatever their case. Host is not among them.
func (r *Request) Values(name string) []string {
	start := len(r.values)
	for i := range r.fields {
		if len(r.fields[i].Name) == len(name) && strings.EqualFold(r.fields[i].Name, name) {
			r.values = append(r.values, r.fields[i].Value)
		}
	}
	end := len(r.values)
	return r.values[start:end:end]
}

// read reads the request at the beginning of data, and gives its size: 0 when not
// all of its head has come. It is false when the request is not plain, or not for h.
func (r *Request) read(data []byte, h Handler) (size int, plain bool) {
	const lastLines = "\r\n\r\n"
	end := bytes.Index(data, []byte(lastLines))
	if end < 0 {
		return 0, len(data) < maxHead && r.mayBecome(data, h)
	}
	size = end + len(lastLines)
	return size, r.head(string(data[:end+len("\r\n")]), h)
}

// mayBecome tells whether the beginning of a head can be a plain one's. One that
// never ends, as its lines end otherwise, would be waited for in vain.
func (r *Request) mayBecome(data []byte, h Handler) bool {
	for i, c := range data {
		if c == '\n' && (i == 0 || data[i-1] != '\r') {
			return false
		}
	}
	end := bytes.IndexByte(data, '\n')
	return end < 0 || r.line(string(data[:end-1]), h)
}

// head reads all lines of a head, each with its end.
func (r *Request) head(text string, h Handler) bool {
	r.Host, r.sized = "", false
	r.fields, r.values = r.fields[:0], r.values[:0]
	line, text, _ := strings.Cut(text, "\r\n")
	if !r.line(line, h) {
		return false
	}
	for text != "" {
		line, text, _ = strings.Cut(text, "\r\n")
		if !r.field(line) {
			return false
		}
	}
	return r.Host != ""
}

// line reads the first line.
func (r *Request) line(text string, h Handler) bool {
	method, text, _ := strings.Cut(text, " ")
	target, protocol, _ := strings.Cut(text, " ")
	r.Method, r.Target = method, target
	return protocol == "HTTP/1.1" && isToken(method) && method != "CONNECT" && isTarget(target) && h.Serves(target)
}

// field reads one header. Those that say how the message or the connection goes on
// are taken only when they say what holds without them.
func (r *Request) field(line string) bool {
	name, value, found := strings.Cut(line, ":")
	if !found || !isToken(name) || !valueBytes.holds(value) || len(r.fields) == maxFields {
		return false
	}
	value = strings.Trim(value, " \t")
	switch {
	case is(name, "Host"):
		if r.Host != "" || !isHost(value) {
			return false
		}
		r.Host = value
		return true
	case is(name, "Content-Length"):
		if r.sized || value != "0" {
			return false
		}
		r.sized = true
	case is(name, "Connection"):
		if !strings.EqualFold(value, "keep-alive") {
			return false
		}
	case is(name, "Transfer-Encoding"), is(name, "Expect"), is(name, "Upgrade"), is(name, "Trailer"):
		return false
	}
	r.fields = append(r.fields, Field{name, value})
	return true
}

// is compares the names of headers.
func is(name, other string) bool { return len(name) == len(other) && strings.EqualFold(name, other) }
