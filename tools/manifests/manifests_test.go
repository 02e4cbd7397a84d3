package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// shipped is what the repository holds, and the server that is built from it.
type shipped struct {
	files   map[string]string
	server  *program
	schemas schemas
}

// ship builds the server, and reads what is shipped with it.
func ship(t *testing.T) *shipped {
	t.Helper()
	root := filepath.Join("..", "..")
	s := &shipped{files: map[string]string{}, server: &program{path: filepath.Join(t.TempDir(), "keystile")}}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.server.path, "./cmd/keystile")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the server: %v\n%s", err, out)
	}
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, "deploy", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tree, file)
		s.files[file] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.files["Dockerfile"] = ""
	if s.schemas, err = readSchemas(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// check runs every check on the files, with some of them changed.
func (s *shipped) check(ctx context.Context, changed map[string]string) []string {
	tree := fstest.MapFS{}
	for file, text := range s.files {
		tree[file] = &fstest.MapFile{Data: []byte(text)}
	}
	for file, text := range changed {
		tree[file] = &fstest.MapFile{Data: []byte(text)}
	}
	c := &checker{tree: tree, server: s.server, schemas: s.schemas}
	return c.check(ctx)
}

func TestManifests(t *testing.T) {
	s := ship(t)
	t.Run("what is shipped is right", func(t *testing.T) {
		for _, finding := range s.check(t.Context(), nil) {
			t.Error(finding)
		}
	})
	t.Run("every document is missed", func(t *testing.T) {
		for file := range s.files {
			if !strings.HasPrefix(file, kubernetesDir) || filepath.Ext(file) != ".yaml" {
				continue
			}
			if found := s.check(t.Context(), map[string]string{file: "# nothing\n"}); len(found) == 0 {
				t.Errorf("nothing is missed without %s", file)
			}
		}
	})
	t.Run("the command says so", func(t *testing.T) {
		var out, errs strings.Builder
		if code := run(t.Context(), []string{"-keystile", s.server.path}, &out, &errs); code != 0 {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
		if !strings.Contains(out.String(), "compose services") {
			t.Errorf("it says %q", out.String())
		}
		if code := run(t.Context(), []string{"-root", t.TempDir(), "-keystile", s.server.path}, &out, &errs); code != 1 {
			t.Errorf("exit code %d for a folder without manifests", code)
		}
	})
	for _, b := range breakages() {
		t.Run(fmt.Sprintf("%s: %q", b.file, b.with), func(t *testing.T) {
			t.Parallel()
			file := "deploy/" + b.file
			if !strings.Contains(s.files[file], b.replace) {
				t.Fatalf("%s no longer holds %q: this case breaks nothing", file, b.replace)
			}
			found := s.check(t.Context(), map[string]string{file: strings.Replace(s.files[file], b.replace, b.with, 1)})
			if !strings.Contains(strings.Join(found, "\n"), b.want) {
				t.Errorf("replaced %q by %q:\n got %q\nwant a finding with %q", b.replace, b.with, found, b.want)
			}
		})
	}
}

func TestReadHelp(t *testing.T) {
	got := readHelp("Flags:\n  -h, --help    Show help.\n      --drain-delay=2s    How long, see --other\n          to wait ($KEYSTILE_DRAIN_DELAY).\n      --[no-]plain    Without a variable.\n")
	if !got.flags["--drain-delay"] || got.flags["--other"] || !got.variables["KEYSTILE_DRAIN_DELAY"] || got.defaults["KEYSTILE_DRAIN_DELAY"] != "2s" {
		t.Errorf("got %+v", got)
	}
}
