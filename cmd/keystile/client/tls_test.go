package client_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

func TestTLSTrustsTheNamedAuthority(t *testing.T) {
	seen := ""
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"key":{"id":"` + keyID + `","unheardOf":1}}`))
	}))
	// The handshakes that this test makes fail are no news.
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	overTLS := overGRPC(t, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12})))
	overTLS.server = "grpcs://" + overTLS.server
	overHTTPS := &door{server: web.URL, env: overTLS.env}

	authority := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw})
	if err := os.WriteFile(authority, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []*door{overTLS, overHTTPS} {
		d.run(t, "key", "get", keyID, "--tls-ca-file", authority).wantCode(t, 0)
		r := d.run(t, "key", "get", keyID)
		r.wantCode(t, 7)
		wantPart(t, "stderr", r.err, "certificate")
	}
	want(t, "authorization", seen, "Bearer "+adminKey)
	want(t, "authorization", overTLS.fake.who[0], "Bearer "+adminKey)
	// A plaintext server does not get the key when TLS was asked for.
	open := overGRPC(t)
	open.runAs(t, "key", "get", keyID, "--server", "grpcs://"+open.server, "--tls-ca-file", authority).wantCode(t, 7)
	if len(open.fake.who) > 0 {
		t.Error("the key was sent in the clear")
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	overTLS.run(t, "key", "get", keyID, "--tls-ca-file", empty).wantCode(t, 2)
	overTLS.run(t, "key", "get", keyID, "--tls-ca-file", empty+".none").wantCode(t, 2)
}

func TestNothingLeavesThisMachineInTheClearUnasked(t *testing.T) {
	d := &door{env: map[string]string{"KEYSTILE_KEY": adminKey}}
	r := d.runAs(t, "key", "get", keyID, "--server", "http://keys.example")
	r.wantCode(t, 2)
	wantPart(t, "stderr", r.err, "--plaintext")
	if strings.Contains(r.err, adminKey) {
		t.Error("the error holds the key")
	}
}
