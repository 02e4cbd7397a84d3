package sqlstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/keystile/keystile/storage"
)

func TestSSLModeIsAlwaysExplicit(t *testing.T) {
	for _, c := range []struct {
		url  string
		want pq.SSLMode
	}{
		{"postgres://db.example.com/keystile", pq.SSLModeVerifyFull},
		{"postgresql://u:p@db.example.com:5433/keystile", pq.SSLModeVerifyFull},
		{"postgres://u@10.0.0.7/keystile", pq.SSLModeVerifyFull},
		{"postgres://u@[2001:db8::1]:5432/keystile", pq.SSLModeVerifyFull},
		{"postgres://u@localhost.example.com/keystile", pq.SSLModeVerifyFull},
		{"postgres://u@127.0.0.1.example.com/keystile", pq.SSLModeVerifyFull},
		{"postgres://localhost@db.example.com/keystile", pq.SSLModeVerifyFull},
		{"postgres://u@db.example.com/keystile?application_name=localhost", pq.SSLModeVerifyFull},
		{"postgres://u@0.0.0.0/keystile", pq.SSLModeVerifyFull},
		// What is said is kept.
		{"postgres://db.example.com/keystile?sslmode=require", pq.SSLModeRequire},
		{"postgres://db.example.com/keystile?sslmode=disable", pq.SSLModeDisable},
		{"postgres://localhost/keystile?sslmode=verify-full", pq.SSLModeVerifyFull},
		// The loopback.
		{"postgres://localhost/keystile", pq.SSLModeDisable},
		{"postgres://LOCALHOST:6432/keystile", pq.SSLModeDisable},
		{"postgres://u:p@127.0.0.1/keystile", pq.SSLModeDisable},
		{"postgres://u:p@127.9.9.9/keystile", pq.SSLModeDisable},
		{"postgres://u@[::1]/keystile", pq.SSLModeDisable},
		{"postgres://u@[::ffff:127.0.0.1]/keystile", pq.SSLModeDisable},
		{"postgres:///keystile", pq.SSLModeDisable},
		// A unix socket.
		{"postgres:///keystile?host=/var/run/postgresql", pq.SSLModeDisable},
		{"host=/var/run/postgresql dbname=keystile", pq.SSLModeDisable},
		{"host=@abstract dbname=keystile", pq.SSLModeDisable},
		// The host that counts is the one that is dialled.
		{"postgres:///keystile?host=db.example.com", pq.SSLModeVerifyFull},
		{"postgres://localhost/keystile?hostaddr=10.0.0.7", pq.SSLModeVerifyFull},
		{"postgres://db.example.com/keystile?hostaddr=127.0.0.1", pq.SSLModeDisable},
		// Key=value pairs.
		{"host=db.example.com dbname=keystile", pq.SSLModeVerifyFull},
		{"host=localhost dbname=keystile", pq.SSLModeDisable},
		{"host = 'localhost' dbname=keystile", pq.SSLModeDisable},
		{"dbname=keystile user=u", pq.SSLModeDisable},
		{"host=db.example.com sslmode=verify-ca", pq.SSLModeVerifyCA},
		{"host=localhost password='x host=db.example.com'", pq.SSLModeDisable},
		{"host=db.example.com password='x host=localhost'", pq.SSLModeVerifyFull},
		// Several hosts are the loopback only when all are.
		{"postgres://localhost,127.0.0.1/keystile", pq.SSLModeDisable},
		{"postgres://localhost,db.example.com/keystile", pq.SSLModeVerifyFull},
		{"postgres://db.example.com,localhost/keystile", pq.SSLModeVerifyFull},
		{"host=localhost,10.0.0.7 dbname=keystile", pq.SSLModeVerifyFull},
		{"host=/run/postgresql,localhost dbname=keystile", pq.SSLModeDisable},
		{"hostaddr=127.0.0.1,10.0.0.7 dbname=keystile", pq.SSLModeVerifyFull},
	} {
		cfg, err := parsePostgresURL(c.url)
		if err != nil || cfg.SSLMode != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.url, cfg.SSLMode, err, c.want)
		}
	}
}

func TestBadURLsAreRefusedWithoutTheirPassword(t *testing.T) {
	for _, url := range []string{
		"", "mysql://u:hunter2@db/keystile", "db.example.com", "postgres://u:hunter2%zz@db/keystile", "postgres://u:hun/ter2@db:x/keystile",
		"postgres://u:hunter2@db/keystile?sslmode=maybe", "postgres://u:hunter2@db:port/keystile", "host=db password=hunter2 pass word",
		"host=db sslmode=", "host=db password='hunter2", "host=db,db2 port=1,2,3 password=hunter2",
		// Said twice.
		"postgres://localhost/keystile?host=db.example.com", "postgres://u@db/keystile?user=v", "postgres://db/keystile?sslmode=disable&sslmode=require",
		// A socket and another machine can't share one sslmode.
		"host=/run/postgresql,db.example.com password=hunter2", "host=db.example.com,/run/postgresql",
	} {
		_, err := OpenPostgres(t.Context(), PostgresConfig{URL: url})
		if !errors.Is(err, storage.ErrInvalid) {
			t.Errorf("%q: got error %v, want %v", url, err, storage.ErrInvalid)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2")) {
			t.Errorf("%q: the error shows the password: %v", url, err)
		}
	}
	_, err := OpenPostgres(t.Context(), PostgresConfig{URL: "postgres://localhost/keystile?statement_timeout=0"})
	if !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("statement_timeout in the URL: got error %v, want %v", err, storage.ErrInvalid)
	}
	_, err = OpenPostgres(t.Context(), PostgresConfig{URL: "postgres://localhost/keystile", MaxConnections: -1})
	if !errors.Is(err, storage.ErrInvalid) {
		t.Errorf("negative limit: got error %v, want %v", err, storage.ErrInvalid)
	}
}

func TestTargetShowsNoPassword(t *testing.T) {
	s, err := OpenPostgres(t.Context(), PostgresConfig{URL: "postgres://ada:hunter2@db1.example.com,db2.example.com/keystile"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	want := "postgres db1.example.com:5432,db2.example.com:5432/keystile sslmode=verify-full"
	if got := s.Target(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSeveralHosts(t *testing.T) {
	for text, want := range map[string]string{
		"postgres://a@10.0.0.1:6000,10.0.0.2:6001/k":     "postgres 10.0.0.1:6000,10.0.0.2:6001/k sslmode=verify-full",
		"postgres://a@10.0.0.1,10.0.0.2:6001/k":          "postgres 10.0.0.1:5432,10.0.0.2:6001/k sslmode=verify-full",
		"postgres://a:p%40ss@db1,db2/k?sslmode=require":  "postgres db1:5432,db2:5432/k sslmode=require",
		"host=10.0.0.1,10.0.0.2 port=6000,6001 dbname=k": "postgres 10.0.0.1:6000,10.0.0.2:6001/k sslmode=verify-full",
	} {
		cfg, err := parsePostgresURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := describe(&cfg); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if strings.Contains(text, "p%40ss") && cfg.Password != "p@ss" {
			t.Errorf("%s: the password is %q", text, cfg.Password)
		}
	}
}
