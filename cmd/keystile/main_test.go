package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keystile/keystile/cmd/keystile/client"
)

// asKeystile makes the test's own binary be keystile, for shells to call.
const asKeystile = "KEYSTILE_TEST_BE_KEYSTILE"

func TestMain(m *testing.M) {
	if os.Getenv(asKeystile) != "" {
		main()
	}
	os.Exit(m.Run())
}

// keystile runs a command line, and gives its exit code and what it printed.
func keystile(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &client.Terminal{
		In: strings.NewReader(""), Out: &o, Err: &e,
		Getenv: func(string) string { return "" }, Now: time.Now, Random: bytes.NewReader(nil),
	})
	return code, o.String(), e.String()
}

func TestVersion(t *testing.T) {
	code, out, _ := keystile(t, "version", "-o", "json")
	var b build
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v: %s", code, err, out)
	}
	if b.Version == "" || b.Revision == "" || b.Go == "" || b.Platform == "" {
		t.Errorf("got %+v: what is not known must say so", b)
	}
	if code, out, _ = keystile(t, "version"); code != 0 || !strings.HasPrefix(out, "keystile "+b.Version+" ") {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestHelpAndWrongUsage(t *testing.T) {
	code, out, _ := keystile(t, "--help")
	if code != 0 || !strings.Contains(out, "Exit codes:") || !strings.Contains(out, "key <command>") {
		t.Errorf("exit code %d: %s", code, out)
	}
	for _, args := range [][]string{nil, {"nonsense"}, {"key"}, {"version", "--nonsense"}} {
		if code, out, errs := keystile(t, args...); code != 2 || out != "" || !strings.HasPrefix(errs, "keystile: ") {
			t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

// The script must work in the real shell: what is typed there comes back as a
// completion of the real command line.
func TestCompletionInBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatalf("this test needs bash; install it: apt-get install bash: %v", err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "keystile")
	if err := os.Symlink(self, binary); err != nil {
		t.Fatal(err)
	}
	_, script, _ := keystile(t, "completion", "bash")
	for _, c := range []struct{ words, want string }{
		{"key ro", "rotate"},
		{"key revoke --reason k", "key-compromise"},
		{"key list --output = js", "json"},
		{"completion z", "zsh"},
		{"key create --secret-file x", ""},
	} {
		words := append([]string{binary}, strings.Fields(c.words)...)
		ask := script + `
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _keystile; printf '%s\n' "${COMPREPLY[@]}"`
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, bash, append([]string{"--norc", "-c", ask, "bash"}, words...)...)
		cmd.Env = append(os.Environ(), asKeystile+"=1")
		out, err := cmd.Output()
		cancel()
		if err != nil || strings.TrimSpace(string(out)) != c.want {
			t.Errorf("%s: got %q (%v), want %q", c.words, out, err, c.want)
		}
	}
}

func TestEveryShellHasItsScript(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		code, out, errs := keystile(t, "completion", shell)
		if code != 0 || !strings.Contains(out, "completion words --") {
			t.Errorf("%s: exit code %d: %s%s", shell, code, out, errs)
		}
	}
}
