package plainhttp

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// Handler answers plain requests.
type Handler interface {
	// Serves tells whether requests for that target are the handler's.
	Serves(target string) bool
	// Answer answers one of them; a comes empty. It must not keep r or a, whose room
	// is used again; the texts in r may be kept. A panic ends the connection
	// without an answer. ctx ends when the server is closed, and not before.
	Answer(ctx context.Context, r *Request, a *Answer)
}

// Answer is what a request is answered with. The zero Answer is a 503.
type Answer struct {
	// Status is one that a body may follow; 0 is 503.
	Status int
	// Fields are the headers, all but Date, Content-Length and Connection. Names
	// must be tokens.
	Fields []Field
	Body   []byte
}

// answered is how answers are written on one connection.
type answered struct {
	out []byte
	// date is the time as headers write it, of the second that began at dated.
	date  []byte
	dated int64
}

// write gives the bytes of an answer; last has the client send no more requests.
func (w *answered) write(a *Answer, now time.Time, head, last bool) []byte {
	if at := now.Unix(); at != w.dated || len(w.date) == 0 {
		w.date, w.dated = now.UTC().AppendFormat(w.date[:0], http.TimeFormat), at
	}
	status := a.Status
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	out := w.out[:0]
	out = append(out, "HTTP/1.1 "...)
	out = strconv.AppendInt(out, int64(status), 10)
	out = append(out, ' ')
	out = append(out, http.StatusText(status)...)
	out = append(out, "\r\nDate: "...)
	out = append(out, w.date...)
	for i := range a.Fields {
		out = append(out, "\r\n"...)
		out = append(out, a.Fields[i].Name...)
		out = append(out, ": "...)
		out = appendValue(out, a.Fields[i].Value)
	}
	if last {
		out = append(out, "\r\nConnection: close"...)
	}
	out = append(out, "\r\nContent-Length: "...)
	out = strconv.AppendInt(out, int64(len(a.Body)), 10)
	out = append(out, "\r\n\r\n"...)
	if !head {
		out = append(out, a.Body...)
	}
	w.out = out
	return out
}

// appendValue writes a value so that it can't end its line, as net/http does too.
func appendValue(out []byte, value string) []byte {
	start := len(out)
	out = append(out, value...)
	for i, c := range out[start:] {
		if c == '\r' || c == '\n' {
			out[start+i] = ' '
		}
	}
	return out
}
