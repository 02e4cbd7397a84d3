package redispool

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	for url, want := range map[string]address{
		"redis://localhost":                     {kind: single, hosts: []string{"localhost:6379"}},
		"redis://10.0.0.1:7000/":                {kind: single, hosts: []string{"10.0.0.1:7000"}},
		"redis://[::1]/3":                       {kind: single, hosts: []string{"[::1]:6379"}, db: 3},
		"redis://[::1]:7000?db=4":               {kind: single, hosts: []string{"[::1]:7000"}, db: 4},
		"rediss://:p%40%3A%2Fw@r.example.com/0": {kind: single, tls: true, hosts: []string{"r.example.com:6379"}, password: "p@:/w"},
		"redis://ann:p@ss@r":                    {kind: single, hosts: []string{"r:6379"}, user: "ann", password: "p@ss"},
		"redis://ann:p:ss@r":                    {kind: single, hosts: []string{"r:6379"}, user: "ann", password: "p:ss"},
		"redis+sentinel://a,b:26380/main?db=2":  {kind: sentinel, hosts: []string{"a:26379", "b:26380"}, master: "main", db: 2},
		"rediss+sentinel://u:p@a/m%201?sentinel_username=su&sentinel_password=s%26p": {
			kind: sentinel, tls: true, hosts: []string{"a:26379"}, user: "u", password: "p", master: "m 1", watcher: "su", watchword: "s&p",
		},
		"redis+cluster://u:p@a:1,b,[::1]:3/": {kind: cluster, hosts: []string{"a:1", "b:6379", "[::1]:3"}, user: "u", password: "p"},
		"rediss+cluster://a":                 {kind: cluster, tls: true, hosts: []string{"a:6379"}},
	} {
		got, err := parse(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if diff := cmp.Diff(want, *got, cmp.AllowUnexported(address{})); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", url, diff)
		}
		if text := got.String(); got.password != "" && strings.Contains(text, got.password+"@") || !strings.Contains(text, got.hosts[0]) {
			t.Errorf("%s: shown as %s", url, text)
		}
	}
}

// What is wrong is named by its place, and nothing of the URL is repeated: any part
// may be a password that lacks an escape.
func TestURLsThatCantBeRead(t *testing.T) {
	for url, want := range map[string]string{
		"":                                   "begins with none of",
		"S3cret@host:6379":                   "begins with none of",
		"S3cret://host":                      "scheme",
		"http://u:S3cret@host":               "scheme",
		"redis://":                           "address 1 has no host",
		"redis://:S3cret@":                   "address 1 has no host",
		"redis://a,S3cret":                   "several hosts",
		"redis://a:S3cret":                   "port of address 1",
		"redis://a:0":                        "port of address 1",
		"redis://a:65536":                    "port of address 1",
		"redis://a:1:S3cret":                 "address 1 is not host:port",
		"redis://[S3cret":                    "address 1 is not host:port",
		"redis+cluster://a,b:S3cret":         "port of address 2",
		"redis+cluster://a,,S3cret":          "address 2 has no host",
		"redis://S3cret@a":                   "user and no password",
		"redis://S3cret:@a":                  "user and no password",
		"redis://u:S3cret%@a":                "%25",
		"redis://u:S3c/ret@a":                "%2F",
		"redis://u:S3c?ret@a":                "%3F",
		"redis://u:S3c#ret@a":                "%23",
		"redis://a/S3cret":                   "database",
		"redis://a/-1":                       "database",
		"redis://a?db=S3cret":                "database",
		"redis://a?db=1&db=2":                "twice",
		"redis://a?password=S3cret":          "query",
		"redis://a?sentinel_password=S3cret": "query",
		"redis://a?%":                        "query",
		"redis+cluster://a/3":                "no database",
		"redis+cluster://a?db=3":             "query",
		"redis+sentinel://a":                 "master",
		"redis+sentinel://a/":                "master",
		"redis+sentinel://a/m/S3cret":        "master",
	} {
		_, err := Open(url, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", url, err, want)
			continue
		}
		if strings.Contains(err.Error(), "S3c") || strings.Contains(err.Error(), "ret@") {
			t.Errorf("%q: %v tells what is in it", url, err)
		}
	}
}

func TestTLSIsNotLeftOut(t *testing.T) {
	if _, err := Open("redis://a", Options{TLS: &tls.Config{MinVersion: tls.VersionTLS13}}); err == nil {
		t.Error("settings of TLS are taken for a URL without it")
	}
}

// A URL is read without a panic, and read or refused as a whole.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"redis://u:p@a:1/2?db=3", "redis+sentinel://a,b/m?sentinel_password=x", "rediss+cluster://[::1]:1,b", "redis://%@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parse(text)
		if (err == nil) != (a != nil) {
			t.Fatalf("got %v and %v", a, err)
		}
		if a != nil && (len(a.hosts) == 0 || a.kind == single && len(a.hosts) != 1 || a.kind == sentinel && a.master == "") {
			t.Errorf("%q is read as %+v", text, a)
		}
	})
}
