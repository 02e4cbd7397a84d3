package client_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A line that can't be read is told before anything is sent, and nothing that
// stands in the file is repeated.
func TestImportOfLinesThatCannotBeRead(t *testing.T) {
	d := overGRPC(t)
	const s = goodSecret
	for _, c := range []struct{ file, text, says string }{
		{"a.csv", "", "this holds no keys"},
		{"a.csv", "user,secret\n", "this holds no keys"},
		{"a.csv", "ada," + s + "\n", "line 1: column 1 is none of digest, secret, user"},
		{"a.csv", "user,secret,user\n", "line 1: the column user stands there twice"},
		{"a.csv", "us\"er,secret\n", "line 1: this is no CSV"},
		{"a.csv", "user,secret\nada\nbo," + s + ",x\nbo," + s + "\n", "line 2: must have as many columns as the header line\n  field:    line 3: must have as many"},
		{"a.csv", "user,secret\nada,x\"" + s + "\n", "line 2: has a quote where none belongs, or lacks one"},
		{"a.csv", "user,secret\nada,\"" + s + "\nbo," + s + "\n", "line 2: has a quote where none belongs, or lacks one"},
		{"a.csv", "user,secret\nada,\"" + strings.Repeat(s+"\n", 60_000), "a line of the file has more than 1048576 bytes"},
		{"a.csv", "user,secret\n," + s + "\n", "line 2: user is required"},
		{"a.csv", "user,name\nada," + s + "\n", "line 2: digest give exactly one of digest and secret"},
		{"a.csv", "user,digest,secret\nada," + s + "," + s + "\n", "line 2: digest give exactly one of digest and secret"},
		{"a.csv", "user,secret,labels\nada,x," + s + "\n", "line 2: labels must be name=value"},
		{"a.csv", "user,secret,labels\nada,x,a=1;a=2\n", "line 2: labels must be name=value"},
		{"a.csv", "user,secret,expireTime\nada,x," + s + "\n", "line 2: expireTime must be a time such as"},
		{"a.csv", "user,secret\nada,\xff" + s + "\n", "line 2: secret must be UTF-8"},
		{"a.jsonl", "\n\n", "this holds no keys"},
		{"a.jsonl", "\n" + s + "\n", "line 2: must be a JSON object"},
		{"a.jsonl", `["` + s + `"]`, "line 1: must be a JSON object"},
		{"a.jsonl", `{"user":"ada","secret":"` + s + `"} {}`, "line 1: must be a JSON object"},
		{"a.jsonl", `{"user":"ada","secret":"` + s, "line 1: must be a JSON object"},
		{"a.jsonl", `{"user":"ada","secret":"` + s + `","secret":"x"}`, "line 1: must be a JSON object in UTF-8, each member once"},
		{"a.jsonl", `{"user":"ada","secret":"` + "\xff" + s + `"}`, "line 1: must be a JSON object in UTF-8"},
		{"a.jsonl", `{"user":"ada","secret":"x","` + s + `":1}`, "line 1: has a member that is none of"},
		{"a.jsonl", `{"user":"ada","secret":["` + s + `"]}`, "line 1: secret must be a text"},
		{"a.jsonl", `{"user":1,"secret":"` + s + `"}`, "line 1: user must be a text"},
		{"a.jsonl", `{"user":"ada","secret":"x","scopes":["` + s + `",1]}`, "line 1: scopes must be a list of texts"},
		{"a.jsonl", `{"user":"ada","secret":"x","labels":["` + s + `"]}`, "line 1: labels must be an object of texts"},
		{"a.jsonl", `{"user":"ada","secret":"x","expireTime":1}`, "line 1: expireTime must be a text"},
		{"a.jsonl", `{"user":"ada","secret":"` + strings.Repeat(s, 60_000) + `"}`, "a line of the file has more than 1048576 bytes"},
	} {
		r := d.run(t, "key", "import", kept(t, c.file, c.text))
		if r.code != 2 {
			t.Errorf("%.60q: exit code %d, want 2", c.text, r.code)
		}
		wantPart(t, "stderr", r.err, c.says)
		wantWithout(t, "stderr", r.err, s)
	}
	var wrong strings.Builder
	for range 5000 {
		wrong.WriteString("{}\n")
	}
	r := d.run(t, "key", "import", kept(t, "a.jsonl", wrong.String()))
	r.wantCode(t, 2)
	if n := strings.Count(r.err, "\n"); n > 210 {
		t.Errorf("%d lines of faults", n)
	}
	wantPart(t, "stderr", r.err, "faults are not shown")
	if len(d.fake.asked) > 0 {
		t.Errorf("the server was asked %d times", len(d.fake.asked))
	}
}

func TestFilesThatAreNoImport(t *testing.T) {
	d := overGRPC(t)
	dir := t.TempDir()
	for _, args := range [][]string{
		{}, {"-"}, {filepath.Join(dir, "none.csv")}, {dir, "--format", "csv"}, {os.DevNull, "--format", "csv"}, {kept(t, "keys.json", "{}")}, {kept(t, "keys", "x")}, {kept(t, "a.csv", "x"), "--format", "xml"},
	} {
		r := d.run(t, append([]string{"key", "import"}, args...)...)
		r.wantCode(t, 2)
	}
	if len(d.fake.asked) > 0 {
		t.Errorf("the server was asked %v", d.fake.asked)
	}
}

// Secrets that others can read are worth a word; digests are not.
func TestAFileOfSecretsIsJudged(t *testing.T) {
	d := overGRPC(t)
	for text, warned := range map[string]bool{
		"user,secret\nada," + goodSecret + "\n": true, "user,digest\nada," + digest(0) + "\n": false,
	} {
		name := kept(t, "keys.csv", text)
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		r := d.run(t, "key", "import", name)
		r.wantCode(t, 0)
		if strings.Contains(r.err, "readable by others (mode 0644)") != warned {
			t.Errorf("%.20q: %s", text, r.err)
		}
	}
}
