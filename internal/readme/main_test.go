package main

import (
	"strings"
	"testing"
	"time"
)

// runText runs a made-up document from the repository's root.
func runText(t *testing.T, lines ...string) (string, error) {
	t.Helper()
	t.Chdir("../..")
	doc, err := parseDocument("d", strings.Join(lines, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = runDocument(t.Context(), &out, doc, 10*time.Second)
	return out.String(), err
}

func TestDocumentIsOneShellInAFreshCopy(t *testing.T) {
	out, err := runText(t,
		"```sh", "cd api", "export COLOUR=green", "```",
		"<!-- ci: expect green in api -->",
		"```sh", `echo "$COLOUR in $(basename "$PWD")"`, "test -f ../go.mod", "test ! -e ../.git", "```",
		"<!-- ci: exit 3 -->",
		"```sh", "(exit 3)", "```",
		"<!-- ci: skip needs Docker -->",
		"```sh", "false", "```",
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "d:16: not run: needs Docker") {
		t.Errorf("the skipped block is not named:\n%s", out)
	}
}

func TestBackgroundIsAwaitedCapturedAndStopped(t *testing.T) {
	_, err := runText(t,
		"<!-- ci: background -->",
		"<!-- ci: capture ks_... ks_[0-9A-Za-z]+ -->",
		"```sh", "test -t 1", "sleep 0.3", "echo the secret: ks_abc123", "sleep 100", "```",
		"<!-- ci: expect ks_abc123 on 127.0.0.1 -->",
		"```sh", "export KEYSTILE_KEY=ks_...", `echo "$KEYSTILE_KEY on ${KEYSTILE_HTTP_LISTEN%:*}"`,
		`test "$KEYSTILE_HTTP_LISTEN" = 127.0.0.1:8080`, "```",
	)
	if err != nil {
		t.Fatal(err)
	}
}

func TestFailuresAreNamedByLine(t *testing.T) {
	for _, c := range []struct {
		name, want string
		lines      []string
	}{
		{"a command fails", "d:2: a command failed", []string{"", "```sh", "false", "true", "```"}},
		{"a pipe fails", "d:1: a command failed", []string{"```sh", "false | cat", "```"}},
		{"a name is unset", "d:1: a command failed", []string{"```sh", `echo "$NOBODY_SETS_THIS"`, "```"}},
		{"output is missing", `does not contain "yes"`, []string{"<!-- ci: expect yes -->", "```sh", "echo no", "```"}},
		{"status differs", "ended with status 1, want 3", []string{"<!-- ci: exit 3 -->", "```sh", "false", "```"}},
		{"background ends early", "it ended early", []string{"<!-- ci: background -->", "<!-- ci: expect up -->", "```sh", "echo down", "```"}},
		{"never ready", "ended early", []string{"<!-- ci: background http://127.0.0.1:9091/readyz -->", "```sh", "sleep 0.5", "```"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := runText(t, c.lines...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
