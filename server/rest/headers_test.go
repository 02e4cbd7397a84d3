package rest

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestSourceAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"203.0.113.7:4711": "203.0.113.7", "[2001:db8::1]:4711": "2001:db8::1", "[::ffff:203.0.113.7]:1": "203.0.113.7",
		"[fe80::1%eth0]:1": "fe80::1", "": "", "@": "", "localhost:1": "", "203.0.113.7": "",
	} {
		if got := sourceAddress(remote); got != want {
			t.Errorf("%q: got %q, want %q", remote, got, want)
		}
	}
}

func TestTimeoutsAreHeldBetweenBounds(t *testing.T) {
	for text, want := range map[string]time.Duration{"0S": time.Millisecond, "5u": time.Millisecond, "1n": time.Millisecond, "7m": 7 * time.Millisecond, "1H": time.Minute} {
		got, p := callTimeout(http.Header{headerTimeout: {text}}, time.Minute)
		if p != nil || got != want {
			t.Errorf("%s: got %v %v, want %v", text, got, p, want)
		}
	}
}

func TestAnswerToHeadHasNoBody(t *testing.T) {
	w := httptest.NewRecorder()
	a := &answer{ResponseWriter: w, head: true}
	notFound().Write(a)
	if w.Code != http.StatusNotFound || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "" || !a.begun {
		t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
	}
}
