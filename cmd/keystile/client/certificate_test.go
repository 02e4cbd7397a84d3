package client_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/keystile/keystile/internal/tlstest"
)

// A server that wants to know who calls is shown the certificate, over either
// way, named by flags or by the environment.
func TestClientCertificate(t *testing.T) {
	ca, stranger := tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "stranger")
	folder := t.TempDir()
	keep := func(name string, pair tlstest.Pair) (cert, key string) {
		return tlstest.Write(t, folder, name+".crt", pair.Cert), tlstest.Write(t, folder, name+".key", pair.Key)
	}
	authority := tlstest.Write(t, folder, "ca.pem", ca.PEM)
	cert, key := keep("me", ca.Client("me"))
	strangers, strangersKey := keep("stranger", stranger.Client("me"))
	config := &tls.Config{
		Certificates: []tls.Certificate{ca.Server("server", time.Hour).TLS(t)}, MinVersion: tls.VersionTLS12,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool(),
	}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"key":{"id":"` + keyID + `"}}`))
	}))
	// The handshakes that this test makes fail are no news.
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.TLS = config.Clone()
	web.StartTLS()
	t.Cleanup(web.Close)
	overTLS := overGRPC(t, grpc.Creds(credentials.NewTLS(config)))
	overHTTPS := &door{server: web.URL, env: overTLS.env}
	for _, d := range []*door{overTLS, overHTTPS} {
		d.run(t, "key", "get", keyID, "--tls-ca-file", authority, "--tls-cert-file", cert, "--tls-key-file", key).wantCode(t, 0)
		without := d.run(t, "key", "get", keyID, "--tls-ca-file", authority)
		without.wantCode(t, 7)
		wantPart(t, "stderr", without.err, "--tls-cert-file")
		d.run(t, "key", "get", keyID, "--tls-ca-file", authority, "--tls-cert-file", strangers, "--tls-key-file", strangersKey).wantCode(t, 7)
		for _, half := range [][]string{
			{"--tls-cert-file", cert}, {"--tls-key-file", key}, {"--tls-cert-file", cert, "--tls-key-file", strangersKey},
			{"--tls-cert-file", cert, "--tls-key-file", key + ".none"}, {"--tls-cert-file", key, "--tls-key-file", key},
		} {
			d.run(t, append([]string{"key", "get", keyID, "--tls-ca-file", authority}, half...)...).wantCode(t, 2)
		}
	}
	t.Setenv("KEYSTILE_CLIENT_CA_FILE", authority)
	t.Setenv("KEYSTILE_CLIENT_CERT_FILE", cert)
	t.Setenv("KEYSTILE_CLIENT_KEY_FILE", key)
	overTLS.run(t, "key", "get", keyID).wantCode(t, 0)
	overHTTPS.run(t, "key", "get", keyID).wantCode(t, 0)
	// Empty is as good as unset.
	for _, name := range []string{"KEYSTILE_CLIENT_CA_FILE", "KEYSTILE_CLIENT_CERT_FILE", "KEYSTILE_CLIENT_KEY_FILE"} {
		t.Setenv(name, "")
	}
	overGRPC(t).run(t, "key", "get", keyID).wantCode(t, 0)
}
