package house

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

func TestNothingRunsBeforeMain(t *testing.T) {
	src := readSource(t)
	for _, file := range src.files {
		if file.generated {
			continue
		}
		for _, decl := range file.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init: construct it where it is wired", src.position(fn.Pos()))
			}
		}
	}
}

// A package-level variable is a table or a sentinel: written once, where it
// stands. One that changes is state that tests, replicas and readers share
// without knowing it.
func TestPackageLevelVariablesNeverChange(t *testing.T) {
	src := readSource(t)
	packages := map[string][]*ast.File{}
	for _, file := range src.files {
		// What serves tests may share a thing between the tests of one binary,
		// which have nothing else in common.
		r, _ := roomOf(file.dir())
		if !file.generated && !file.isTest() && !r.tests {
			packages[file.dir()] = append(packages[file.dir()], file.syntax)
		}
	}
	for dir, files := range packages {
		for _, found := range changes(src.fset, dir, files) {
			t.Error(found)
		}
	}
}

// The rule must bite.
func TestPackageLevelChangesAreFound(t *testing.T) {
	const text = `package p
import "sync"
var count int
var seen = map[string]bool{}
var mu sync.Mutex
var fine = []string{"a"}
func a() { count++ }
func b() { seen["x"] = true }
func c() { count = 2; count := 3; count++ }
func d() *int { return &count }
func e() { delete(seen, "x") }
func f() { fine := fine; fine[0] = "b" }
`
	fset := token.NewFileSet()
	file, err := parseText(fset, text)
	if err != nil {
		t.Fatal(err)
	}
	found := changes(fset, "p", []*ast.File{file})
	want := []string{"5:5", "7:12", "8:12", "9:12", "10:25", "11:19"}
	if len(found) != len(want) {
		t.Fatalf("found %d changes, want %d:\n%s", len(found), len(want), strings.Join(found, "\n"))
	}
	for _, place := range want {
		if !strings.Contains(strings.Join(found, "\n"), "p.go:"+place+":") {
			t.Errorf("the change at %s was not found:\n%s", place, strings.Join(found, "\n"))
		}
	}
}

// noImports answers every import with an error. What the rule needs to know,
// which names are the package's own variables, does not lie in other packages.
type noImports struct{}

func (noImports) Import(string) (*types.Package, error) {
	return nil, errors.New("not needed here")
}

// changes lists the places where a package's variables are written, lent out
// by address, or are locks and counters, which exist to be written.
func changes(fset *token.FileSet, name string, files []*ast.File) []string {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	// The errors of missing imports are expected; what was resolved is in info.
	pkg, _ := config.Check(name, fset, files, info)
	var found []string
	report := func(p token.Pos, format string, args ...any) {
		found = append(found, fset.Position(p).String()+": "+fmt.Sprintf(format, args...))
	}
	check := func(expr ast.Expr, what string) {
		root := rootOf(expr)
		if root == nil {
			return
		}
		if v, ok := info.Uses[root].(*types.Var); ok && v.Parent() == pkg.Scope() {
			report(root.Pos(), "package-level %s is %s: pass it in, or keep it in a struct", root.Name, what)
		}
	}
	for _, file := range files {
		for _, decl := range file.Decls {
			if gen, ok := decl.(*ast.GenDecl); ok && gen.Tok == token.VAR {
				for _, spec := range gen.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && isLock(v.Type) {
						report(v.Pos(), "package-level %s exists to change: keep it in a struct", v.Names[0].Name)
					}
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, left := range n.Lhs {
						check(left, "assigned")
					}
				}
			case *ast.IncDecStmt:
				check(n.X, "counted")
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					check(n.X, "lent out by address")
				}
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.Ident); ok && (fn.Name == "delete" || fn.Name == "clear") && len(n.Args) > 0 {
					check(n.Args[0], "emptied")
				}
			}
			return true
		})
	}
	return found
}

// rootOf finds the variable that a write through fields, indexes or pointers
// begins at.
func rootOf(expr ast.Expr) *ast.Ident {
	for {
		switch e := expr.(type) {
		case *ast.Ident:
			return e
		case *ast.SelectorExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.StarExpr:
			expr = e.X
		case *ast.ParenExpr:
			expr = e.X
		default:
			return nil
		}
	}
}

// isLock knows the types of sync and sync/atomic by their written names.
func isLock(expr ast.Expr) bool {
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if index, ok := expr.(*ast.IndexExpr); ok {
		expr = index.X
	}
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && (pkg.Name == "sync" || pkg.Name == "atomic")
}
