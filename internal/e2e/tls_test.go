package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/keystile/keystile/internal/tlstest"
)

// vault is a folder of certificates, as an operator keeps it.
type vault struct {
	t  *testing.T
	ca *tlstest.Authority
	// clients issues the certificates of clients.
	clients *tlstest.Authority
	folder  string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{t, tlstest.NewAuthority(t, "ca"), tlstest.NewAuthority(t, "clients"), t.TempDir()}
	v.pair("server", v.ca.Server("first", time.Hour))
	v.put("ca.pem", v.ca.PEM)
	v.put("clients.pem", v.clients.PEM)
	v.pair("me", v.clients.Client("me"))
	return v
}

func (v *vault) put(name string, text []byte) { tlstest.Write(v.t, v.folder, name, text) }

func (v *vault) pair(name string, p tlstest.Pair) {
	v.put(name+".crt", p.Cert)
	v.put(name+".key", p.Key)
}

func (v *vault) path(name string) string { return filepath.Join(v.folder, name) }

// flags are those of a server; with clients, it wants their certificates.
func (v *vault) flags(clients bool) []string {
	flags := []string{"--tls-cert-file", v.path("server.crt"), "--tls-key-file", v.path("server.key")}
	if clients {
		flags = append(flags, "--tls-client-ca-file", v.path("clients.pem"))
	}
	return flags
}

// config is a client's, which shows the certificates.
func (v *vault) config(shows ...tlstest.Pair) *tls.Config {
	c := &tls.Config{RootCAs: v.ca.Pool(), MinVersion: tls.VersionTLS12}
	for _, p := range shows {
		c.Certificates = append(c.Certificates, p.TLS(v.t))
	}
	return c
}

// web asks over HTTPS on connections of its own.
type web struct {
	t      *testing.T
	client *http.Client
}

