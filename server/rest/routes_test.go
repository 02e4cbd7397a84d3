package rest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// TestRoutesAreHTTPYAML holds the table against the file that the generated code
// is made from: a line missing here is a path that answers 404.
func TestRoutesAreHTTPYAML(t *testing.T) {
	text, err := os.ReadFile("../../api/keystile/v1/http.yaml")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^\s*(?:- )?(selector|get|post|put|patch|delete|body): "?([^"\s]+)"?$`)
	var want []string
	selector := ""
	for raw := range strings.Lines(string(text)) {
		m := line.FindStringSubmatch(strings.TrimRight(raw, "\n"))
		switch {
		case m == nil:
		case m[1] == "selector":
			selector = m[2]
		case m[1] == "body":
			want[len(want)-1] += " " + m[2]
		default:
			want = append(want, requestOf(t, selector)+" "+strings.ToUpper(m[1])+" "+m[2])
		}
	}
	var got []string
	for _, r := range routes() {
		entry := string(r.request.FullName()) + " " + r.method + " " + r.pattern
		if r.body != "" {
			entry += " " + r.body
		}
		got = append(got, entry)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func requestOf(t *testing.T, selector string) string {
	t.Helper()
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(selector))
	if err != nil {
		t.Fatal(err)
	}
	return string(d.(protoreflect.MethodDescriptor).Input().FullName())
}

// A path parameter that names a branch of a oneof must be covered by the body or
// by the branch that the query is read by.
func TestBranchesCoverTheirParameters(t *testing.T) {
	parameter := regexp.MustCompile(`\{([a-z_]+)\.[a-z_.]+\}`)
	for _, r := range routes() {
		m := parameter.FindStringSubmatch(r.pattern)
		if len(m) == 2 && m[1] != r.body && m[1] != r.branch {
			t.Errorf("%s %s: neither body nor branch is %s", r.method, r.pattern, m[1])
		}
	}
}
