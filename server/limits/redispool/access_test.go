package redispool_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/proctest"
	"github.com/keystile/keystile/internal/redistest"
	"github.com/keystile/keystile/internal/tlstest"
	"github.com/keystile/keystile/server/limits"
	"github.com/keystile/keystile/server/limits/redispool"
)

// What doc.go says a user needs is all that it needs.
func TestAUserWithFewRights(t *testing.T) {
	rules := []any{"ACL", "SETUSER", "limits", "on", ">pass-word", "~ks:l:*", "+evalsha", "+eval", "+time", "+get", "+set", "+del", "+select", "+client|setname"}
	s, c := redistest.Start(t), redistest.StartCluster(t)
	s.Do(t, rules...)
	for _, master := range c.Masters {
		master.Do(t, append(rules, "+cluster|slots")...)
	}
	for _, url := range []string{"redis://limits:pass-word@" + s.Addr() + "/1", "redis+cluster://limits:pass-word@" + c.Addrs()} {
		p := open(t, url, patient())
		for i := range byte(8) {
			take(t, p, ask(i, 2, 1))
			if err := p.Return(t.Context(), []limits.Back{{Key: limits.Key{i}, Rate: slow(10), Tokens: 2}}); err != nil {
				t.Errorf("%v: %v", p, err)
			}
			if err := p.Reset(t.Context(), []limits.Key{{i}}); err != nil {
				t.Errorf("%v: %v", p, err)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	s, authority := redistest.Start(t), tlstest.NewAuthority(t, "redis")
	pair, folder := authority.Server("redis.test", time.Hour), t.TempDir()
	// Redis runs as another user when the tests are root's.
	for _, path := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := tlstest.Write(t, folder, "cert", pair.Cert), tlstest.Write(t, folder, "key", pair.Key)
	for _, path := range []string{cert, key} {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	port, err := proctest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s.Do(t, "CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key, "tls-ca-cert-file", cert, "tls-auth-clients", "no", "tls-port", port)
	url := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	o := patient()
	o.TLS = &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS12}
	if got := take(t, open(t, url, o), ask(1, 3, 1))[0]; got.Tokens != 3 {
		t.Errorf("got %+v", got)
	}
	o.TLS = nil
	if err := open(t, url, o).Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v of a certificate that nobody trusts", err)
	}
	if err := open(t, "redis"+strings.TrimPrefix(url, "rediss"), redispool.Options{}).Ping(t.Context()); err == nil {
		t.Error("got no error without TLS")
	}
}