func newWeb(t *testing.T, config *tls.Config) *web {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &web{t, &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

// ask gives what came back: the answer, the status, and what went wrong on the
// way.
func (w *web) ask(method, url, secret string, body any) (*http.Response, string, error) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, url, bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

// overGRPC is a connection to a server's gRPC address.
func overGRPC(t *testing.T, address string, config *tls.Config) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// healthy makes a gRPC call.
func healthy(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

// served gives the name of the certificate that a server shows.
func served(t *testing.T, address string, config *tls.Config) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// Every listener speaks TLS. The operations' goes on speaking plain HTTP, for
// probes and scrapers.
func TestTLSOnEveryListener(t *testing.T) {
	v := newVault(t)
	s := serve(t, v.flags(false)...)
	root := s.root()
	w := newWeb(t, v.config())

	resp, body, err := w.ask("POST", "https://"+s.web+"/v1/keys:check", "", object{"key": root})
	if err != nil || resp.ProtoMajor != 2 || !strings.Contains(body, `"ALLOWED"`) {
		t.Errorf("REST: %v %s", err, body)
	}
	one := v.config()
	one.NextProtos = []string{"http/1.1"}
	old := &web{t, &http.Client{Transport: &http.Transport{TLSClientConfig: one, DisableKeepAlives: true}}}
	if resp, body, err := old.ask("GET", "https://"+s.web+"/v1/keys", root, nil); err != nil || resp.ProtoMajor != 1 || resp.StatusCode != 200 {
		t.Errorf("REST over HTTP/1.1: %v %s", err, body)
	}
	if code, _ := s.get("http://" + s.web + "/v1/keys"); code == 200 {
		t.Error("REST answers in the clear")
	}
	if err := healthy(t, overGRPC(t, s.grpc, v.config())); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	for _, scheme := range []string{"http://", "https://"} {
		if _, body, err := w.ask("GET", scheme+s.ops+"/readyz", "", nil); err != nil || !strings.Contains(body, `"ok"`) {
			t.Errorf("operations over %s: %v %s", scheme, err, body)
		}
	}
	_, metrics, err := w.ask("GET", "https://"+s.ops+"/metrics", "", nil)
	found := regexp.MustCompile(`(?m)^keystile_tls_certificate_expiry_timestamp_seconds (\S+)$`).FindStringSubmatch(metrics)
	if err != nil || len(found) != 2 {
		t.Fatalf("no expiry among the metrics: %v", err)
	}
	if at, err := strconv.ParseFloat(found[1], 64); err != nil || time.Until(time.Unix(int64(at), 0)) > time.Hour || time.Until(time.Unix(int64(at), 0)) < 50*time.Minute {
		t.Errorf("the expiry is %s", found[1])
	}

	if code, out := keystile(t, nil, "health", "--ops-listen", s.ops); code != 0 {
		t.Errorf("health: %d %s", code, out)
	}
	env := []string{"KEYSTILE_KEY=" + root, "KEYSTILE_CLIENT_CA_FILE=" + v.path("ca.pem")}
	for _, address := range []string{s.grpc, "https://" + s.web} {
		if code, out := keystile(t, env, "whoami", "--server", address); code != 0 {
			t.Errorf("whoami at %s: %d %s", address, code, out)
		}
	}
}

func TestClientsShowCertificates(t *testing.T) {
	v := newVault(t)
	s := serve(t, append(v.flags(true), "--check-auth", "mtls")...)
	root := s.root()
	me, stranger := v.clients.Client("me"), tlstest.NewAuthority(t, "stranger").Client("me")

	for name, config := range map[string]*tls.Config{"none": v.config(), "a stranger's": v.config(stranger)} {
		if resp, _, err := newWeb(t, config).ask("POST", "https://"+s.web+"/v1/keys:check", "", object{"key": root}); err == nil {
			t.Errorf("REST with %s: status %d", name, resp.StatusCode)
		}
		if err := healthy(t, overGRPC(t, s.grpc, config)); err == nil {
			t.Errorf("gRPC with %s: answered", name)
		}
	}
	w := newWeb(t, v.config(me))
	if _, body, err := w.ask("POST", "https://"+s.web+"/v1/keys:check", "", object{"key": root}); err != nil || !strings.Contains(body, `"ALLOWED"`) {
		t.Errorf("REST with a certificate: %v %s", err, body)
	}
	// It says who asks, and nothing about who manages.
	if resp, body, err := w.ask("GET", "https://"+s.web+"/v1/keys", "", nil); err != nil || resp.StatusCode != 401 {
		t.Errorf("managing by certificate alone: %v %s", err, body)
	}
	env := []string{
		"KEYSTILE_KEY=" + root, "KEYSTILE_CHECK_SECRET=" + root, "KEYSTILE_CLIENT_CA_FILE=" + v.path("ca.pem"),
		"KEYSTILE_CLIENT_CERT_FILE=" + v.path("me.crt"), "KEYSTILE_CLIENT_KEY_FILE=" + v.path("me.key"),
	}
	for _, address := range []string{s.grpc, "https://" + s.web} {
		if code, out := keystile(t, env, "key", "check", "--server", address); code != 0 {
			t.Errorf("key check at %s: %d %s", address, code, out)
		}
		if code, out := keystile(t, env[:3], "key", "check", "--server", address); code != 7 {
			t.Errorf("key check at %s without a certificate: %d %s", address, code, out)
		}
	}
	// A gateway over HTTP is let in, and judged, by the same certificate.
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+s.web+"/auth-request?permission=orders.read", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Original-Method", "GET")
	req.Header.Set("X-Original-URI", "/orders")
	req.Header.Set("X-API-Key", root)
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("a gateway with a certificate: status %d %s", resp.StatusCode, resp.Header.Get("X-Keystile-Reason"))
	}
	// Who probes and scrapes shows none.
	if code, out := keystile(t, nil, "health", "--ops-listen", s.ops); code != 0 {
		t.Errorf("health: %d %s", code, out)
	}
	if _, body, err := newWeb(t, v.config()).ask("GET", "https://"+s.ops+"/healthz", "", nil); err != nil {
		t.Errorf("operations over TLS: %v %s", err, body)
	}
}

// New files are served within seconds, without a restart and without a call lost
// that needs nothing of what changed.
func TestCertificatesAreReadAnew(t *testing.T) {
	v := newVault(t)
	s := serve(t, v.flags(true)...)
	root := s.root()
	me, other := v.clients.Client("me"), tlstest.NewAuthority(t, "other")
	config := v.config(me)
	ask := func(w *web) error {
		_, _, err := w.ask("POST", "https://"+s.web+"/v1/keys:check", "", object{"key": root})
		return err
	}
	mine, held := newWeb(t, config), overGRPC(t, s.grpc, config)
	if err := errors.Join(ask(mine), healthy(t, held)); err != nil {
		t.Fatal(err)
	}
	shows := func(what, name string, address string) {
		t.Helper()
		eventually(t, 10*time.Second, what, func() bool { return served(t, address, config) == name })
	}
	second := v.ca.Server("second", 2*time.Hour)
	v.put("server.crt", second.Cert)
	eventually(t, 10*time.Second, "half a pair is told of", func() bool { return strings.Contains(s.log.String(), "can't be used") })
	if got := served(t, s.web, config); got != "first" {
		t.Errorf("with half a pair, %s is served", got)
	}
	v.put("server.key", second.Key)
	for _, address := range []string{s.web, s.grpc, s.ops} {
		shows("the new pair is served", "second", address)
	}
	if n := strings.Count(s.log.String(), "can't be used"); n != 1 {
		t.Errorf("half a pair is told of %d times, want once", n)
	}
	if err := errors.Join(ask(mine), healthy(t, held)); err != nil {
		t.Errorf("a connection did not outlive the new pair: %v", err)
	}

	// The authority of clients changes hands.
	theirs := newWeb(t, v.config(other.Client("theirs")))
	if err := ask(theirs); err == nil {
		t.Error("another authority's client was let in")
	}
	v.put("clients.pem", append(v.clients.PEM, other.PEM...))
	eventually(t, 10*time.Second, "the added authority's client is let in", func() bool { return ask(theirs) == nil })
	v.put("clients.pem", other.PEM)
	eventually(t, 10*time.Second, "the removed authority's client is out, its open connection too", func() bool { return ask(mine) != nil })
	for name, conn := range map[string]*grpc.ClientConn{"an open connection": held, "a new one": overGRPC(t, s.grpc, config)} {
		if err := healthy(t, conn); err == nil {
			t.Errorf("gRPC answers the removed authority's client on %s", name)
		}
	}
	if err := ask(theirs); err != nil {
		t.Errorf("the other client: %v", err)
	}
}

func TestRefusedTLSStarts(t *testing.T) {
	v := newVault(t)
	both := v.flags(false)
	stranger := v.ca.Server("other", time.Hour)
	v.pair("other", stranger)
	v.put("empty.pem", nil)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--tls-key-file", both[:2]},
		{"--tls-cert-file", both[2:]},
		{"--tls-client-ca-file", []string{"--tls-client-ca-file", v.path("clients.pem")}},
		{"--tls-cert-file: ", []string{"--tls-cert-file", v.path("nosuch"), "--tls-key-file", v.path("server.key")}},
		{"--tls-key-file: ", []string{"--tls-cert-file", v.path("server.crt"), "--tls-key-file", v.path("nosuch")}},
		{"--tls-cert-file and --tls-key-file: ", []string{"--tls-cert-file", v.path("server.crt"), "--tls-key-file", v.path("other.key")}},
		{"--tls-client-ca-file: ", append(v.flags(false), "--tls-client-ca-file", v.path("empty.pem"))},
		{"--check-auth=mtls needs", []string{"--check-auth", "mtls"}},
		{"--check-auth=mtls needs", append(v.flags(false), "--check-auth", "mtls")},
		{"--check-auth=mtls", append(v.flags(true), "--http-listen", "0.0.0.0:0")},
		{"--trusted-proxies", []string{"--trusted-proxies", "10.0.0.1/8"}},
		{"--identity-header-prefix", []string{"--identity-header-prefix", "X-Forwarded-"}},
	} {
		s := launch(t, c.args...)
		if code := s.exit(); code == 0 || !strings.Contains(s.log.String()+s.out.String(), c.want) {
			t.Errorf("%v: exit %d, want it to name %s: %s", c.args, code, c.want, s.log.String())
		}
	}
}

// What the first start prints can be pasted with TLS too, once curl is told what
// the line above says it needs.
func TestFirstStartOverTLS(t *testing.T) {
	v := newVault(t)
	s := serve(t, v.flags(true)...)
	if !strings.Contains(s.out.String(), "--cacert") || !strings.Contains(s.out.String(), "--cert and --key") {
		t.Errorf("nothing is said of certificates: %s", s.out.String())
	}
	script := "curl() { command curl --cacert '" + v.path("ca.pem") + "' --cert '" + v.path("me.crt") + "' --key '" + v.path("me.key") + "' \"$@\"; }\n"
	for line := range strings.SplitSeq(s.out.String(), "\n") {
		if strings.HasPrefix(line, "  ") {
			script += line + "\n"
		}
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-euc", script).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"allowed":true`) {
		t.Errorf("pasting: %v: %s", err, out)
	}
}
