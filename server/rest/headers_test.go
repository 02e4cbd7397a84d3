package rest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"slices"
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

func TestOnlyAVerifiedCertificateIsTold(t *testing.T) {
	some := []*x509.Certificate{{}}
	for name, c := range map[string]struct {
		tls  *tls.ConnectionState
		want []string
	}{
		"no TLS":                  {nil, nil},
		"none":                    {&tls.ConnectionState{}, nil},
		"one, but not verified":   {&tls.ConnectionState{PeerCertificates: some}, nil},
		"one, and it is verified": {&tls.ConnectionState{PeerCertificates: some, VerifiedChains: [][]*x509.Certificate{some}}, []string{CertificateVerified}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/keys", nil)
		r.TLS = c.tls
		r.Header.Set("X-Keystile-Certificate", CertificateVerified)
		md, p := callMetadata(r, "id")
		if got := md.Get(MetadataCertificate); p != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: told %q, want %q", name, got, c.want)
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
