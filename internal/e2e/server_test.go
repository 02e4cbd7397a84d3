package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
)

var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "keystile-e2e")
	if err == nil {
		binary = filepath.Join(folder, "keystile")
		var out []byte
		if out, err = exec.CommandContext(context.Background(), "go", "build", "-pgo=off", "-o", binary, "github.com/keystile/keystile/cmd/keystile").CombinedOutput(); err != nil {
			err = fmt.Errorf("building the binary: %w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// pgtest.Main exits; the folder goes with the next boot at the latest.
	pgtest.Main(m)
}

// output collects what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// server is a running keystile serve.
type server struct {
	t              *testing.T
	cmd            *exec.Cmd
	out, log       output
	grpc, web, ops string
	done           chan struct{}
}

// launch starts serve on ports that the kernel chooses, and returns as soon as
// it listens, or has ended.
func launch(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, done: make(chan struct{})}
	s.cmd = exec.CommandContext(t.Context(), binary, append([]string{
		"serve", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--drain-delay", "300ms",
	}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.log
	s.cmd.Env = environment()
	s.cmd.Dir = t.TempDir()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.done
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.web, s.log.String())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); !s.listens() && !s.ended(20*time.Millisecond); {
		if time.Now().After(deadline) {
			t.Fatal("it neither listens nor ends")
		}
	}
	return s
}

// listens reads from the log where the server listens, once it does.
func (s *server) listens() bool {
	for line := range strings.SplitSeq(s.log.String(), "\n") {
		var entry struct{ Msg, GRPC, HTTP, Ops string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			s.grpc, s.web, s.ops = entry.GRPC, entry.HTTP, entry.Ops
			return true
		}
	}
	return false
}

// serve starts serve and waits until it is ready.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	s := launch(t, args...)
	s.ready(30 * time.Second)
	return s
}

func environment() []string {
	var out []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "KEYSTILE_") {
			out = append(out, pair)
		}
	}
	return out
}

func (s *server) ready(within time.Duration) {
	s.t.Helper()
	for deadline := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		if code, _ := s.get("http://" + s.ops + "/readyz"); code == http.StatusOK && strings.Contains(s.out.String(), "/openapi.json") {
			return
		}
		if s.ended(0) || time.Now().After(deadline) {
			s.t.Fatalf("not ready after %s: %s", within, s.log.String())
		}
	}
}

// ended tells whether the process ended within a time.
func (s *server) ended(within time.Duration) bool {
	select {
	case <-s.done:
		return true
	case <-time.After(within):
		return false
	}
}

// exit waits for the end, and gives the exit code.
func (s *server) exit() int {
	s.t.Helper()
	if !s.ended(30 * time.Second) {
		s.t.Fatal("the process did not end")
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// root gives the administrator's secret from the terminal.
func (s *server) root() string {
	_, rest, _ := strings.Cut(s.out.String(), "export KEYSTILE_KEY=")
	secret, _, _ := strings.Cut(rest, "\n")
	return secret
}

func (s *server) get(url string) (int, string) {
	s.t.Helper()
	return fetch(http.MethodGet, url, "", nil)
}

// fetch makes one call; status 0 is no answer.
func fetch(method, url, secret string, body any) (int, string) {
	var reader io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return 0, err.Error()
		}
		reader = bytes.NewReader(raw)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return 0, err.Error()
	}
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(raw)
}

type object = map[string]any

// call makes a REST call that must be answered with 200.
func (s *server) call(method, path, secret string, body any) object {
	s.t.Helper()
	code, raw := fetch(method, "http://"+s.web+path, secret, body)
	var out object
	if err := json.Unmarshal([]byte(raw), &out); err != nil || code != http.StatusOK {
		s.t.Fatalf("%s %s: status %d: %s", method, path, code, raw)
	}
	return out
}

// acme makes a tenant with a user, and gives a key of that user.
func (s *server) acme(root string) (id, secret string) {
	s.t.Helper()
	s.call("POST", "/v1/tenants", root, object{"tenant": object{"id": "acme"}})
	s.call("POST", "/v1/users", root, object{"user": object{"id": "ada", "tenantId": "acme", "kind": "PERSON", "roles": []string{"developer"}}})
	return s.key(root)
}

func (s *server) key(root string) (id, secret string) {
	s.t.Helper()
	out := s.call("POST", "/v1/keys", root, object{"key": object{"tenantId": "acme", "userId": "ada"}})
	id, _ = out["key"].(object)["id"].(string)
	secret, _ = out["secret"].(string)
	return id, secret
}

// reason asks about a key: the reason, or the problem's.
func (s *server) reason(secret string) string {
	_, raw := fetch(http.MethodPost, "http://"+s.web+"/v1/keys:check", "", object{"key": secret})
	var out struct{ Reason string }
	_ = json.Unmarshal([]byte(raw), &out)
	return out.Reason
}

func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}

// keystile runs another command, and gives its exit code and output.
func keystile(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(environment(), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%v: %v", args, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

func migrated(t *testing.T) string {
	t.Helper()
	url := pgtest.NewDatabase(t)
	if code, out := keystile(t, nil, "migrate", "--database-url", url); code != 0 {
		t.Fatalf("migrate: %d %s", code, out)
	}
	return url
}
