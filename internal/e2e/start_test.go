package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/keystile/keystile/internal/pgtest"
)

// What the first start prints can be pasted into a shell, line by line.
func TestFirstStart(t *testing.T) {
	s := serve(t)
	root := s.root()
	if !regexp.MustCompile(`^ks_[0-9A-Za-z]{38}$`).MatchString(root) {
		t.Fatalf("no secret on the terminal: %s", s.out.String())
	}
	if strings.Contains(s.log.String(), root) {
		t.Error("the secret is in the log")
	}
	var lines []string
	for line := range strings.SplitSeq(s.out.String(), "\n") {
		if strings.HasPrefix(line, "  ") {
			lines = append(lines, line)
		}
	}
	if len(lines) != 4 {
		t.Fatalf("%d lines to paste: %v", len(lines), lines)
	}
	out, err := exec.CommandContext(t.Context(), "bash", "-euc", strings.Join(lines, "\n")).CombinedOutput()
	if err != nil {
		t.Fatalf("pasting: %v: %s", err, out)
	}
	for _, want := range []string{`"allowed":true`, `"openapi"`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("pasting gave no %s: %s", want, out)
		}
	}
	if info, err := os.Stat(filepath.Join(s.cmd.Dir, "keystile-data")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data folder: %v %v", info, err)
	}

	second := launch(t, "--data-dir", filepath.Join(s.cmd.Dir, "keystile-data"))
	if code := second.exit(); code == 0 || !strings.Contains(second.log.String(), "keystile.db") {
		t.Errorf("a second process on the same data ended with %d: %s", code, second.log.String())
	}
	s.signal(syscall.SIGTERM)
	if code := s.exit(); code != 0 {
		t.Errorf("SIGTERM: exit %d", code)
	}
	again := serve(t, "--data-dir", filepath.Join(s.cmd.Dir, "keystile-data"))
	if strings.Contains(again.out.String(), "ks_") {
		t.Error("the second start shows a secret")
	}
	if got := again.reason(root); got != "ALLOWED" {
		t.Errorf("the first secret after a restart: %s", got)
	}
}

func TestBootstrapKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admin.key")
	s := serve(t, "--bootstrap-key-file", file)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimSpace(string(raw))
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if strings.Contains(s.out.String(), secret) || strings.Contains(s.log.String(), secret) {
		t.Error("the secret is on the terminal or in the log too")
	}
	if got := s.reason(secret); got != "ALLOWED" {
		t.Errorf("the secret in the file: %s", got)
	}
	// A file that is there is nobody's to overwrite, and nothing is issued then.
	other := launch(t, "--bootstrap-key-file", file)
	if code := other.exit(); code == 0 {
		t.Error("a start overwrote an existing file")
	}
	if now, _ := os.ReadFile(file); string(now) != string(raw) {
		t.Error("the file was changed")
	}
}

func TestRefusedStarts(t *testing.T) {
	fails := func(name, want string, s *server) {
		t.Helper()
		if code := s.exit(); code == 0 || !strings.Contains(s.log.String()+s.out.String(), want) {
			t.Errorf("%s: exit %d, %s", name, code, s.log.String())
		}
	}
	fails("a schema that is not there", "keystile migrate", launch(t, "--database-url", pgtest.NewDatabase(t)))
	open := launch(t, "--http-listen", "0.0.0.0:0")
	fails("an open address without a choice", "--check-auth", open)
	fails("a staleness that is no bound", "--max-staleness", launch(t, "--max-staleness", "16m"))
	fails("an unknown check-auth", "check-auth", launch(t, "--check-auth", "maybe"))
	fails("a pepper file that is not there", "pepper", launch(t, "--pepper-file", "nosuch"))
	misspelt := exec.CommandContext(t.Context(), binary, "serve")
	misspelt.Env = append(environment(), "KEYSTILE_MAX_STALENES=5s")
	if out, err := misspelt.CombinedOutput(); err == nil || !strings.Contains(string(out), "KEYSTILE_MAX_STALENES") {
		t.Errorf("a misspelt setting: %v %s", err, out)
	}
}

func TestSignals(t *testing.T) {
	s := serve(t, "--drain-delay", "1500ms")
	s.signal(syscall.SIGTERM)
	eventually(t, 2*time.Second, "not ready after SIGTERM", func() bool {
		code, _ := s.get("http://" + s.ops + "/readyz")
		return code == 503
	})
	if got := s.reason("sk-unknown-0123456789"); got != "KEY_NOT_FOUND" {
		t.Errorf("while draining, checks are answered with %q", got)
	}
	if code := s.exit(); code != 0 {
		t.Errorf("SIGTERM: exit %d", code)
	}
	twice := serve(t, "--drain-delay", "20s")
	twice.signal(syscall.SIGTERM)
	time.Sleep(200 * time.Millisecond)
	twice.signal(syscall.SIGTERM)
	if !twice.ended(2 * time.Second) {
		t.Error("a second signal did not end it at once")
	}
}

// Two replicas that start on one empty store make exactly one admin, and what
// one writes the other knows.
func TestTwoReplicas(t *testing.T) {
	url := migrated(t)
	var replicas [2]*server
	var wait sync.WaitGroup
	for i := range replicas {
		replicas[i] = launch(t, "--database-url", url)
		wait.Go(func() { replicas[i].ready(30 * time.Second) })
	}
	wait.Wait()
	a, b := replicas[0], replicas[1]
	root := a.root() + b.root()
	if !strings.HasPrefix(root, "ks_") || strings.Count(root, "ks_") != 1 {
		t.Fatalf("secrets shown: %d", strings.Count(root, "ks_"))
	}
	eventually(t, 5*time.Second, "both accept the admin", func() bool { return a.reason(root) == "ALLOWED" && b.reason(root) == "ALLOWED" })
	id, secret := a.acme(root)
	if got := a.reason(secret); got != "ALLOWED" {
		t.Errorf("where it was written: %s", got)
	}
	eventually(t, 2*time.Second, "the other replica knows the key", func() bool { return b.reason(secret) == "ALLOWED" })
	b.call("POST", "/v1/keys/"+id+":revoke", root, object{"reason": "KEY_COMPROMISE"})
	if got := b.reason(secret); got != "KEY_REVOKED" {
		t.Errorf("where it was revoked: %s", got)
	}
	eventually(t, 2*time.Second, "the other replica has the revocation", func() bool { return a.reason(secret) == "KEY_REVOKED" })
}

func TestRecoverAdmin(t *testing.T) {
	url := migrated(t)
	s := serve(t, "--database-url", url)
	code, out := keystile(t, nil, "recover-admin", "--database-url", url)
	_, rest, _ := strings.Cut(out, "KEYSTILE_KEY=")
	secret, _, _ := strings.Cut(rest, "\n")
	if code != 0 || secret == "" {
		t.Fatalf("exit %d: %s", code, out)
	}
	eventually(t, 3*time.Second, "the recovered key works", func() bool { return s.reason(secret) == "ALLOWED" })
	events := s.call("GET", "/v1/auditEvents?tenantId=system", secret, nil)
	if raw := events["auditEvents"].([]any)[0].(object)["reason"]; raw != "recovery by the owner of the database" {
		t.Errorf("audited as %v", raw)
	}
}
