package house

import (
	"go/ast"
	"path"
	"testing"
)

// mostLines is where a file has become two concepts.
const mostLines = 400

func TestFilesStayShort(t *testing.T) {
	for _, file := range readSource(t).files {
		if file.generated || file.isTest() {
			continue
		}
		if file.lines > mostLines {
			t.Errorf("%s has %d lines, %d at the most: split it by concept", file.path, file.lines, mostLines)
		}
	}
}

// hollow lists package names that say where code was put, not what it is for.
var hollow = map[string]bool{
	"common": true, "helper": true, "helpers": true, "misc": true, "shared": true,
	"types": true, "util": true, "utils": true,
}

func TestPackageNamesSayWhatTheyAreFor(t *testing.T) {
	for _, file := range readSource(t).files {
		for _, name := range []string{file.syntax.Name.Name, path.Base(file.dir())} {
			if hollow[name] {
				t.Errorf("%s: the name %q says nothing; name the package by what it is for", file.path, name)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := map[string]bool{}
	for _, file := range readSource(t).files {
		if file.isTest() || within(file.dir(), "api") {
			continue
		}
		documented[file.dir()] = documented[file.dir()] || file.syntax.Doc != nil
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file has a package comment that says what the package is for", dir)
		}
	}
}

// A test that lacks something fails and says what to install: a skipped test
// proves nothing and looks as if it did.
func TestNoTestIsSkipped(t *testing.T) {
	src := readSource(t)
	skips := map[string]bool{"Skip": true, "Skipf": true, "SkipNow": true}
	for _, file := range src.files {
		if !importsTesting(file.syntax) {
			continue
		}
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && skips[method.Sel.Name] {
					t.Errorf("%s: %s: fail and say what is missing instead", src.position(call.Pos()), method.Sel.Name)
				}
			}
			return true
		})
	}
}

func importsTesting(file *ast.File) bool {
	for _, spec := range file.Imports {
		if spec.Path.Value == `"testing"` || spec.Path.Value == `"pgregory.net/rapid"` {
			return true
		}
	}
	return false
}
