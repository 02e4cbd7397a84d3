package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
)

// A killed server has lost nothing that it acknowledged, and left no half of
// anything.
func TestKillDuringWrites(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, store := range [][]string{{"--data-dir", data}, {"--database-url", migrated(t)}} {
		t.Run(store[0], func(t *testing.T) {
			s := serve(t, store...)
			root := s.root()
			s.acme(root)
			type made struct{ id, secret string }
			var mu sync.Mutex
			var acknowledged []made
			var writers sync.WaitGroup
			for range 4 {
				writers.Go(func() {
					for {
						code, raw := fetch(http.MethodPost, "http://"+s.web+"/v1/keys", root, object{"key": object{"tenantId": "acme", "userId": "ada"}})
						if code != http.StatusOK {
							return
						}
						var out struct {
							Key    struct{ ID string }
							Secret string
						}
						if json.Unmarshal([]byte(raw), &out) == nil {
							mu.Lock()
							acknowledged = append(acknowledged, made{out.Key.ID, out.Secret})
							mu.Unlock()
						}
					}
				})
			}
			time.Sleep(500 * time.Millisecond)
			s.signal(syscall.SIGKILL)
			writers.Wait()
			s.ended(5 * time.Second)
			if len(acknowledged) < 10 {
				t.Fatalf("only %d keys were made", len(acknowledged))
			}
			again := serve(t, store...)
			for _, k := range acknowledged {
				if got := again.reason(k.secret); got != "ALLOWED" {
					t.Fatalf("an acknowledged key is %s", got)
				}
			}
			if v := again.call("GET", "/v1/auditEvents:verify?tenantId=acme", root, nil); v["complete"] != true {
				t.Errorf("the audit chain: %v", v)
			}
			// Every key has its event, acknowledged or not: neither exists alone. The
			// tenant and its user have theirs.
			keys := count(again, "/v1/keys?tenantId=acme&pageSize=1000", root, "keys")
			events := count(again, "/v1/auditEvents?tenantId=acme&pageSize=1000", root, "auditEvents")
			if events != keys+2 {
				t.Errorf("%d keys and %d events", keys, events)
			}
			t.Logf("%d keys acknowledged, %d stored", len(acknowledged), keys)
		})
	}
}

// count counts what a listing holds over all its pages.
func count(s *server, path, root, field string) int {
	n, token := 0, ""
	for {
		page := s.call("GET", path+"&pageToken="+token, root, nil)
		n += len(page[field].([]any))
		if token, _ = page["nextPageToken"].(string); token == "" {
			return n
		}
	}
}

func TestPostgresAway(t *testing.T) {
	cluster := pgtest.Start(t, pgtest.Config{Durable: true})
	url := cluster.NewDatabase(t)
	if code, out := keystile(t, nil, "migrate", "--database-url", url); code != 0 {
		t.Fatal(out)
	}
	s := serve(t, "--database-url", url, "--max-staleness", "3s")
	root := s.root()
	id, secret := s.acme(root)

	cluster.Kill(t)
	began := time.Now()
	code, raw := fetch(http.MethodPost, "http://"+s.web+"/v1/keys/"+id+":revoke", root, nil)
	if took := time.Since(began); code != 503 || !strings.Contains(raw, "STORE_UNAVAILABLE") || took > 2*time.Second {
		t.Errorf("management: %d after %s: %s", code, took, raw)
	}
	if got := s.reason(secret); got != "ALLOWED" {
		t.Errorf("a known key at once: %s", got)
	}
	eventually(t, 10*time.Second, "nothing is decided after the bound", func() bool { return s.reason(secret) == "STORE_UNAVAILABLE" })
	if code, _ := s.get("http://" + s.ops + "/readyz"); code != 503 {
		t.Errorf("readyz %d", code)
	}
	if code, _ := s.get("http://" + s.ops + "/healthz"); code != 200 {
		t.Errorf("healthz %d: a store that is away is no reason to restart", code)
	}
	cluster.Restart(t)
	eventually(t, 15*time.Second, "it recovers by itself", func() bool { return s.reason(secret) == "ALLOWED" })
	s.call("POST", "/v1/keys/"+id+":revoke", root, nil)
	if got := s.reason(secret); got != "KEY_REVOKED" {
		t.Errorf("after the recovery: %s", got)
	}

	// A store that is down at the start is waited for.
	cluster.Stop(t)
	late := launch(t, "--database-url", url)
	eventually(t, 10*time.Second, "it says that it waits", func() bool { return strings.Contains(late.log.String(), "waiting for the store") })
	if got := late.reason(secret); got != "STORE_UNAVAILABLE" {
		t.Errorf("before the store is there: %q", got)
	}
	cluster.Restart(t)
	late.ready(30 * time.Second)
	if got := late.reason(secret); got != "KEY_REVOKED" {
		t.Errorf("once the store is there: %s", got)
	}
}

