package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const modulePath = "github.com/keystile/keystile"

// goFile is one Go file of this module, parsed.
type goFile struct {
	path      string // slash-separated, from the repository's root
	syntax    *ast.File
	lines     int
	generated bool
}

func (f goFile) dir() string  { return path.Dir(f.path) }
func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// generatedLine is the mark that Go's own tools look for.
var generatedLine = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// source is everything the rules are held against.
type source struct {
	fset  *token.FileSet
	files []goFile
}

// position names a place from the repository's root, so that it can be clicked.
func (s source) position(p token.Pos) string { return s.fset.Position(p).String() }

// readSource parses every Go file of the module. Folders with a go.mod of
// their own are other modules, and folders that begin with a dot hold no
// source. Both are left out, as the go command leaves them out.
func readSource(t *testing.T) source {
	t.Helper()
	root := os.DirFS(filepath.Join("..", ".."))
	if _, err := fs.Stat(root, "go.mod"); err != nil {
		t.Fatalf("the repository's root should be two folders up: %v", err)
	}
	src := source{fset: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != "." && isForeign(root, name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(src.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		src.files = append(src.files, goFile{
			path:      name,
			syntax:    syntax,
			lines:     bytes.Count(content, []byte("\n")),
			generated: generatedLine.Match(content),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(src.files) < 20 {
		t.Fatalf("found only %d Go files: the walk has lost its way", len(src.files))
	}
	return src
}

// parseText parses a made-up file, for the tests of the rules themselves.
func parseText(fset *token.FileSet, text string) (*ast.File, error) {
	return parser.ParseFile(fset, "p.go", text, parser.SkipObjectResolution)
}

func isForeign(root fs.FS, dir string) bool {
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return true
	}
	_, err := fs.Stat(root, path.Join(dir, "go.mod"))
	return err == nil
}
