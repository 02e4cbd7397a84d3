package certs

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/tlstest"
)

func TestEitherSpeaksAsItsClientDoes(t *testing.T) {
	ca := tlstest.NewAuthority(t, "ca")
	b := newBench(t, ca.Server("one", time.Hour), ca)
	l := listen(t)
	web := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "path "+r.URL.Path)
	})}
	t.Cleanup(func() { _ = web.Close() })
	go func() { _ = web.Serve(b.Either(l)) }()

	// Who says nothing holds up nobody, and is left behind in the end.
	silent, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	// Nobody is asked for a certificate here.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	for range 2 {
		for _, scheme := range []string{"http://", "https://"} {
			resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get(scheme + l.Addr().String() + "/healthz")
			if err != nil {
				t.Errorf("%s: %v", scheme, err)
				continue
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || string(body) != "path /healthz" || (resp.TLS != nil) != (scheme == "https://") {
				t.Errorf("%s: got %q, %v", scheme, body, err)
			}
		}
	}
	_ = silent.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("a client that says nothing was answered")
	} else if e, ok := err.(net.Error); ok && e.Timeout() { //nolint:errorlint // the connection's own error
		t.Error("a client that says nothing is waited for without end")
	}
}