func TestBehindPgBouncer(t *testing.T) {
	direct := migrated(t)
	pooled := pgtest.StartPgBouncer(t, direct).URL(direct)
	s := serve(t, "--database-url", pooled)
	root := s.root()
	id, secret := s.acme(root)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 5 {
				_, one := s.key(root)
				if got := s.reason(one); got != "ALLOWED" {
					t.Errorf("a new key: %s", got)
				}
			}
		})
	}
	clients.Wait()
	s.call("POST", "/v1/keys/"+id+":rotate", root, object{"gracePeriod": "0s"})
	if got := s.reason(secret); got != "KEY_SUPERSEDED" {
		t.Errorf("after the rotation: %s", got)
	}
	if v := s.call("GET", "/v1/auditEvents:verify?tenantId=acme", root, nil); v["complete"] != true {
		t.Errorf("the audit chain: %v", v)
	}
}

func TestPepper(t *testing.T) {
	folder := t.TempDir()
	data, file := filepath.Join(folder, "data"), filepath.Join(folder, "peppers")
	s := serve(t, "--data-dir", data)
	root := s.root()
	s.signal(syscall.SIGTERM)
	s.exit()

	code, line := keystile(t, nil, "pepper", "generate", "first")
	if err := os.WriteFile(file, []byte(line), 0o600); code != 0 || err != nil {
		t.Fatal(code, err)
	}
	early := launch(t, "--data-dir", data, "--pepper-file", file)
	if code := early.exit(); code == 0 || !strings.Contains(early.log.String(), "pepper apply") {
		t.Errorf("a pepper over plain digests: %d %s", code, early.log.String())
	}
	if code, out := keystile(t, nil, "pepper", "apply", "--data-dir", data, "--pepper-file", file); code != 0 || !strings.Contains(out, "1 secrets") {
		t.Fatalf("apply: %d %s", code, out)
	}
	peppered := serve(t, "--data-dir", data, "--pepper-file", file)
	if got := peppered.reason(root); got != "ALLOWED" {
		t.Errorf("under the pepper: %s", got)
	}
	peppered.signal(syscall.SIGTERM)
	peppered.exit()

	without := launch(t, "--data-dir", data)
	if code := without.exit(); code == 0 || !strings.Contains(without.log.String(), `1 stored secrets need the pepper \"first\"`) {
		t.Errorf("dropping a pepper in use: %d %s", code, without.log.String())
	}
	_, second := keystile(t, nil, "pepper", "generate", "second")
	if err := os.WriteFile(file, []byte(second+line), 0o600); err != nil {
		t.Fatal(err)
	}
	rotated := serve(t, "--data-dir", data, "--pepper-file", file)
	if got := rotated.reason(root); got != "ALLOWED" {
		t.Errorf("under the retired pepper: %s", got)
	}
	_, fresh := rotated.acme(root)
	if got := rotated.reason(fresh); got != "ALLOWED" {
		t.Errorf("under the new pepper: %s", got)
	}
}

// The bounds of the listeners hold against real bytes on the wire.
func TestHugeInput(t *testing.T) {
	s := serve(t)
	huge := strings.Repeat("a", 1<<20)
	for name, body := range map[string]string{
		"a MiB of key":     fmt.Sprintf(`{"key":%q}`, huge),
		"a MiB of blanks":  strings.Repeat(" ", 1<<20) + "{}",
		"a MiB of nothing": huge,
		"not UTF-8":        "{\"key\":\"\xff\xfe\"}",
		"NUL":              "{\"key\":\"\x00\"}",
		"deep nesting":     strings.Repeat(`{"key":`, 20000),
	} {
		code, raw := fetchRaw(s, "/v1/keys:check", body)
		if code < 400 || code > 499 {
			t.Errorf("%s: %d %.200s", name, code, raw)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.web+"/v1/keys", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+huge)
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("a huge header: %d", resp.StatusCode)
		}
	}
}

func fetchRaw(s *server, path, body string) (int, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+s.web+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	out := make([]byte, 4096)
	n, _ := resp.Body.Read(out)
	return resp.StatusCode, string(out[:n])
}
